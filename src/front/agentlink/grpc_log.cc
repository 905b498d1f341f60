#include "front/agentlink/grpc_log.h"

#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "base/check.h"
#include "base/door_limits.h"

namespace hearth::front::agentlink {
namespace {

constexpr std::string_view kHandshake = "Handshake failed";

// The log function is a bare one, so that what it needs has to stand somewhere.
std::atomic<GrpcLog*>& target() {
  static std::atomic<GrpcLog*> log{nullptr};
  return log;
}

void handle(gpr_log_func_args* line) {
  if (GrpcLog* log = target().load()) {
    log->take(line->message);
  }
}

}  // namespace

GrpcLog::GrpcLog(Log& log, Clock& clock)
    : log_(log),
      clock_(clock),
      logged_({.burst = limits::kRefusalsLoggedPerMinuteMax,
               .refill = std::chrono::minutes(1),
               .keys_max = 1}) {
  HEARTH_CHECK(target().exchange(this) == nullptr, "two logs for gRPC");
  gpr_set_log_function(handle);
  gpr_log_verbosity_init();
  if (gpr_should_log(GPR_LOG_SEVERITY_ERROR) == 0) {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  }
}

GrpcLog::~GrpcLog() {
  // What gRPC says from here on is dropped: its own log would write past the level and form of
  // ours.
  target().store(nullptr);
}

void GrpcLog::take(std::string_view message) {
  if (!message.starts_with(kHandshake)) {
    log_.debug("grpc: " + std::string(message));
    return;
  }
  handshakes_failed_.fetch_add(1);
  std::int64_t unlogged = 0;
  {
    const MutexLock lock(mutex_);
    if (logged_.take("", clock_.monotonic_ns())) {
      ++unlogged_;
      return;
    }
    unlogged = std::exchange(unlogged_, 0);
  }
  log_.warn("refused",
            {{"to", "TLS of the agent link"}, {"why", message}, {"not_logged_before", unlogged}});
}

}  // namespace hearth::front::agentlink
