// A log whose lines a test reads. Thread-safe.
#pragma once

#include <string>

#include "base/log.h"
#include "base/mutex.h"

namespace hearth::testing {

class RecordingLog final : public Log {
 public:
  RecordingLog() : Log(LogLevel::Debug) {}

  [[nodiscard]] std::string text() const {
    const MutexLock lock(mutex_);
    return text_;
  }

 private:
  void write(LogLevel /*level*/, std::string_view message, LogFields fields) override {
    const MutexLock lock(mutex_);
    text_ += format_text_line(message, fields) + "\n";
  }

  mutable Mutex mutex_;
  std::string text_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::testing
