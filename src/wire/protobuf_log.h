// protobuf's own log lines into ours. It has one handler a process and writes to stderr without:
// any peer that sends text which is no UTF-8 would fill the operator's log past its level and form.
#pragma once

#include "base/log.h"

namespace hearth::wire {

// While it lives, what protobuf says goes to `log`: at debug, but for what ends the process. At
// most one at a time; `log` outlives it.
class ProtobufLog {
 public:
  explicit ProtobufLog(Log& log);
  ~ProtobufLog();
  ProtobufLog(const ProtobufLog&) = delete;
  ProtobufLog& operator=(const ProtobufLog&) = delete;
};

}  // namespace hearth::wire
