// The bounds of telemetry, as limits.h has all others. Apart from it, because nearly every file
// includes that one and few ask about workers.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// What the controller knows of, and what one report may name.
inline constexpr std::int64_t kWorkersPerAgentMax = 10'000;
inline constexpr std::int64_t kWorkersMax = 100'000;
// Workers that are not Hearth's own and report themselves by HTTP.
inline constexpr std::int64_t kExternalWorkersMax = 10'000;
inline constexpr std::int64_t kWorkerJobsMax = 1'000;
inline constexpr std::int64_t kGpusReportedMax = 64;
inline constexpr std::int64_t kWorkerTextBytesMax = 4 * kKiB;  // key, model, an error: cut
// Ended workers that streams are still told of.
inline constexpr std::int64_t kWorkersGoneKeptMax = 16'384;
inline constexpr std::int64_t kSnapshotWorkersMax = 10'000;
inline constexpr std::int64_t kWorkersListedMax = 10'000;
inline constexpr std::int64_t kWorkersListedDefault = 1'000;

// A worker of which nothing was heard for so long is dropped.
inline constexpr Duration kWorkerTimeout = std::chrono::seconds(90);
// How often an agent takes figures, and sends them while somebody watches.
inline constexpr Duration kTelemetryInterval = std::chrono::seconds(1);
// Figures are taken of workers that have lived for about so long, not of those that end at once.
inline constexpr Duration kProbeAfter = std::chrono::milliseconds(100);
// When workers come and go all the time, this lies between two messages that say so.
inline constexpr Duration kTelemetryChangesSpacing = std::chrono::milliseconds(1);
// So many whole reports a second reach the controller at most: with more agents than that, each
// sends more seldom. Of heartbeats, which bring a report too, kHeartbeatsPerSecondMax says the
// same.
inline constexpr std::int64_t kTelemetryReportsPerSecondMax = 1'000;
// New figures of all agents together are told to readers no more often than that, so that thousands
// of agents do not wake each reader thousands of times a second.
inline constexpr Duration kFiguresTellInterval = std::chrono::milliseconds(100);
// Agents go on sending so long after the last watcher left, so that a reload does not stop them.
inline constexpr Duration kTelemetryLinger = std::chrono::seconds(5);

// Workers with series of their own in /metrics.
inline constexpr std::int64_t kExportedWorkersMax = 1'000;
inline constexpr Duration kExportedWorkerAgeMin = std::chrono::seconds(10);

// An agent's memory of figures, of the machine and of workers older than kHistoryWorkerAgeMin.
inline constexpr std::int64_t kTelemetryBytesMax = 64 * kMiB;
inline constexpr Duration kTelemetryKeptFor = std::chrono::hours(1);
inline constexpr Duration kHistoryWorkerAgeMin = std::chrono::seconds(10);
inline constexpr std::int64_t kTelemetryPointsMax = 3'600;
inline constexpr Duration kTelemetryAnswerTimeout = std::chrono::seconds(5);
inline constexpr std::int64_t kTelemetryQueriesMax = 256;  // that wait for an agent's answer

// Of a worker that used no CPU and has as much memory as before, what only its own processes can
// change is read this seldom.
inline constexpr Duration kProbeQuietInterval = std::chrono::seconds(10);
// The kernel computes pressure's averages anew each two seconds; this lets a timer be early.
inline constexpr Duration kProbePressureInterval = std::chrono::milliseconds(1'500);

}  // namespace hearth::limits
