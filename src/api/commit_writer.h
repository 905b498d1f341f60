// The writer thread: makes turns durable in order, then lets them out.
//
// Group commit: whatever waits goes into the next append, so a lone turn is committed at once and a
// busy loop shares its syncs. When an append brought several turns, the next one waits a moment for
// more (ADR 0012). An append that surely did not happen keeps its turns and is repeated unchanged
// with a growing delay. An unknown outcome ends it: the owner is told, and every turn from then on
// is answered with an error.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "api/job_versions.h"
#include "api/metrics.h"
#include "api/turn.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "store/store.h"

namespace hearth::api {

// A busy writer waits so long for more, but not when so many turns or events are there: those are
// worth a sync.
inline constexpr Duration kCommitGather{1};
inline constexpr std::size_t kCommitGatherTurnsMax = 16;
inline constexpr std::size_t kCommitGatherEventsMax = 64;
// Fewer turns in one append are no sign of a busy loop: one job alone makes two at once.
inline constexpr std::size_t kCommitBusyTurns = 3;

class CommitWriter {
 public:
  struct Deps {
    store::Store& store;
    JobVersions& versions;
    Clock& clock;
    LoopMetrics& metrics;
    Log& log;
    // On the writer thread: `turns` are durable.
    std::function<void(std::vector<Turn>& turns)> release;
    // Room for turns or the storage's state changed.
    std::function<void()> on_change;
    std::function<void(const Error&)> on_fatal;
  };
  struct Options {
    std::size_t turns_max = static_cast<std::size_t>(limits::kPipelineTurnsMax);
    std::size_t events_max = static_cast<std::size_t>(limits::kPipelineEventsMax);
    Duration retry_initial = limits::kStorageRetryInitial;
    Duration retry_max = limits::kStorageRetryMax;
    Duration gather = kCommitGather;
  };

  CommitWriter(Deps deps, Options options);
  ~CommitWriter();
  CommitWriter(const CommitWriter&) = delete;
  CommitWriter& operator=(const CommitWriter&) = delete;

  void start();
  // Commits what waits, if the storage takes it at the first attempt; the rest is answered with an
  // error.
  void stop();

  // One thread pushes, and only after has_room().
  [[nodiscard]] bool has_room();
  void push(Turn turn);
  // Turns that are not being committed yet.
  [[nodiscard]] std::size_t waiting();
  [[nodiscard]] std::size_t waiting_events();
  // Removes between two commits what the caller found to be past; blocks until it is decided. Any
  // thread; one removal at a time. NotDone changed nothing; after the end of the writer it is
  // always that.
  [[nodiscard]] store::RemoveOutcome remove(const Removal& removal);
  // Why nothing becomes durable, while that is so.
  [[nodiscard]] std::optional<Error> trouble();

 private:
  void run();
  // Whether what waits is worth an append by itself.
  [[nodiscard]] bool is_much_locked() HEARTH_REQUIRES(mutex_);
  // Waits for something to do; false when there is nothing more.
  bool next(std::vector<Turn>& turns, const Removal*& removal);
  // False when the writer must end.
  bool commit(std::vector<Turn>& turns);
  bool remove_now(const Removal& removal);
  void end();
  // False when told to stop instead.
  bool wait_before_retry(Duration delay);
  void set_trouble(std::optional<Error> error);

  Deps deps_;
  const Options options_;
  Mutex mutex_;
  Condition changed_;
  std::vector<Turn> waiting_ HEARTH_GUARDED_BY(mutex_);
  std::size_t waiting_events_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::size_t last_turns_ HEARTH_GUARDED_BY(mutex_) = 0;  // of the append before
  bool is_gathering_ HEARTH_GUARDED_BY(mutex_) = false;
  const Removal* removal_ HEARTH_GUARDED_BY(mutex_) = nullptr;  // its caller waits
  std::optional<store::RemoveOutcome> removed_ HEARTH_GUARDED_BY(mutex_);
  std::optional<Error> trouble_ HEARTH_GUARDED_BY(mutex_);
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  bool ended_ HEARTH_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace hearth::api
