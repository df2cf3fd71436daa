#pragma once

#include <cstddef>
#include <cstdint>

namespace tour {

/// What client and server say to each other: a request is the index of a file; the answer is that
/// file's size, or a negative code of libuv's, and then its bytes. Any number of them may follow
/// each other on a connection. In the machine's byte order, since both ends are this process.
using request = std::uint32_t;
using answer_head = std::int64_t;

/// Files go over the wire and into memory in pieces of at most this size, so that the tour's
/// memory does not depend on theirs.
inline constexpr std::size_t chunk_size = 64 * 1024;

}  // namespace tour
