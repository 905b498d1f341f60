// What machines and workers use, for /metrics. A figure that is not known is absent, never 0.
//
// Labels are bounded: workers younger than limits::kExportedWorkerAgeMin are left out, because each
// would be a series of one sample, those of agents that are not connected, and past
// limits::kExportedWorkersMax the rest; hearth_workers_not_exported counts them.
#pragma once

#include <string>
#include <vector>

#include "api/telemetry_api.h"
#include "model/agent.h"

namespace hearth::rest {

void append_telemetry_metrics(std::string& out, api::TelemetryApi& telemetry,
                              const std::vector<AgentView>& agents);

}  // namespace hearth::rest
