#include "agent/runtimes/agent_metrics.h"

#include <array>
#include <string_view>

#include "base/metrics_text.h"

namespace hearth::agent {
namespace {

template <class Value>
struct Family {
  std::string_view name;
  std::string_view help;
  std::atomic<Value> AgentMetrics::*value;
};

constexpr auto kGauges = std::to_array<Family<std::int64_t>>({
    {"hearth_agent_linked", "1 while the link to the controller stands.", &AgentMetrics::linked},
    {"hearth_agent_attempts", "Attempts that this agent runs, starts or clears away.",
     &AgentMetrics::running},
    {"hearth_agent_spawns_waiting", "Orders that wait for the launcher.",
     &AgentMetrics::spawns_waiting},
    {"hearth_agent_groups_kept", "Empty groups kept for attempts to come.",
     &AgentMetrics::groups_kept},
    {"hearth_agent_warm_ready", "Interpreters that wait for a script.", &AgentMetrics::warm_ready},
    {"hearth_agent_warm_starting", "Interpreters being started ahead of their scripts.",
     &AgentMetrics::warm_starting},
    {"hearth_agent_spool_bytes", "Output kept until the controller has it.",
     &AgentMetrics::spool_bytes},
});

constexpr auto kCounters = std::to_array<Family<std::uint64_t>>({
    {"hearth_agent_links_total", "Links to a controller; more than one: it reconnected.",
     &AgentMetrics::links},
    {"hearth_agent_started_total", "Attempts whose process started.", &AgentMetrics::started},
    {"hearth_agent_spawns_failed_total", "Attempts that could not be started.",
     &AgentMetrics::spawns_failed},
    {"hearth_agent_ended_total", "Attempts that had started and ended.", &AgentMetrics::ended},
    {"hearth_agent_launcher_restarts_total", "Launchers started after one was lost.",
     &AgentMetrics::launcher_restarts},
    {"hearth_agent_groups_made_total", "Control groups made for attempts.",
     &AgentMetrics::groups_made},
    {"hearth_agent_groups_reused_total", "Attempts that got a group kept from another.",
     &AgentMetrics::groups_reused},
    {"hearth_agent_warm_hits_total", "Scripts that found an interpreter waiting.",
     &AgentMetrics::warm_hits},
    {"hearth_agent_warm_misses_total", "Scripts that would have taken one, but none was ready.",
     &AgentMetrics::warm_misses},
    {"hearth_agent_warm_expired_total", "Waiting interpreters that were replaced for their age.",
     &AgentMetrics::warm_expired},
    {"hearth_agent_warm_failed_total",
     "Interpreters that did not come up, or ended while they waited.", &AgentMetrics::warm_failed},
    {"hearth_agent_output_bytes_total", "Bytes that attempts wrote.", &AgentMetrics::output_bytes},
    {"hearth_agent_spool_dropped_bytes_total",
     "Output dropped because neither bound nor disk had room for it.",
     &AgentMetrics::spool_dropped_bytes},
});

}  // namespace

void append_metrics(const AgentMetrics& metrics, std::string& text) {
  MetricsText out(text);
  for (const auto& [name, help, value] : kGauges) {
    out.gauge(name, help, (metrics.*value).load());
  }
  for (const auto& [name, help, value] : kCounters) {
    out.counter(name, help, (metrics.*value).load());
  }
  out.histogram("hearth_agent_spawn_seconds",
                "From the order to start an attempt until its command runs.",
                metrics.spawn.snapshot());
  out.refusals("hearth_agent_refused_total", "Refusals by that limit of the agent.",
               metrics.refused.snapshot());
}

}  // namespace hearth::agent
