#include "worker.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "counted_call.hpp"
#include "finalizer.hpp"
#include "protocol.hpp"
#include "uv_error.hpp"

namespace tour {
namespace {

/// A new connection now and then, but not for each file: closed ones keep their port for a while.
constexpr int files_per_connection = 16;

}  // namespace

connection::connection(loopbridge::bridge& b, async::socket_ptr s, tally& t)
    : socket_(std::move(s)), tally_(t), closing_(b, [s = socket_, &t](loopbridge::loop_ref loop) {
        t.ran();
        async::close(loop, s);
      }) {}

connection::~connection() {
  tally_.submitted(closing_.post());
}

template <class F, class... Args>
auto worker::call(tally& t, F f, Args... args) {
  return counted_call(client_, t, f, std::move(args)...);
}

void worker::run() {
  for (int n = 0; const auto index = jobs_.next(); ++n) {
    if (n % files_per_connection == 0) {
      unread_ = {};
      connection_.reset();
      connection_.emplace(client_, call(tallies_.connect, async::connect, server_),
                          tallies_.closing);
    }
    try {
      fetch(*index);
    } catch (const std::exception& e) {
      throw std::runtime_error("fetching " + jobs_.path(*index) + ": " + e.what());
    }
    jobs_.file_done();
    destroy_finalizers(client_, tallies_);
  }
  connection_.reset();
}

void worker::fetch(std::size_t index) {
  const async::file_ptr original = call(tallies_.file, async::open_file, jobs_.path(index));

  const auto wanted = static_cast<request>(index);
  call(tallies_.write, async::write, connection_->socket(),
       std::string(reinterpret_cast<const char*>(&wanted), sizeof(wanted)));

  const std::uint64_t size = receive_size();
  for (std::uint64_t offset = 0; offset < size;) {
    const async::bytes part = receive(size - offset);
    compare(original, offset, part);
    offset += part.size();
    jobs_.verified(part.size());
  }
  if (!call(tallies_.file, async::read_file, original, size, std::size_t{1}).empty()) {
    throw std::runtime_error("the file is longer than what the server sent");
  }
}

std::uint64_t worker::receive_size() {
  answer_head size = 0;
  for (std::size_t got = 0; got < sizeof(size);) {
    const async::bytes part = receive(sizeof(size) - got);
    std::memcpy(reinterpret_cast<char*>(&size) + got, part.data(), part.size());
    got += part.size();
  }
  if (size < 0) throw uv_error(static_cast<int>(size), "the server cannot read it");
  return static_cast<std::uint64_t>(size);
}

/// At least one byte. They lie in the socket's buffer until the next call.
async::bytes worker::receive(std::uint64_t at_most) {
  if (unread_.empty()) unread_ = call(tallies_.read, async::read_some, connection_->socket());
  if (unread_.empty()) throw std::runtime_error("the server hung up in the middle of a file");
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(at_most, unread_.size()));
  const async::bytes part = unread_.first(size);
  unread_ = unread_.subspan(size);
  return part;
}

void worker::compare(const async::file_ptr& original, std::uint64_t offset, async::bytes received) {
  const finalizer when_compared(client_, tallies_.comparing);
  while (!received.empty()) {
    const async::bytes expected =
        call(tallies_.file, async::read_file, original, offset, received.size());
    if (expected.empty() || !std::equal(expected.begin(), expected.end(), received.begin())) {
      throw std::runtime_error("what the server sent differs from the file, at byte " +
                               std::to_string(offset) + " or soon after");
    }
    offset += expected.size();
    received = received.subspan(expected.size());
  }
}

}  // namespace tour
