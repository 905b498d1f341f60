#include "mutations.h"

#include <utility>

namespace hearth::sim {
namespace {

// Of the process: one simulation process shows one defect. The marks in the pure libraries have no
// object to ask.
std::string active;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace

void set_mutation(std::string name) {
  active = std::move(name);
}

const std::vector<Mutation>& all_mutations() {
  static const std::vector<Mutation> all{
      // Around the core: the shell and the store.
      {"reply_before_commit", "what is acknowledged is durable"},
      {"store_drops_a_change", "a transaction is whole"},
      {"cancel_forgotten_at_restart", "a cancel is durable"},
      {"edge_lost_at_restart", "dependencies outlive a restart"},
      {"assigned_twice", "an attempt runs on one agent"},
      {"live_job_removed", "what is live is never removed"},
      {"removed_too_early", "what has just ended is kept"},
      // In the core and the scheduler.
      {"release_dropped", "what has ended reserves nothing"},
      {"oversubscribed", "reserved is within capacity"},
      {"stale_epoch_accepted", "reports of lost attempts are refused"},
      {"epoch_not_raised", "each assignment has an epoch of its own"},
      {"cancelled_requeued", "a cancelled job never runs again", Scenario::Cancels},
      {"edge_lost", "a job waits for its dependencies"},
      {"unmet_edge_ignored", "a job fails with the dependency it needs"},
      {"group_cap_ignored", "a group runs within its cap"},
      {"idempotency_ignored", "one key makes one job"},
      {"failure_not_counted", "retries are counted"},
      {"backoff_ignored", "a retry waits for its back-off"},
      {"not_before_ignored", "no job runs before its time"},
      {"starvation_ignored", "no job starves", Scenario::Starvation},
      {"silence_ignored", "a silent agent's jobs run elsewhere", Scenario::Crashes},
      {"slow_agents_lost", "who was told to beat seldom is not lost for it", Scenario::Calm},
      // In the agent.
      {"agent_obeys_deposed_controller", "orders of an old epoch are refused"},
      {"agent_ignores_timeout", "a time limit ends an attempt"},
      {"agent_reports_once", "a report is repeated until acknowledged"},
      {"agent_ignores_stop", "a disowned attempt is killed", Scenario::Partitions},
  };
  return all;
}

}  // namespace hearth::sim

namespace hearth::testing {

bool is_mutated(std::string_view name) {
  return hearth::sim::active == name;
}

}  // namespace hearth::testing
