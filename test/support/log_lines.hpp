#pragma once

#include <loopbridge/log/log_sink.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace support {

/// A writer that keeps what it gets. Copies keep it in the same place.
class log_lines {
 public:
  struct line {
    loopbridge::log_level level;
    std::uint64_t thread;
    std::string text;
    const char* file;
    unsigned line_of_file;
  };

  loopbridge::log_writer writer() const {
    return {[kept = kept_](const loopbridge::log_line& l) {
              const std::lock_guard lock(kept->mutex);
              kept->lines.push_back({l.level, l.thread, std::string(l.text), l.file, l.line});
            },
            {}};
  }
  loopbridge::log_options options() const {
    loopbridge::log_options opts;
    opts.writer = writer();
    return opts;
  }
  std::vector<line> all() const {
    const std::lock_guard lock(kept_->mutex);
    return kept_->lines;
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const line& l : all()) texts.push_back(l.text);
    return texts;
  }

 private:
  struct shared {
    std::mutex mutex;
    std::vector<line> lines;
  };
  std::shared_ptr<shared> kept_ = std::make_shared<shared>();
};

}  // namespace support
