// Telemetry <-> the messages of telemetry.proto, for the two ends of the agent link.
#pragma once

#include "base/result.h"
#include "hearth/telemetry.pb.h"
#include "model/worker.h"

namespace hearth::wire {

void to_proto(const TelemetryReport& report, v1::TelemetryReport& out);
// DataLoss names the field that is out of range, and a report of more than kWorkersPerAgentMax
// workers or kGpusMax GPUs.
Result<TelemetryReport> to_model(const v1::TelemetryReport& report);

// At least kTelemetryInterval, or 0.
Duration interval_of(const v1::TelemetryWanted& wanted);

void to_proto(const TelemetryQuery& query, v1::TelemetryQuery& out);
TelemetryQuery to_model(const v1::TelemetryQuery& query);

void to_proto(const Result<TelemetrySeries>& series, v1::TelemetryAnswer& out);
// What the agent answered, or DataLoss when the columns are not of one length.
Result<TelemetrySeries> to_model(const v1::TelemetryAnswer& answer);

}  // namespace hearth::wire
