// The whole way of figures, from real processes to the event stream, and across restarts. The names
// are those of the source's integration tests (docs/telemetry-tests.md); faults are in
// telemetry_faults_test.cc.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/e2e/telemetry_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ends;
using harness::EventStream;
using harness::number;
using harness::Program;
using harness::text;
using harness::watch;
using harness::Watched;

namespace {

class TelemetryTest : public TelemetryCluster {
 protected:
  // Seconds of CPU that the kernel counted for the process.
  static double cpu_seconds(std::int64_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 2, stat.size())));
    std::string skipped;
    for (int i = 0; i < 11; ++i) {
      fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
};

// test_end_to_end_telemetry_flow
TEST_F(TelemetryTest, EndToEndTelemetryFlow) {
  start_up();
  EventStream stream(endpoint(), "/v1/events");
  stream.wait_for("snapshot");
  const std::string busy =
      submit({{"command", {"sh", "-c", "while :; do :; done"}}, {"requiredRamMb", 32}});
  const std::string idle = sleeper();
  const auto started = stream.wait_for_worker(busy, "BUSY");
  const std::string worker(started.data.at("id").as_string());
  const std::int64_t pid = started.data.at("pid").as_int64();
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), 0);
  const auto figures = stream.wait_for_figures(worker, [](const json::object& one) {
    return !one.at("cpuPercent").is_null() && one.at("cpuPercent").to_number<double>() > 0 &&
           one.at("uptimeMs").as_int64() > 2'000;
  });
  EXPECT_LE(figures.at("cpuPercent").to_number<double>(), 110);
  EXPECT_GE(figures.at("memoryBytes").as_int64(), 0);
  EXPECT_LE(figures.at("memoryBytes").as_int64(), 32 << 20);
  EXPECT_GE(figures.at("pids").as_int64(), 1);
  EXPECT_EQ(figures.at("oomKills").as_int64(), 0);
  // The kernel's own count agrees that it was the busy one.
  EXPECT_GT(cpu_seconds(pid), 0);
  const auto machine = stream.wait_for("telemetry").data.at("machine").as_object();
  EXPECT_GT(machine.at("memoryTotalBytes").as_int64(), 64 << 20);
  EXPECT_GT(machine.at("diskTotalBytes").as_int64(), 0);
  const auto idle_worker = workers("?agent=" + text(job(busy), "agentId"));
  ASSERT_EQ(idle_worker.size(), 2U);

  for (const std::string& id : {busy, idle}) {
    post("/v1/jobs/" + id + "/cancel", "{}");
    stream.wait_for_worker(id, "STOPPED");
  }
  EXPECT_TRUE(workers().empty());
}

TEST_F(TelemetryTest, TheAgentRemembersWhatWasUsed) {
  start_up();
  sleeper();
  wait_workers(1);
  const std::string agent(workers().at(0).at("agentId").as_string());
  const std::string worker(workers().at(0).at("id").as_string());
  const auto points = [&](const std::string& query) -> json::object {
    const Answer answer = get("/v1/telemetry?agent=" + agent + query);
    return answer.status == 200 ? answer.body.as_object() : json::object{{"at", json::array()}};
  };
  wait_until([&] { return points("").at("at").as_array().size() >= 3; }, "three points");
  const json::object answer = points("");
  EXPECT_EQ(answer.at("series").at("memoryUsedBytes").as_array().size(),
            answer.at("at").as_array().size());
  // Workers are remembered from their tenth second on.
  wait_until([&] { return !points("&worker=" + worker).at("at").as_array().empty(); },
             "points of the worker");
  EXPECT_EQ(get("/v1/telemetry?agent=" + agent + "&worker=none").status, 404);
}

// test_worker_dies_removed_from_registry: its agent dies with it, and nobody says anything more.
TEST_F(TelemetryTest, WorkerDiesRemovedFromRegistry) {
  start_controller(kQuick);
  Program& agent = start_agent("a");
  sleeper();
  wait_workers(1);
  EventStream stream(endpoint(), "/v1/events?types=worker");
  stream.wait_for("snapshot");
  kill_now(agent);
  EXPECT_EQ(workers().size(), 1U);  // not heard of for a moment is not gone
  stream.wait_for("worker", std::chrono::seconds(30));
  EXPECT_TRUE(workers().empty());
}

// test_scheduling_queries
TEST_F(TelemetryTest, SchedulingQueries) {
  start_controller(kQuick);
  start_agent("a", {"--label", "zone=north", "--cpu", "4", "--memory", "1024"});
  start_agent("b", {"--label", "zone=south", "--cpu", "1", "--memory", "512"});
  submit({{"command", {"sh", "-c", "while :; do sleep 5; done", "--model", "tiny.gguf"}},
          {"requires", {{"zone", "north"}}},
          {"requiredRamMb", 64}});
  submit({{"command", {"sleep", "600"}}, {"requires", {{"zone", "south"}}}, {"requiredRamMb", 64}});
  wait_workers(2);
  wait_workers(1, "?agent=a");
  wait_workers(1, "?model=tiny.gguf");
  wait_workers(1, "?label=zone=south");
  wait_workers(0, "?idle=1");
  wait_workers(1, "?minFreeRamMb=900");
  wait_workers(1, "?minFreeCpu=3");
  wait_workers(0, "?minFreeVramMb=1");
  wait_workers(0, "?key=none");
  for (const json::value& worker : workers()) {
    EXPECT_EQ(worker.at("state").as_string(), "BUSY");
  }
}

// A worker that the kernel kills is told to have stopped before its job is told to have ended, and
// nobody lists it any more.
TEST_F(TelemetryTest, AKilledWorkerLeavesTheStream) {
  start_controller(kNeverByTime);
  start_agent("a");
  const std::string id = sleeper();
  const std::string stays = sleeper();
  wait_workers(2);
  const pid_t pid = pid_of_worker(id);
  EventStream stream(endpoint(), "/v1/events");
  stream.wait_for("snapshot");
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  stream.wait_for_worker(id, "STOPPED");
  const auto left = workers();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left.at(0).at("jobs").at(0).as_string(), stays);
  const json::object ended = wait_ended(id);
  EXPECT_EQ(text(ended, "reason"), "signaled");
  EXPECT_EQ(number(ended, "signal"), SIGKILL);
}

// Messages about many workers are spaced; who came and went in between is in the next.
TEST_F(TelemetryTest, TheWorkerOfNoShortJobIsMissed) {
  constexpr int kJobs = 40;
  start_up();
  EventStream stream(endpoint(), "/v1/events?types=worker");
  stream.wait_for("snapshot");
  std::set<std::string> missing;
  for (int i = 0; i < kJobs; ++i) {
    missing.insert(submit({{"command", {"true"}}, {"requiredCpu", 0.1}}));
  }
  stream.wait_for(
      [&](const EventStream::Event& event) {
        if (event.name == "worker" && event.data.at("state").as_string() == "STOPPED") {
          const std::string id(event.data.at("id").as_string());
          missing.erase(id.substr(0, id.find('-')));
        }
        return missing.empty();
      },
      "the end of each job's worker");
}

// test_queen_restart_recovers: whole again within one heartbeat, which here nobody lives to see.
TEST_F(TelemetryTest, QueenRestartRecovers) {
  constexpr std::size_t kWorkers = 20;
  start_controller(kNeverByTime);
  start_agent("a", {"--cpu", "4"});
  std::vector<std::string> jobs;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    jobs.push_back(sleeper());
  }
  wait_workers(kWorkers);
  for (const std::string& id : jobs) {
    ASSERT_GT(pid_of_worker(id), 0);
  }
  const std::set<std::string> before = worker_ids();
  restart_controller();
  wait_workers(kWorkers);
  EXPECT_EQ(worker_ids(), before);
  EventStream stream(endpoint(), "/v1/events");
  const auto snapshot = stream.wait_for("snapshot");
  ASSERT_EQ(snapshot.data.at("workers").as_array().size(), kWorkers);
  for (const json::value& worker : snapshot.data.at("workers").as_array()) {
    EXPECT_EQ(worker.at("state").as_string(), "BUSY");
    EXPECT_FALSE(worker.at("pid").is_null()) << worker;
    EXPECT_FALSE(worker.at("startedAt").is_null()) << worker;
  }
  // Figures too: whoever watches need not wait for a heartbeat.
  stream.wait_for_figures(*before.begin(),
                          [](const json::object& one) { return !one.at("cpuPercent").is_null(); });
  for (const std::string& id : jobs) {
    EXPECT_EQ(number(job(id), "attempt"), 1);
  }
}

// test_hive_restart_clears_workers: at once, for no time limit is near.
TEST_F(TelemetryTest, HiveRestartClearsWorkers) {
  start_controller(kNeverByTime);
  Program& agent = start_agent("a");
  const std::string id = sleeper();
  const std::string finished =
      submit({{"command", {"sleep", "600"}}, {"requiredRamMb", 16}, {"maxLost", 0}});
  wait_workers(2);
  const std::string before(worker_of(id).at("id").as_string());
  const Watched old = watch(pid_of_worker(id));
  EventStream stream(endpoint(), "/v1/events?types=worker");
  stream.wait_for("snapshot");
  kill_now(agent);
  EXPECT_TRUE(ends(old)) << "its processes die with the agent";
  start_agent("a");
  stream.wait_for(
      [&](const EventStream::Event& event) {
        return event.name == "worker" && event.data.at("id").as_string() == before &&
               event.data.at("state").as_string() == "STOPPED";
      },
      "the end of the old worker");
  wait_until(
      [&] {
        const json::array now = workers();
        return now.size() == 1 && now.at(0).at("id").as_string() != before;
      },
      "the worker of the second attempt alone");
  EXPECT_EQ(number(job(id), "attempt"), 2);
  EXPECT_EQ(text(wait_ended(finished), "reason"), "agent_restarted");
}

}  // namespace
}  // namespace hearth::e2e
