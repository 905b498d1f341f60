// Uploads as files on the agent's disk, fetched from the controller when an attempt needs one and
// kept for the next.
//
// Each is fetched once however many attempts wait for it. While there is no link, or the controller
// is busy, it is tried again for as long as `patience` says; what will not pass ends those who wait
// at once. Of what nobody waits for the least recently used goes when there are too many or too
// much; whoever has a descriptor keeps it. A link that gives the controller's own file leaves
// nothing here. Nothing is kept over a restart. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/link/controller_link.h"
#include "agent/link/reconnect_delay.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_pool.h"
#include "agent/uploads/upload_metrics.h"
#include "agent/uploads/uploads.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/upload_limits.h"

namespace hearth::agent {

struct UploadCacheOptions {
  std::string folder;  // exists and is empty
  std::int64_t bytes_max = limits::kUploadCacheBytesMax;
  std::int64_t count_max = limits::kUploadCacheCountMax;
  std::int64_t fetches_max = limits::kUploadFetchesPerAgentMax;
  Duration patience = limits::kUploadFetchPatience;
  Duration retry_initial = limits::kReconnectInitial;
  Duration retry_max = limits::kReconnectMax;
  std::uint64_t seed = 0;  // of the jitter
};

class UploadCache final : public Uploads {
 public:
  // All outlive the cache.
  struct Deps {
    EventLoop& loop;
    Clock& clock;
    Log& log;
    UploadMetrics& metrics;
  };
  static Result<std::unique_ptr<UploadCache>> create(const Deps& deps, UploadCacheOptions options);
  ~UploadCache() override;
  UploadCache(const UploadCache&) = delete;
  UploadCache& operator=(const UploadCache&) = delete;

  // Where uploads come from; before the first get(). It is closed before this is destroyed.
  void use(ControllerLink& link) { link_ = &link; }

  void get(const AttemptKey& attempt, const std::string& upload, OnReady on_ready) override;
  void forget(const AttemptKey& attempt) override { waiting_.erase(attempt); }

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] std::int64_t count() const { return std::ssize(kept_); }

 private:
  struct Kept {
    std::string path;
    std::int64_t bytes = 0;
    std::uint64_t used = 0;  // the higher the later
  };
  struct Waiting {
    std::string upload;
    OnReady on_ready;
  };
  struct Fetch {
    std::int64_t asked_ns = 0;
    ReconnectDelay delay;
    bool under_way = false;
    std::optional<TimerId> retry;
  };

  UploadCache(const Deps& deps, UploadCacheOptions options, std::unique_ptr<WorkPool> pool);
  // Fetches it, unless that goes on already.
  void want(const std::string& upload);
  void pump();
  void begin(const std::string& upload, Fetch& fetch, const AttemptKey& attempt);
  void fetched(const std::string& upload, const AttemptKey& attempt, const std::string& path,
               Result<FetchedUpload> result);
  void failed(const std::string& upload, const AttemptKey& attempt, const Error& error);
  void make_room();
  void serve_soon();
  void serve_kept();
  // To everybody who waits for it; answer() says how many they were.
  [[nodiscard]] std::vector<OnReady> take_waiting(const std::string& upload);
  std::size_t answer(const std::string& upload, const std::string& path);
  void refuse(const std::string& upload, const Error& error);
  void remove_file(const std::string& path);
  [[nodiscard]] std::optional<AttemptKey> waiter_of(const std::string& upload) const;

  const Deps deps_;
  const UploadCacheOptions options_;
  ControllerLink* link_ = nullptr;
  std::map<std::string, Kept> kept_;
  std::int64_t bytes_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t files_ = 0;  // so many were begun
  std::map<AttemptKey, Waiting> waiting_;
  std::map<std::string, Fetch> fetches_;
  std::int64_t under_way_ = 0;
  std::optional<TimerId> serve_timer_;
  std::unique_ptr<WorkPool> pool_;  // removes files
};

}  // namespace hearth::agent
