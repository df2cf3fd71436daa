#include "redis/reply_reader.hpp"

#include <hiredis/hiredis.h>

#include <new>
#include <stdexcept>
#include <string>

namespace loopbridge::clients {

/// Who makes answers.
struct detail::reply_access {
  using kind = redis_reply::kind;

  static void set(redis_reply& r, kind k) { r.kind_ = k; }
  static void set(redis_reply& r, kind k, std::string text) {
    r.kind_ = k;
    r.text_ = std::move(text);
  }
  static void set(redis_reply& r, std::int64_t integer) {
    r.kind_ = kind::integer;
    r.integer_ = integer;
  }
  static redis_reply& add_to(redis_reply& array) { return array.array_.emplace_back(); }
};

namespace detail {
namespace {

using access = reply_access;

/// Where hiredis' next object goes: an answer of its own, or the end of an array. The array grows
/// by one at a time, as its announced size is the peer's word. It may move its elements then: none
/// of these is still being read, or the new one would go into that.
redis_reply* place_of(const redisReadTask* task) {
  if (task->parent == nullptr) return new redis_reply;
  return &access::add_to(*static_cast<redis_reply*>(task->parent->obj));
}

/// No exception may pass through hiredis, which takes null for "no memory".
template <class Fill>
void* made(const redisReadTask* task, Fill fill) noexcept {
  redis_reply* own = nullptr;
  try {
    redis_reply* const place = place_of(task);
    if (task->parent == nullptr) own = place;
    fill(*place);
    return place;
  } catch (const std::exception&) {
    delete own;
    return nullptr;
  }
}

void* make_string(const redisReadTask* task, char* text, std::size_t size) {
  const auto k = task->type == REDIS_REPLY_ERROR    ? access::kind::error
                 : task->type == REDIS_REPLY_STATUS ? access::kind::status
                                                    : access::kind::text;
  return made(task, [&](redis_reply& r) { access::set(r, k, std::string(text, size)); });
}
void* make_array(const redisReadTask* task, int) {
  return made(task, [](redis_reply& r) { access::set(r, access::kind::array); });
}
void* make_integer(const redisReadTask* task, long long value) {
  return made(task, [&](redis_reply& r) { access::set(r, value); });
}
void* make_nil(const redisReadTask* task) {
  return made(task, [](redis_reply&) {});
}
/// Called for whole answers only; their elements are theirs.
void free_answer(void* answer) {
  delete static_cast<redis_reply*>(answer);
}

redisReplyObjectFunctions functions = {make_string, make_array, make_integer, make_nil,
                                       free_answer};

}  // namespace

reply_reader::reply_reader() : reader_(redisReaderCreateWithFunctions(&functions)) {
  if (!reader_) throw std::bad_alloc();
}

void reply_reader::feed(const char* bytes, std::size_t size) {
  if (redisReaderFeed(reader_.get(), bytes, size) != REDIS_OK)
    throw std::runtime_error(reader_->errstr);
}

std::optional<redis_reply> reply_reader::next() {
  void* answer = nullptr;
  if (redisReaderGetReply(reader_.get(), &answer) != REDIS_OK)
    throw std::runtime_error(reader_->errstr);
  if (answer == nullptr) return std::nullopt;
  const std::unique_ptr<redis_reply> owned(static_cast<redis_reply*>(answer));
  return std::move(*owned);
}

bool reply_reader::is_inside() const noexcept {
  // hiredis begins the next answer, of no type yet, before there are bytes of it.
  const bool begun = reader_->ridx != -1 && reader_->rstack[0].type != -1;
  return begun || reader_->pos < reader_->len;
}

}  // namespace detail
}  // namespace loopbridge::clients
