// Random model values for the property tests of codecs: every field takes unusual values, among
// them ones that are not UTF-8 where the model allows that.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "model/agent.h"
#include "model/job.h"
#include "model/job_spec.h"
#include "model/worker.h"

namespace hearth::wire::testing {

class RandomModel {
 public:
  explicit RandomModel(std::uint64_t seed) : engine_(seed) {}

  JobSpec job_spec();
  JobRecord job_record();
  Attempt attempt();
  AttemptResult attempt_result();
  AgentRecord agent_record();
  TelemetryReport telemetry_report();
  std::map<std::string, std::string> env();
  std::string bytes(std::size_t size_max);  // any byte
  std::string text(std::size_t size_max);   // UTF-8

 private:
  bool coin() { return engine_() % 2 == 0; }
  std::int64_t number(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  std::int64_t amount();
  std::int32_t any_int32();
  TimePoint time();
  std::optional<TimePoint> maybe_time();
  Labels labels();
  ResourceVector resources();
  SchedulingSpec scheduling();
  ExecutionSpec execution();
  std::optional<std::int64_t> maybe_amount();
  std::optional<double> maybe_share();  // whole hundredths
  PressureSample pressure();
  WorkerReport worker_report(std::int64_t number_of);
  MachineSample machine_sample();

  std::mt19937_64 engine_;
};

}  // namespace hearth::wire::testing
