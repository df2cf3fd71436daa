#pragma once

#include <hiredis/read.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "loopbridge/clients/redis_reply.hpp"

namespace loopbridge::clients::detail {

/// Makes answers of the bytes of one connection, by hiredis' parser. For each connection a new one:
/// the old one may be in the middle of an answer.
class reply_reader {
 public:
  /// Throws   std::bad_alloc
  reply_reader();

  /// Throws   std::runtime_error: there was no memory
  void feed(const char* bytes, std::size_t size);
  /// The next whole answer, if there is one.
  /// Throws   std::runtime_error: the bytes are no answer of Redis, or there was no memory for it.
  ///          Of no use after that.
  std::optional<redis_reply> next();
  /// Has an answer begun that has not ended?
  bool is_inside() const noexcept;

 private:
  struct deleter {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
  };
  std::unique_ptr<redisReader, deleter> reader_;
};

}  // namespace loopbridge::clients::detail
