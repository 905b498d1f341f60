// Runs commands and scripts: each in a group with limits, in a folder of its own or in a sandbox,
// its output read as it is written.
//
// The shell around AgentCore starts, terminates and kills by key and is told of what happens. An
// attempt's life: start() makes group, folder or scratch, and pipes, and asks the launcher; when
// the first process has ended, what is left of the group is killed, the pipes are read to their
// end, the group's figures are taken, group and folder are removed, and then only its end is told.
// A group that runs out of memory is killed whole, also where the kernel kills one process only.
//
// Interpreters that wait for scripts (agent/core/warm_pool.h) are runs too, under keys of their own
// that nobody is told of; the script that takes one gives it its key.
//
// If the launcher is lost, all that runs is killed and ends as launcher_lost, and another launcher
// is started. Loop thread only; file work that may take long happens on a small pool. Callbacks may
// call start, terminate and kill.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/core/agent_core.h"
#include "agent/core/warm_pool.h"
#include "agent/launcher/launcher.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_pool.h"
#include "agent/runtimes/agent_metrics.h"
#include "agent/runtimes/attempt_folders.h"
#include "agent/runtimes/process_plan.h"
#include "agent/runtimes/result_files.h"
#include "agent/sandbox/scratch.h"
#include "agent/sandbox/uid_ranges.h"
#include "agent/uploads/uploads.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/job_spec.h"

namespace hearth::agent {

class CommandRuntime {
 public:
  // All outlive the runtime.
  struct Deps {
    EventLoop& loop;
    Clock& clock;
    Log& log;
    ProcessLauncher& launcher;
    CgroupDriver& groups;
    AgentMetrics& metrics;
    UidRanges* ids = nullptr;    // none: the agent is not root
    Uploads* uploads = nullptr;  // none: jobs with an upload fail
  };
  struct Options {
    std::string attempts_dir;  // exists; with uid set, that user can pass through it
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
    std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string lang = "C.UTF-8";
    std::string home;  // empty: the attempt's folder
    std::int64_t pids_max = limits::kPidsMaxDefault;
    SandboxOffer offer;
    WarmPolicy warm;
    // How long output is awaited once every process of the group is dead: one outside the group may
    // still hold the pipe.
    Duration output_patience = std::chrono::seconds(2);
  };
  struct Events {
    std::function<void(const SpawnDone&)> on_spawned;
    std::function<void(const SpawnFailed&)> on_spawn_failed;
    // Every byte, in order; must not block. Whoever takes it bounds what is kept.
    std::function<void(const AttemptKey&, StreamKind, std::string_view)> on_output;
    std::function<void(ProcessEnded)> on_ended;
  };

  CommandRuntime(const Deps& deps, Options options);
  // Ends nothing by itself: the launcher does when it is closed, and a later sweep of the groups.
  ~CommandRuntime();
  CommandRuntime(const CommandRuntime&) = delete;
  CommandRuntime& operator=(const CommandRuntime&) = delete;

  void set_events(Events events) { events_ = std::move(events); }

  // Answered by on_spawned or on_spawn_failed, the latter possibly before this returns. A key that
  // is known already is ignored.
  void start(const AttemptKey& key, const JobSpec& spec);
  // SIGTERM to the first process. Unknown keys are ignored here and below.
  void terminate(const AttemptKey& key);
  // SIGKILL to the whole group, again and again until it is empty.
  void kill(const AttemptKey& key);
  // Starts the interpreters that are to be ready from the start on.
  void start_slots();
  // Ends the interpreters that wait; attempts that run go on.
  void drain();

  // Started and not yet told to have ended.
  [[nodiscard]] std::size_t running() const { return runs_.size() - slots_; }
  // Of one attempt that runs, for telemetry: where to read what it uses.
  struct Whereabouts {
    GroupFolders folders;
    std::vector<std::string> marks;
    pid_t leader = 0;
    std::int64_t started_ns = 0;
  };
  [[nodiscard]] std::optional<Whereabouts> whereabouts(const AttemptKey& key);
  // Removals of files that wait. Any thread.
  [[nodiscard]] std::size_t files_waiting() { return pool_->waiting(); }

 private:
  static constexpr Duration kRetryFirst{1};

  enum class Phase : std::uint8_t { Starting, Running, Ending, Removing };
  enum class Progress : std::uint8_t { More, Blocked, End };
  static constexpr std::size_t kStreams = 2;

  // An interpreter that waits for its script, or waited and has not yet confirmed to have it.
  struct Slot {
    SlotId id = 0;
    UniqueFd control;  // our end; see slot_preload.h
    UniqueFd frame;    // memory files
    UniqueFd input;
    std::unique_ptr<JobSpec> given;  // once it is taken: to start it anew if it is not confirmed
    std::optional<TimerId> deadline;
  };

  struct Run {
    AttemptKey key;
    SpawnId id = 0;
    Phase phase = Phase::Starting;
    std::string folder;              // at level none
    std::optional<Scratch> scratch;  // in a sandbox
    UidRange ids;
    std::unique_ptr<CgroupHandle> group;
    std::unique_ptr<Slot> slot;
    bool is_told = false;     // that it was started
    bool is_waiting = false;  // for its upload; nothing is made yet
    std::vector<std::string> wanted_results;
    std::unique_ptr<ResultFiles> results;  // while they are read
    UniqueFd results_folder;
    // What is left of the job when somebody took its processes out of the group: found by session
    // and descent.
    std::unique_ptr<CgroupHandle> strays;
    std::array<UniqueFd, kStreams> streams;
    std::array<std::int64_t, kStreams> bytes{};
    std::optional<SpawnFailed> failure;
    ExitOutcome exit;
    GroupUsage usage;
    pid_t leader = 0;
    std::int64_t asked_ns = 0;
    std::int64_t started_ns = 0;
    std::int64_t ended_ns = 0;
    std::int64_t drained_by_ns = 0;  // 0: not drained yet
    std::int64_t removed_by_ns = 0;
    std::int64_t cpu_ms_before = 0;  // of a slot, until it was taken
    bool launcher_lost = false;
    bool kill_ordered = false;  // from outside
    bool killing = false;
    Duration retry{};
    std::optional<TimerId> retry_timer;
    std::optional<TimerId> oom_timer;
    int oom_fd = -1;  // the group's
    int oom_checks_left = 0;
  };

  // What a process is given beside its plan.
  struct Given {
    std::vector<std::string> environment;
    std::string cwd;  // "": its own folder
    int stdin_fd = -1;
    std::vector<int> extra_fds;
    int upload_fd = -1;
  };

  Run& add_run(const AttemptKey& key);
  void start_cold(const AttemptKey& key, const JobSpec& spec, const ProcessPlan& plan,
                  bool is_told);
  void wait_for_upload(Run& run, const JobSpec& spec);
  void start_process(Run& run, const JobSpec& spec, const ProcessPlan& plan, int upload_fd);
  Result<> prepare(Run& run, const std::string& name, const ProcessPlan& plan);
  Result<> prepare_sandbox(Run& run, const ProcessPlan& plan);
  Result<> spawn(Run& run, const ProcessPlan& plan, Given given);
  Result<> give_to_task(const UniqueFd& pipe, const SandboxPlan& sandbox, const Run& run) const;
  [[nodiscard]] EnvironmentBase environment_base(const Run& run) const;
  void fail_start(Run& run, const Error& error, SandboxLevel level);
  void tell_started(Run& run);
  void on_spawned(const SpawnOutcome& outcome);
  void on_exited(const ExitOutcome& outcome);
  void on_launcher_lost(const std::string& why);
  void restart_launcher();
  void stream_ready(Run& run, std::size_t stream);
  Progress read_some(Run& run, std::size_t stream);
  void close_stream(Run& run, std::size_t stream);
  void watch_oom(Run& run);
  void check_oom(Run& run);
  void begin_end(Run& run);
  void fail(Run& run, Reason reason, std::string message);
  void advance(Run& run);
  bool group_is_empty(Run& run);
  bool streams_are_read(Run& run);
  bool results_are_read(Run& run);
  Result<UniqueFd> open_work(const Run& run) const;
  bool group_is_removed(Run& run);
  void remove_files(Run& run);
  void finish(Run& run);
  void note_groups();
  void kill_run(Run& run);
  void kill_group(Run& run);
  void look_for_strays(Run& run, const std::string& why);

  bool start_in_slot(const AttemptKey& key, const JobSpec& spec, const ProcessPlan& plan);
  Result<> hand_over(Run& run, const AttemptKey& key, const JobSpec& spec, const ProcessPlan& plan);
  void perform(const std::vector<WarmEffect>& effects);
  void start_slot(const StartSlot& effect);
  Result<> make_slot(Run& run, const Language& language);
  void slot_spoke(Run& run);
  void close_control(Run& run);
  void lose_slot(Run& run);
  void pass_time_of_slots();
  void arm_slots();
  [[nodiscard]] TimePoint now() const;
  void retry_later(Run& run);
  void retry(Run& run);
  static void warn_of(Log& log, const AttemptKey& key, std::string_view what, const Error& why);
  Run* find(const AttemptKey& key);
  Run* find(SpawnId id);

  const Deps deps_;
  const Options options_;
  Events events_;
  std::unique_ptr<WorkPool> pool_;
  SpawnId last_id_ = 0;
  std::unique_ptr<CgroupDriver> without_groups_;  // outlives what is in runs_
  std::map<AttemptKey, std::unique_ptr<Run>> runs_;
  std::unordered_map<SpawnId, Run*> by_id_;
  WarmPool warm_;
  std::size_t slots_ = 0;  // of runs_, those that wait for a script
  std::optional<TimerId> slots_timer_;
  std::optional<TimerId> restart_timer_;
  AttemptFolders folders_;
  std::vector<char> buffer_;
};

}  // namespace hearth::agent
