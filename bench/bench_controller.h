// What the benchmarks of the controller share: its loop over the real store, and a way to wait.
#pragma once

#include <cstdint>
#include <memory>

#include "api/controller_loop.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/testing/temp_dir.h"
#include "output/file_output_store.h"
#include "store/sqlite/sqlite_store.h"

namespace hearth {

struct Controller {
  Controller() {
    store = store::open_sqlite_store({.directory = folder.path()}).value();
    outputs = output::open_file_output_store(folder.file("output")).value();
    loop = api::ControllerLoop::start(
               {.store = *store,
                .outputs = *outputs,
                .clock = clock,
                .log = *log,
                .on_fatal = [](const Error& error) { HEARTH_CHECK(false, error.message); }},
               {})
               .value();
  }

  hearth::testing::TempDir folder;
  SystemClock clock;
  std::unique_ptr<Log> log = make_null_log();
  std::unique_ptr<store::Store> store;
  std::unique_ptr<output::OutputStore> outputs;
  std::unique_ptr<api::ControllerLoop> loop;
};

// Lets the benchmark's thread wait for a number of things.
class Countdown {
 public:
  void add(std::int64_t count) {
    const MutexLock lock(mutex_);
    left_ += count;
  }
  void done() {
    const MutexLock lock(mutex_);
    if (--left_ == 0) {
      zero_.notify_all();
    }
  }
  void wait() {
    const MutexLock lock(mutex_);
    while (left_ > 0) {
      zero_.wait(mutex_);
    }
  }

 private:
  Mutex mutex_;
  Condition zero_;
  std::int64_t left_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth
