// What a ControllerLoop is made of. Internal to api/.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "api/attempt_desk.h"
#include "api/commit_writer.h"
#include "api/controller_loop.h"
#include "api/core_thread.h"
#include "api/job_versions.h"
#include "api/link_table.h"
#include "api/published.h"
#include "api/reader_pool.h"
#include "api/releaser.h"
#include "api/retention.h"
#include "api/telemetry_desk.h"
#include "api/turn.h"
#include "api/upload_uses.h"
#include "api/watch_hub.h"
#include "base/mutex.h"

namespace hearth::api {

// What recovery found, before anything runs.
struct LoopStart {
  std::uint64_t epoch = 0;
  EventSeq last_event;
  Published::Counts ended_counts;
  std::unique_ptr<store::Reader> core_reader;
  std::unique_ptr<store::Reader> writer_reader;
  std::unique_ptr<store::Reader> retention_reader;
};

// The order of the members is that of who needs whom.
class ControllerLoop::Impl {
 public:
  Impl(LoopDeps loop_deps, LoopOptions loop_options, LoopStart start);

  void stop();
  // Hands a client's command to the core or answers at once that it cannot.
  void post(core::Command command, ReplySink reply);
  // What an agent reports. When there is no room the link is refused: on its next one the agent
  // repeats what was not acknowledged.
  void report(std::uint64_t link, core::Command command);
  void fatal(const Error& error);
  [[nodiscard]] std::optional<Error> fatal_error();
  // Why clients' commands are refused now.
  [[nodiscard]] std::optional<Error> refusal();

  LoopDeps deps;
  const LoopOptions options;
  const std::uint64_t epoch;
  std::atomic<std::uint64_t> last_event;
  std::atomic<bool> stopping{false};
  LoopMetrics metrics;
  LinkTable links;
  WatchHub hub{static_cast<std::size_t>(limits::kWatchersMax)};
  Published published;
  JobVersions versions;
  ReaderPool readers;
  std::unique_ptr<store::Reader> core_reader;
  std::unique_ptr<store::Reader> writer_reader;
  std::unique_ptr<store::Reader> retention_reader;
  core::Controller core;
  UploadUses uses;
  AttemptDesk desk;
  Releaser releaser;
  CommitWriter writer;
  CoreThread core_thread;
  Retention retention;
  TelemetryDesk telemetry;

 private:
  void removed(const std::vector<store::RemovedJob>& jobs);

  Mutex mutex_;
  std::optional<Error> fatal_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::api
