#include "apps/loop_metrics.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string_view>

namespace hearth::apps {

namespace {

struct Counted {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double value;
};

struct Timed {
  std::string_view name;
  std::string_view help;
  const HistogramSnapshot* times;
};

void append_times(const Timed& timed, std::string& text) {
  auto out = std::back_inserter(text);
  fmt::format_to(out, "# HELP {0} {1}\n# TYPE {0} histogram\n", timed.name, timed.help);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kHistogramSeconds.size(); ++i) {
    below += timed.times->buckets.at(i);
    fmt::format_to(out, "{}_bucket{{le=\"{}\"}} {}\n", timed.name, kHistogramSeconds.at(i), below);
  }
  fmt::format_to(out, "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", timed.name,
                 timed.times->count, timed.times->sum_seconds);
}

}  // namespace

void append_loop_metrics(const api::MetricsSnapshot& metrics, std::string& text) {
  const auto number = [](auto value) { return static_cast<double>(value); };
  const std::array rows = {
      Counted{"hearth_turns_total", "counter", "Turns of the core.", number(metrics.turns)},
      Counted{"hearth_commands_total", "counter", "Commands decided.", number(metrics.commands)},
      Counted{"hearth_commits_not_done_total", "counter", "Commits that failed and were retried.",
              number(metrics.commits_not_done)},
      Counted{"hearth_events_total", "counter", "Events committed.", number(metrics.events)},
      Counted{"hearth_stale_reports_total", "counter", "Reports refused for their epoch.",
              number(metrics.stale_reports)},
      Counted{"hearth_stale_chunks_total", "counter", "Output refused for its attempt's epoch.",
              number(metrics.stale_chunks)},
      Counted{"hearth_refused_queue_full_total", "counter", "Requests refused by a full queue.",
              number(metrics.refused_queue_full)},
      Counted{"hearth_refused_storage_total", "counter", "Requests refused for want of storage.",
              number(metrics.refused_storage)},
      Counted{"hearth_output_bytes_total", "counter", "Output received from agents.",
              number(metrics.output_bytes)},
      Counted{"hearth_output_syncs_total", "counter", "Attempts whose output files were synced.",
              number(metrics.output_syncs)},
      Counted{"hearth_removed_jobs_total", "counter", "Finished jobs removed by retention.",
              number(metrics.removed_jobs)},
      Counted{"hearth_mailbox_depth", "gauge", "Commands waiting for the core.",
              number(metrics.mailbox_depth)},
      Counted{"hearth_turns_waiting", "gauge", "Turns decided and not durable yet.",
              number(metrics.turns_waiting)},
      Counted{"hearth_agent_links", "gauge", "Agents connected.", number(metrics.links)},
      Counted{"hearth_watchers", "gauge", "Subscriptions to committed events.",
              number(metrics.watchers)},
      Counted{"hearth_finishes_waiting", "gauge", "Ends of attempts that wait for their output.",
              number(metrics.finishes_waiting)},
      Counted{"hearth_storage_ok", "gauge", "1 while commits succeed.",
              metrics.storage_ok ? 1.0 : 0.0},
  };
  for (const Counted& row : rows) {
    fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", row.name,
                   row.help, row.type, row.value);
  }
  const std::array times = {
      Timed{"hearth_decide_seconds", "Time of one turn of the core.", &metrics.decide},
      Timed{"hearth_commit_seconds", "Time of one commit of the store.", &metrics.commit},
      Timed{"hearth_queue_wait_seconds", "A job's time from QUEUED to ASSIGNED.",
            &metrics.queue_wait},
      Timed{"hearth_start_seconds", "An attempt's time from ASSIGNED to RUNNING.", &metrics.start},
      Timed{"hearth_run_seconds", "A job's time from RUNNING to its end.", &metrics.run},
  };
  for (const Timed& timed : times) {
    append_times(timed, text);
  }
}

}  // namespace hearth::apps
