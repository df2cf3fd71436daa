#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <loopbridge/loop_ref.hpp>
#include <loopbridge/results/deferred.hpp>
#include <memory>
#include <span>
#include <string>

namespace tour {

/// libuv's client functions in the shape that a bridge can call and wait for: each one begins its
/// work and returns a deferred, which a callback of libuv's resolves or rejects later. They throw,
/// or reject with, std::system_error.
///
/// The first parameter is the loop even where it is not used: a caller without a loop_ref is not on
/// the loop's thread, and may not call them.
///
/// When a caller gives up (its call_for timed out, say) the cancel hooks end what was begun. Until
/// that is over the callbacks need the socket or the file, so both are shared.
namespace async {

using bytes = std::span<const char>;

struct socket;
using socket_ptr = std::shared_ptr<socket>;

loopbridge::deferred<socket_ptr> connect(loopbridge::loop_ref loop, sockaddr_in address);
loopbridge::deferred<void> write(loopbridge::loop_ref loop, socket_ptr to, std::string data);
/// What has come, at most a chunk; nothing at the end. It lies in the socket, until the next
/// read_some: one at a time.
loopbridge::deferred<bytes> read_some(loopbridge::loop_ref loop, socket_ptr from);
/// Whatever is still under way on it fails.
void close(loopbridge::loop_ref loop, socket_ptr s);

struct file;
using file_ptr = std::shared_ptr<file>;

/// Opens a regular file for reading. It is closed with the last file_ptr.
loopbridge::deferred<file_ptr> open_file(loopbridge::loop_ref loop, std::string path);
/// Its size when it was opened. Any thread.
std::uint64_t size_of(const file_ptr& f);
/// What is there at `offset`, at most `size` bytes and at most a chunk; nothing at the end. It
/// lies in the file object, until the next read_file: one at a time.
loopbridge::deferred<bytes> read_file(loopbridge::loop_ref loop, file_ptr from,
                                      std::uint64_t offset, std::size_t size);

}  // namespace async
}  // namespace tour
