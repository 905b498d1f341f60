#include "agent/telemetry/telemetry_metrics.h"

namespace hearth::agent {

void TelemetryMetrics::write(MetricsText& out) const {
  out.gauge("hearth_agent_telemetry_workers", "Workers whose figures the agent takes.",
            workers.load());
  out.gauge("hearth_agent_history_bytes", "Memory that holds figures of the last hour.",
            history_bytes.load());
  out.histogram("hearth_agent_collect_seconds",
                "Reading the figures of all workers and the machine once.", collect.snapshot());
  out.histogram("hearth_agent_report_seconds",
                "Making a report of figures and handing it to the link, which encodes it.",
                report.snapshot());
  out.family("hearth_agent_reports_total", "counter",
             "Reports of all figures, and of comings and goings of workers alone.");
  out.value({{"kind", "whole"}}, whole_reports.load());
  out.value({{"kind", "changes"}}, change_reports.load());
  out.counter("hearth_agent_report_bytes_total",
              "Bytes of those that were sent; none where the controller is in the same process.",
              report_bytes.load());
}

}  // namespace hearth::agent
