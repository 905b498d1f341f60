// The one thread that runs core::Controller: takes what arrived, decides it, hands the turn to the
// writer, and publishes what may be read without asking.
//
// It never waits for a disk but for the few keyed look-ups that an idempotent submit needs; those
// must happen here, because between "not live in the core" and "not in the store" nothing may slip.
// While the writer has no room the core decides nothing: clients are then refused, agents wait, and
// of their heartbeats only the latest is kept.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "api/commit_writer.h"
#include "api/metrics.h"
#include "api/published.h"
#include "api/turn.h"
#include "api/watch_hub.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "base/mutex.h"
#include "core/controller.h"
#include "store/store.h"

namespace hearth::api {

class CoreThread {
 public:
  struct Deps {
    core::Controller& core;
    store::Reader& reader;
    CommitWriter& writer;
    Published& published;
    WatchHub& hub;
    Clock& clock;
    LoopMetrics& metrics;
  };
  struct Options {
    std::size_t mailbox_max = static_cast<std::size_t>(limits::kMailboxCommandsMax);
    std::size_t turn_max = static_cast<std::size_t>(limits::kTurnCommandsMax);
  };

  // `ended_counts`: how many jobs in the store had ended before this start, by state.
  CoreThread(Deps deps, Options options, Published::Counts ended_counts);
  ~CoreThread();
  CoreThread(const CoreThread&) = delete;
  CoreThread& operator=(const CoreThread&) = delete;

  void start();
  // Decides nothing more; clients that wait are answered with an error.
  void stop();

  // False when the mailbox is full; `envelope` is then untouched.
  [[nodiscard]] bool post(Envelope&& envelope);
  // Agents' reports may fill the mailbox once more beyond what clients may.
  [[nodiscard]] bool post_report(core::Command command);
  // Of the opening and closing of links none may be lost; their number is that of the links.
  void post_link(core::Command command);
  void heartbeat(core::AgentHeartbeat heartbeat);
  // The final states of these jobs are durable.
  void ended(const std::vector<JobId>& jobs);
  // So many that had ended are no longer stored.
  void removed(const Published::Counts& by_state);
  // The clock or the writer changed.
  void wake() { mailbox_.wake(); }
  [[nodiscard]] std::size_t depth() { return mailbox_.size(); }

 private:
  void run();
  [[nodiscard]] core::Now read_clock();
  void turn(std::vector<Envelope> taken);
  void decide(Envelope& envelope, core::Decision& decision);
  Result<> resolve(core::Submit& submit);
  // For all items in one look-up.
  Result<> resolve_keys(core::Submit& submit);
  void refuse_clients(const Error& error);
  void forget_ended();
  void note_agents(const core::Command& command);
  void collect_replies(Turn& turn);
  void publish(bool at_once);
  [[nodiscard]] Duration until_next_turn();

  Deps deps_;
  const Options options_;
  // Where the steady clock that the core sees begins.
  const TimePoint anchor_;
  const std::int64_t anchor_ns_;
  Mailbox<Envelope> mailbox_;
  Mutex mutex_;
  std::map<AgentId, core::AgentHeartbeat> heartbeats_ HEARTH_GUARDED_BY(mutex_);
  std::vector<JobId> ended_ HEARTH_GUARDED_BY(mutex_);
  Published::Counts removed_ HEARTH_GUARDED_BY(mutex_);
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;

  // The core thread's own:
  core::RequestToken last_token_ = 0;
  ReplySinks asked_;
  core::Now now_{TimePoint{}};
  Published::Counts ended_counts_;
  std::set<AgentId> changed_agents_;
  bool publish_due_ = true;
  std::int64_t published_agents_ = 0;
  std::int64_t published_at_ns_ = 0;

  std::thread thread_;
};

}  // namespace hearth::api
