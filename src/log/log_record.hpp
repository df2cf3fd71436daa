#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string_view>

#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/sync/slot_pool.hpp"
#include "loopbridge/log/log_sink.hpp"

namespace loopbridge::detail {

struct log_records;

/// A message on its way: a slot of the sink's pool, and an entry of its bridge's submission list.
class log_record final : public operation {
 public:
  /// The slot's claimer, anywhere. Formats: the arguments need not outlive it.
  void fill(log_records& home, log_level level, const log_message& message,
            const log_argument* args) noexcept;

  call_base* run(loop_core& core) noexcept override;
  call_base* refuse(loop_core& core) noexcept override;

 private:
  log_records* home_ = nullptr;
  std::chrono::system_clock::time_point time_;
  std::uint64_t thread_ = 0;
  std::source_location where_;
  const char* file_ = nullptr;
  unsigned line_ = 0;
  log_level level_ = log_level::info;
  std::uint16_t size_ = 0;
  char text_[440];
};
static_assert(sizeof(log_record) <= 512);

/// What the sink's loop needs. Its bridge's options own it, so that it is there as long as the
/// loop, though the sink may be gone.
struct log_records {
  explicit log_records(log_options& opts) : slots(opts.records), writer(std::move(opts.writer)) {}

  slot_pool<log_record> slots;
  const log_writer writer;
  std::atomic<std::uint64_t> dropped{0};  ///< a statistic: orders nothing
};

/// Writes `format` with its arguments to [begin, end); the end of what fits. Any thread, any
/// handler.
char* write_log_text(char* begin, char* end, std::string_view format,
                     const log_argument* args) noexcept;

}  // namespace loopbridge::detail
