// Tells those who asked for it (callbackUrl) of the end of their tasks: the shell around
// callbacks/CallbackPlan.
//
// What is owed is in the store, from the transaction that ended the task until one that says that
// it was delivered or given up. So each is delivered at least once, also by the next start of the
// controller; its tries are counted anew then. Events only say what there is to do sooner; what
// they bring beyond what may be held is found in the store when there is room.
//
// One thread, which reads tasks and waits for commits; it serves nobody. The poster has the
// sockets.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "api/controller_api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "callbacks/callback_plan.h"
#include "callbacks/callback_policy.h"
#include "callbacks/poster.h"

namespace hearth::tasks {

struct CallbackStats {
  std::uint64_t delivered = 0;
  std::uint64_t failed_tries = 0;
  std::uint64_t given_up = 0;
  std::int64_t held = 0;
};

class TaskCallbacks {
 public:
  struct Deps {
    api::ControllerApi& api;
    callbacks::Poster& poster;
    const callbacks::CallbackPolicy& policy;
    Clock& clock;
    Log& log;
    std::function<std::uint64_t()> chance;
  };

  static Result<std::unique_ptr<TaskCallbacks>> create(Deps deps,
                                                       callbacks::CallbackLimits limits = {});
  ~TaskCallbacks();
  TaskCallbacks(const TaskCallbacks&) = delete;
  TaskCallbacks& operator=(const TaskCallbacks&) = delete;

  // The thread, which repeats step().
  void start();
  // Before the controller stops. What is under way counts as not delivered.
  void stop();
  // Does what there is to do, waiting for the first of it for `patience` at most.
  void step(Duration patience);

  // Any thread.
  [[nodiscard]] CallbackStats stats() const;

 private:
  struct Outcome {
    JobId job;
    callbacks::PostOutcome outcome;
  };
  using Happened = std::variant<JobId, Outcome>;  // a task has ended; a try has

  TaskCallbacks(Deps deps, callbacks::CallbackLimits limits);
  void on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices);
  [[nodiscard]] TimePoint steady_now();
  [[nodiscard]] Duration until_next();
  // Takes up what is owed for this task, if that is not done already.
  void bring(JobId job);
  void look_in_store();
  void try_once(const callbacks::CallbackPlan::Try& now);
  void tried(const Outcome& ended);
  void give_up(JobId job, const std::string& where, const std::string& why);
  void settle();

  Deps deps_;
  callbacks::CallbackPlan plan_;
  Mailbox<Happened> inbox_;
  const std::size_t outcomes_max_;
  std::optional<std::uint64_t> watch_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> missed_{true};  // the store may have what was not taken up
  // The thread's own.
  bool looking_ = false;  // through the store, from `looked_to_` on
  JobId looked_to_;
  TimePoint look_at_{};
  std::set<JobId> to_settle_;
  TimePoint settle_at_{};
  std::thread thread_;
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> failed_tries_{0};
  std::atomic<std::uint64_t> given_up_{0};
  std::atomic<std::int64_t> held_{0};
};

}  // namespace hearth::tasks
