// Workers, their figures and those of machines, as JSON (spec §4, "A worker"). Pure: a figure that
// is not known is null.
#pragma once

#include <string>
#include <vector>

#include "api/telemetry_api.h"
#include "net/json_writer.h"

namespace hearth::rest {

void write_worker(net::JsonWriter& json, const registry::WorkerView& worker);
// The first `max` as the member "workers" of an open object, and how many there are as "total".
void write_workers(net::JsonWriter& json, const std::vector<registry::WorkerView>& workers,
                   std::int64_t max);
void write_machine(net::JsonWriter& json, const MachineSample& machine);
// What an event says of a worker that is no more.
void write_gone_worker(net::JsonWriter& json, const AgentId& agent, const WorkerId& worker);
// Figures of one machine and its workers at one time: an event's data.
void write_figures(net::JsonWriter& json, const AgentId& agent, const api::AgentFigures& figures,
                   TimePoint at);
// Columns over time; `now` is when the agent answered.
void write_series(net::JsonWriter& json, const AgentId& agent,
                  const std::optional<WorkerId>& worker, const TelemetrySeries& series,
                  TimePoint now);

}  // namespace hearth::rest
