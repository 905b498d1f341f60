// gRPC's own log lines into ours, above all the handshakes it refuses: a peer without a good
// certificate never reaches anything of ours that could say so.
//
// gRPC 1.51 tells of a handshake that it refuses in its log alone, as a sentence without the peer's
// address; of one that the peer breaks off, only at a level that is not for every day. It has one
// log a process, a bare function, so that at most one GrpcLog lives at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "auth/rate_limiter.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"

namespace hearth::front::agentlink {

class GrpcLog {
 public:
  // Both outlive it.
  GrpcLog(Log& log, Clock& clock);
  ~GrpcLog();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;

  // Any thread. Handshakes are logged as warnings, kRefusalsLoggedPerMinuteMax a minute; the rest
  // is for whoever asks for debug.
  void take(std::string_view message);

  [[nodiscard]] std::uint64_t handshakes_failed() const { return handshakes_failed_.load(); }

 private:
  Log& log_;
  Clock& clock_;
  std::atomic<std::uint64_t> handshakes_failed_{0};
  Mutex mutex_;
  auth::RateLimiter logged_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t unlogged_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::front::agentlink
