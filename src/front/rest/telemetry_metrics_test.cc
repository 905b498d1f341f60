#include "front/rest/telemetry_metrics.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "base/rfc3339.h"
#include "base/telemetry_limits.h"

namespace hearth::rest {
namespace {

const TimePoint kNow = *parse_rfc3339("2026-11-22T02:28:24Z");

// Only what /metrics asks for.
class FakeTelemetry final : public api::TelemetryApi {
 public:
  std::vector<registry::WorkerView> workers(const registry::WorkerQuery&) override {
    return workers_;
  }
  std::optional<registry::WorkerView> worker(const AgentId&, const WorkerId&) override {
    return std::nullopt;
  }
  api::AgentFigures figures(const AgentId&) override { return {}; }
  std::optional<MachineSample> machine(const AgentId& agent) override {
    const auto found = machines_.find(agent);
    return found == machines_.end() ? std::nullopt : std::optional(found->second);
  }
  Result<> external_worker(const WorkerId&, WorkerState) override { return {}; }
  void history(const AgentId&, const TelemetryQuery&,
               std::function<void(Result<TelemetrySeries>)> done) override {
    done(not_found("nothing"));
  }
  std::uint64_t watch_telemetry(api::TelemetryWatcher) override { return 0; }
  void unwatch_telemetry(std::uint64_t) override {}
  void want_figures() override {}
  void unwant_figures() override {}

  std::map<AgentId, MachineSample> machines_;
  std::vector<registry::WorkerView> workers_;
};

AgentView agent(const std::string& id, AgentStatus status = AgentStatus::Busy) {
  AgentView view;
  view.record.info.id = AgentId(id);
  view.record.status = status;
  view.record.done = 7;
  view.record.failed = 2;
  view.running = 3;
  return view;
}

registry::WorkerView worker(const std::string& id, const std::string& agent_id,
                            WorkerSample sample = {}, Duration age = std::chrono::minutes(1)) {
  registry::WorkerView view;
  view.agent = AgentId(agent_id);
  view.report.info.id = WorkerId(id);
  view.report.info.runtime = "command";
  view.report.info.state = WorkerState::Busy;
  view.report.sample = std::move(sample);
  view.report.sample.uptime = age;
  return view;
}

class TelemetryMetricsTest : public ::testing::Test {
 protected:
  std::string text() {
    std::string out;
    append_telemetry_metrics(out, telemetry_, agents_);
    return out;
  }
  static ::testing::AssertionResult has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos
               ? ::testing::AssertionSuccess()
               : ::testing::AssertionFailure() << "no line '" << line << "' in\n"
                                               << text;
  }

  FakeTelemetry telemetry_;
  std::vector<AgentView> agents_;
};

TEST_F(TelemetryMetricsTest, MachinesHaveTheirFiguresInBaseUnits) {
  agents_ = {agent("a")};
  telemetry_.machines_[AgentId("a")] = {.cpu_percent = 150.5,
                                        .cpu_milli = 3'500,
                                        .load_1m = 1.25,
                                        .memory_used_bytes = 4096,
                                        .disk_free_bytes = 5,
                                        .net_rx_bytes_per_sec = 77,
                                        .pressure = {.cpu = 12.5, .memory = {}, .io = 0.0},
                                        .gpus = {{.index = 1,
                                                  .name = "RTX \"x\"",
                                                  .util_percent = 40,
                                                  .memory_used_bytes = 9,
                                                  .memory_total_bytes = {},
                                                  .temperature_celsius = {},
                                                  .stale_since = kNow}},
                                        .gpu_problem = {}};
  const std::string out = text();
  for (const char* line : {
           R"(hearth_agent_up{agent="a"} 1)",
           R"(hearth_agent_attempts_running{agent="a"} 3)",
           R"(hearth_agent_attempts_total{agent="a",result="done"} 7)",
           R"(hearth_agent_attempts_total{agent="a",result="failed"} 2)",
           R"(hearth_machine_cpu_used_cores{agent="a"} 1.505)",
           R"(hearth_machine_cpu_cores{agent="a"} 3.5)",
           R"(hearth_machine_load{agent="a",minutes="1"} 1.25)",
           R"(hearth_machine_memory_used_bytes{agent="a"} 4096)",
           R"(hearth_machine_network_receive_bytes_per_second{agent="a"} 77)",
           R"(hearth_machine_pressure_ratio{agent="a",resource="cpu"} 0.125)",
           R"(hearth_machine_pressure_ratio{agent="a",resource="io"} 0)",
           R"(hearth_machine_gpu_utilization_ratio{agent="a",gpu="1",name="RTX \"x\""} 0.4)",
           R"(hearth_machine_gpu_stale{agent="a",gpu="1",name="RTX \"x\""} 1)",
       }) {
    EXPECT_TRUE(has(out, line));
  }
}

TEST_F(TelemetryMetricsTest, WhatIsNotKnownIsAbsentAndNotZero) {
  agents_ = {agent("a")};
  telemetry_.machines_[AgentId("a")] = {};
  telemetry_.workers_ = {worker("w", "a")};
  const std::string out = text();
  std::istringstream lines(out);
  std::set<std::string> sampled;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#")) {
      sampled.insert(line.substr(0, line.find_first_of("{ ")));
    }
  }
  EXPECT_EQ(sampled,
            (std::set<std::string>{"hearth_agent_up", "hearth_agent_attempts_running",
                                   "hearth_agent_attempts_total", "hearth_workers",
                                   "hearth_workers_not_exported", "hearth_worker_uptime_seconds"}));
}

TEST_F(TelemetryMetricsTest, WorkersAreToldApartByAgentWorkerRuntimeAndModel) {
  agents_ = {agent("a")};
  WorkerSample sample;
  sample.cpu_percent = 50;
  sample.cpu_ms = 1'500;
  sample.memory_bytes = 1024;
  sample.throttled_percent = 25;
  sample.oom_kills = 0;
  sample.pids = 3;
  sample.pressure.memory = 10;
  sample.model = "tiny\\llama";
  sample.gpus = {{.index = 0, .util_percent = {}, .memory_bytes = 12, .stale = false}};
  telemetry_.workers_ = {worker("w", "a", sample)};
  const std::string out = text();
  const std::string labels = R"(agent="a",worker="w",runtime="command",model="tiny\\llama")";
  for (const char* name_and_value :
       {"cpu_used_cores{} 0.5", "cpu_seconds_total{} 1.5", "memory_bytes{} 1024", "pids{} 3",
        "throttled_ratio{} 0.25", "oom_kills_total{} 0", "uptime_seconds{} 60"}) {
    std::string line = std::string("hearth_worker_") + name_and_value;
    line.insert(line.find('{') + 1, labels);
    EXPECT_TRUE(has(out, line));
  }
  EXPECT_TRUE(has(out, "hearth_worker_pressure_ratio{" + labels + R"(,resource="memory"} 0.1)"));
  EXPECT_TRUE(has(out, "hearth_worker_gpu_memory_bytes{" + labels + R"(,gpu="0"} 12)"));
  EXPECT_TRUE(has(out, R"(hearth_workers{runtime="command",state="BUSY"} 1)"));
}

TEST_F(TelemetryMetricsTest, AnAgentThatIsNotConnectedHasNoFigures) {
  agents_ = {agent("a", AgentStatus::Disconnected)};
  telemetry_.machines_[AgentId("a")] = {.load_1m = 1};
  telemetry_.workers_ = {worker("w", "a", {.memory_bytes = 5})};
  const std::string out = text();
  EXPECT_TRUE(has(out, R"(hearth_agent_up{agent="a"} 0)"));
  EXPECT_EQ(out.find("hearth_machine_load{"), std::string::npos);
  EXPECT_EQ(out.find("hearth_worker_memory_bytes{"), std::string::npos);
  EXPECT_TRUE(has(out, R"(hearth_workers_not_exported{reason="silent"} 1)"));
}

TEST_F(TelemetryMetricsTest, YoungWorkersAndThosePastTheLimitAreOnlyCounted) {
  agents_ = {agent("a")};
  telemetry_.workers_ = {
      worker("young", "a", {.memory_bytes = 5}, limits::kExportedWorkerAgeMin - Duration(1))};
  for (std::int64_t i = 0; i < limits::kExportedWorkersMax + 5; ++i) {
    telemetry_.workers_.push_back(
        worker("w" + std::to_string(i), "a", {.memory_bytes = 5}, limits::kExportedWorkerAgeMin));
  }
  const std::string out = text();
  EXPECT_TRUE(has(out, R"(hearth_workers_not_exported{reason="young"} 1)"));
  EXPECT_TRUE(has(out, R"(hearth_workers_not_exported{reason="limit"} 5)"));
  EXPECT_EQ(out.find("worker=\"young\""), std::string::npos);
  std::int64_t series = 0;
  for (std::size_t at = 0; (at = out.find("hearth_worker_memory_bytes{", at)) != std::string::npos;
       ++at) {
    ++series;
  }
  EXPECT_EQ(series, limits::kExportedWorkersMax);
  EXPECT_TRUE(has(out, R"(hearth_workers{runtime="command",state="BUSY"} 1006)"));
}

}  // namespace
}  // namespace hearth::rest
