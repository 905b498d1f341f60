// Stands between what agents send of their attempts and the core: takes output of current attempts
// only, and holds a "finished" back until all output up to its final offsets is durable or ready
// for the ending transaction.
//
// It knows which attempts are current from what was committed, so a chunk is judged without asking
// the core thread. Output in files is synced on a thread of its own, never on the core's or the
// writer's. At most one finish waits per current attempt; one whose output makes no progress for
// kFinishOutputPatience although its link lives is let through with a gap where the rest should be,
// marked as truncated: an agent that lost bytes must not keep its job RUNNING for ever.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/link_table.h"
#include "api/metrics.h"
#include "api/turn.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mutex.h"
#include "output/output_store.h"

namespace hearth::api {

class AttemptDesk {
 public:
  struct Deps {
    output::OutputStore& outputs;
    LinkTable& links;
    LoopMetrics& metrics;
    Clock& clock;
    Log& log;
    // Into the core's mailbox; false when it is full.
    std::function<bool(core::Command)> post;
    // Output can no longer be trusted to reach the disk: the process must exit and recover.
    std::function<void(const Error&)> on_fatal;
  };

  AttemptDesk(Deps deps, Duration retry_after);
  ~AttemptDesk();
  AttemptDesk(const AttemptDesk&) = delete;
  AttemptDesk& operator=(const AttemptDesk&) = delete;

  void start();
  void stop();

  // From recovery, before start.
  void restore(const JobRecord& record);
  // In commit order: what is current after these changes. Ends the output of attempts that ended.
  void committed(const Turn& turn);

  Result<std::int64_t> output(const AgentId& agent, const AttemptKey& key, StreamKind stream,
                              std::int64_t offset, std::string_view bytes);
  void finished(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                AttemptResult result);
  // Finishes that wait are dropped: the agent repeats them on its next link.
  void link_closed(std::uint64_t link);

  // FailedPrecondition when the attempt is not current, or another agent's.
  Result<> check_current(const AgentId& agent, const AttemptKey& key);
  // The attempt whose output is being taken, if the job has one. None as soon as all of it is here:
  // whether it has ended is then what the store says.
  [[nodiscard]] std::optional<std::uint32_t> current_attempt(JobId job);
  [[nodiscard]] std::int64_t finishes_waiting();
  // The clock was moved by hand.
  void wake() { work_.wake(); }
  // Why finished attempts cannot end, while their output cannot be made durable.
  [[nodiscard]] std::optional<Error> trouble();

 private:
  struct Current {
    AgentId agent;
    AttemptKey key;
    bool is_ending = false;  // all of its output is here, its end is on the way to the store
  };
  struct Finish {
    std::uint64_t link = 0;
    AgentId agent;
    AttemptKey key;
    AttemptResult result;
    std::int64_t progress_ns = 0;  // when output last came for it
  };
  // The answer to a report that waits for nothing.
  struct Answer {
    std::uint64_t link = 0;
    AttemptKey key;
    bool accepted = false;
  };
  using Work = std::variant<Finish, Answer>;

  void remember_accepted_locked(const Current& ended) HEARTH_REQUIRES(mutex_);
  bool is_current_locked(const AgentId& agent, const AttemptKey& key) HEARTH_REQUIRES(mutex_);
  [[nodiscard]] bool has_all_output(const Finish& finish);
  // Bytes that the result names and nobody has.
  [[nodiscard]] std::int64_t missing_bytes(const Finish& finish, StreamKind stream);
  void note_progress(JobId job);
  // How long the worker may rest.
  [[nodiscard]] Duration idle_time();
  void give_up_overdue();
  void give_up(Finish finish);
  // Takes the job's waiting finish if its output is here; one caller gets it. False: it waits on.
  bool pass_if_complete(JobId job);
  void pass(Finish finish);
  // Returns it when it must be tried again.
  std::optional<Finish> settle(Finish finish);
  void post(Finish finish, std::vector<InlineOutput> outputs);
  void work();
  void set_trouble(std::optional<Error> error);

  Deps deps_;
  const Duration retry_after_;
  Mutex mutex_;
  std::unordered_map<JobId, Current> current_ HEARTH_GUARDED_BY(mutex_);
  std::unordered_map<JobId, Finish> waiting_ HEARTH_GUARDED_BY(mutex_);
  // The latest whose ends were accepted: an agent whose acknowledgement got lost reports them
  // again.
  std::deque<Current> accepted_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t settling_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::optional<Error> trouble_ HEARTH_GUARDED_BY(mutex_);
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  Mailbox<Work> work_;
  std::thread worker_;
};

}  // namespace hearth::api
