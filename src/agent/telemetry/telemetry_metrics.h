// What an agent's telemetry counts about itself, for /metrics. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/histogram.h"
#include "base/metrics_text.h"

namespace hearth::agent {

struct TelemetryMetrics {
  Histogram collect;  // reading all figures, once
  Histogram report;   // making one report and handing it to the link, which encodes it
  std::atomic<std::uint64_t> whole_reports{0};
  std::atomic<std::uint64_t> change_reports{0};
  std::atomic<std::uint64_t> report_bytes{0};  // counted by the link; none in one process
  std::atomic<std::int64_t> workers{0};
  std::atomic<std::int64_t> history_bytes{0};

  void write(MetricsText& out) const;
};

}  // namespace hearth::agent
