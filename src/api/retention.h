// Takes away what is past: looks at what there is, asks core::decide_removal, has the writer remove
// it between two commits, then deletes the output files. A thread of its own, so that neither
// looking nor deleting files delays anybody; after each step it rests for at least as long.
//
// A process that dies between the two leaves files of jobs that are gone, as does a disk that does
// not delete: each start, and each such failure, walks through the output folder once, a part at a
// time, and deletes those.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "api/commit_writer.h"
#include "api/metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "core/retention.h"
#include "output/output_store.h"
#include "store/store.h"
#include "uploads/upload_store.h"

namespace hearth::api {

class Retention {
 public:
  struct Deps {
    store::Reader& reader;  // its own
    CommitWriter& writer;
    output::OutputStore& outputs;
    uploads::UploadStore* uploads;  // null: there are none
    Clock& clock;
    LoopMetrics& metrics;
    Log& log;
    std::function<void(const std::vector<store::RemovedJob>&)> on_removed;
  };

  Retention(Deps deps, core::RetentionLimits limits) : deps_(std::move(deps)), limits_(limits) {}
  ~Retention() { stop(); }
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  void start();
  void stop();
  // Looks now instead of when its time comes.
  void wake();

 private:
  void run();
  // How long it may rest.
  Duration step();
  Result<bool> remove_past();
  void note_past(const Past& past);
  Result<> remove_orphans();
  bool rest(Duration length);

  Deps deps_;
  const core::RetentionLimits limits_;
  Mutex mutex_;
  Condition changed_;
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  bool woken_ HEARTH_GUARDED_BY(mutex_) = false;

  // The thread's own:
  std::uint32_t part_ = 0;  // of the output folder, the next to walk through
  bool failing_ = false;
  core::RetentionClock time_;
  std::thread thread_;
};

}  // namespace hearth::api
