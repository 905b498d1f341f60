#include "wire/protobuf_log.h"

#include <google/protobuf/stubs/logging.h>

#include <atomic>
#include <string>

#include "base/check.h"

namespace hearth::wire {
namespace {

// The handler is a bare function, so that what it needs has to stand somewhere.
std::atomic<Log*>& target() {
  static std::atomic<Log*> log{nullptr};
  return log;
}

void handle(google::protobuf::LogLevel level, const char* file, int line,
            const std::string& message) {
  if (Log* log = target().load()) {
    const bool is_last = level == google::protobuf::LOGLEVEL_FATAL;
    log->log(is_last ? LogLevel::Error : LogLevel::Debug, "protobuf: " + message,
             {{"file", file}, {"line", line}});
  }
}

}  // namespace

ProtobufLog::ProtobufLog(Log& log) {
  HEARTH_CHECK(target().exchange(&log) == nullptr, "two logs for protobuf");
  google::protobuf::SetLogHandler(handle);
}

ProtobufLog::~ProtobufLog() {
  google::protobuf::SetLogHandler(nullptr);
  target().store(nullptr);
}

}  // namespace hearth::wire
