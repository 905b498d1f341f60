// The agent's decisions: what to spawn, when to signal and kill, what to report and until when.
//
// Pure: commands and `now` in, effects out. The shell (agent/shell) does the I/O; the simulator
// drives the same class over lossy links. Single-threaded.
//
// Life of an attempt: Assigned -> Starting -> Running -> [Stopping -> Killing] -> Exited ->
// Reported -> gone. A report is repeated after each welcome until it is acknowledged. An attempt
// leaves when its "finished" is acknowledged or the controller says stop. `now` is the agent's
// monotonic time: timeouts hold also while cut off.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/job.h"

namespace hearth::agent {

// --- commands ---

// The link is up and said welcome. Attempts in neither list but held here are treated as `stop`.
struct LinkUp {
  std::uint64_t controller_epoch = 0;
  std::vector<AttemptKey> keep;
  std::vector<AttemptKey> stop;
};
struct LinkDown {};
struct Assign {
  std::uint64_t controller_epoch = 0;
  AttemptKey key;
  Duration timeout{};
  Duration grace{};
  bool kill_on_output_limit = false;
};
struct CancelOrder {
  std::uint64_t controller_epoch = 0;
  AttemptKey key;
};
struct StopOrder {
  std::uint64_t controller_epoch = 0;
  AttemptKey key;
};
struct ReportAcked {
  std::uint64_t controller_epoch = 0;
  AttemptKey key;
  bool finished = false;
  bool accepted = true;
};
struct DrainOrder {
  std::uint64_t controller_epoch = 0;
};
// The agent's own SIGTERM (first stage): stop taking work; attempts still running after the
// deadline are evicted (Failed, Reason::Drained).
struct BeginDrain {
  Duration deadline{};
};

// From the runtime.
struct SpawnDone {
  AttemptKey key;
};
struct SpawnFailed {
  AttemptKey key;
  Reason reason = Reason::SpawnFailed;
  std::string message;
};
// The process ended and its group is empty; output is read to its end, offsets are final.
struct ProcessEnded {
  AttemptKey key;
  std::optional<std::int32_t> exit_code;
  std::optional<std::int32_t> signal;
  bool oom_killed = false;
  bool launcher_lost = false;
  std::int64_t wall_ms = 0;
  std::int64_t cpu_ms = 0;
  std::int64_t memory_peak_bytes = 0;
  std::int64_t stdout_bytes = 0;
  std::int64_t stderr_bytes = 0;
  std::int64_t results_bytes = 0;
  bool truncated = false;
};
struct OutputLimitReached {
  AttemptKey key;
};
struct TimePassed {};

using AgentCommand =
    std::variant<LinkUp, LinkDown, Assign, CancelOrder, StopOrder, ReportAcked, DrainOrder,
                 BeginDrain, SpawnDone, SpawnFailed, ProcessEnded, OutputLimitReached, TimePassed>;

// --- effects ---

struct StartProcess {
  AttemptKey key;
};
struct TerminateGroup {  // SIGTERM to the process
  AttemptKey key;
};
struct KillGroup {  // SIGKILL to everything in the group, repeated by the shell until it is empty
  AttemptKey key;
};
struct ReportStarted {
  AttemptKey key;
};
struct ReportFinished {
  AttemptKey key;
  AttemptResult result;
};
// Nobody will ask for it again: drop spooled output, result and directories.
struct ForgetAttempt {
  AttemptKey key;
};
// Persist the result in the spool before it is reported, so that a cut link or a restart of the
// controller loses nothing.
struct SpoolResult {
  AttemptKey key;
  AttemptResult result;
};
struct SayDraining {};
// Drained: nothing runs and everything is acknowledged, or the drain deadline and the time to
// report have passed. The shell exits 0.
struct Drained {};

using AgentEffect = std::variant<StartProcess, TerminateGroup, KillGroup, ReportStarted,
                                 ReportFinished, ForgetAttempt, SpoolResult, SayDraining, Drained>;

struct HeldState {
  AttemptKey key;
  bool started = false;
  bool finished = false;
};

class AgentCore {
 public:
  AgentCore();
  ~AgentCore();
  AgentCore(const AgentCore&) = delete;
  AgentCore& operator=(const AgentCore&) = delete;

  void handle(const AgentCommand& command, TimePoint now, std::vector<AgentEffect>& effects);

  // For the hello.
  [[nodiscard]] std::vector<HeldState> held() const;
  [[nodiscard]] std::uint64_t controller_epoch_seen() const;
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  [[nodiscard]] std::int64_t running() const;
  [[nodiscard]] bool draining() const;
  void check_invariants() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::agent
