#include "agent/runtimes/agent_metrics.h"

#include "base/metrics_text.h"

namespace hearth::agent {

void append_metrics(const AgentMetrics& metrics, std::string& text) {
  MetricsText out(text);
  out.gauge("hearth_agent_linked", "1 while the link to the controller stands.",
            metrics.linked.load());
  out.counter("hearth_agent_links_total", "Links to a controller; more than one: it reconnected.",
              metrics.links.load());
  out.gauge("hearth_agent_attempts", "Attempts that this agent runs, starts or clears away.",
            metrics.running.load());
  out.counter("hearth_agent_started_total", "Attempts whose process started.",
              metrics.started.load());
  out.counter("hearth_agent_spawns_failed_total", "Attempts that could not be started.",
              metrics.spawns_failed.load());
  out.counter("hearth_agent_ended_total", "Attempts that had started and ended.",
              metrics.ended.load());
  out.histogram("hearth_agent_spawn_seconds",
                "From the order to start an attempt until its command runs.",
                metrics.spawn.snapshot());
  out.gauge("hearth_agent_spawns_waiting", "Orders that wait for the launcher.",
            metrics.spawns_waiting.load());
  out.counter("hearth_agent_launcher_restarts_total", "Launchers started after one was lost.",
              metrics.launcher_restarts.load());
  out.counter("hearth_agent_groups_made_total", "Control groups made for attempts.",
              metrics.groups_made.load());
  out.counter("hearth_agent_groups_reused_total", "Attempts that got a group kept from another.",
              metrics.groups_reused.load());
  out.gauge("hearth_agent_groups_kept", "Empty groups kept for attempts to come.",
            metrics.groups_kept.load());
  out.counter("hearth_agent_output_bytes_total", "Bytes that attempts wrote.",
              metrics.output_bytes.load());
  out.gauge("hearth_agent_spool_bytes", "Output kept until the controller has it.",
            metrics.spool_bytes.load());
  out.counter("hearth_agent_spool_dropped_bytes_total",
              "Output dropped because neither bound nor disk had room for it.",
              metrics.spool_dropped_bytes.load());
  out.refusals("hearth_agent_refused_total", "Refusals by that limit of the agent.",
               metrics.refused.snapshot());
}

}  // namespace hearth::agent
