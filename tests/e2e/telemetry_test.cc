// The whole way of figures, from real processes to the event stream, and what becomes of it when
// parts fail. The names are those of the source's integration tests (origin, phase 4).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/cluster.h"
#include "tests/e2e/event_stream.h"

namespace hearth::e2e {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kQuick = {
    "--heartbeat-interval", "500ms", "--heartbeat-timeout", "5s", "--worker-timeout", "3s"};

class TelemetryTest : public ClusterTest {
 protected:
  json::array workers(const std::string& query = "") {
    const Answer answer = get("/v1/workers" + query);
    EXPECT_EQ(answer.status, 200) << answer.raw;
    return answer.status == 200 ? answer.body.as_object().at("workers").as_array() : json::array();
  }
  void wait_workers(std::size_t count, const std::string& query = "") {
    wait_until([&] { return workers(query).size() == count; },
               std::to_string(count) + " workers " + query);
  }
  std::string sleeper() {
    return submit({{"command", {"sleep", "600"}}, {"requiredCpu", 0.1}, {"requiredRamMb", 16}});
  }
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

  post("/v1/jobs/" + busy + "/cancel", "{}");
  stream.wait_for_worker(busy, "STOPPED");
  wait_workers(1);
  // A worker that the kernel kills leaves as well.
  const std::int64_t idle_pid = workers().at(0).at("pid").as_int64();
  ASSERT_EQ(::kill(static_cast<pid_t>(idle_pid), SIGKILL), 0);
  stream.wait_for_worker(idle, "STOPPED");
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

// test_queen_restart_recovers
TEST_F(TelemetryTest, QueenRestartRecovers) {
  start_controller(kQuick);
  start_agent("a");
  const std::string id = sleeper();
  wait_workers(1);
  const std::string before(workers().at(0).at("id").as_string());
  restart_controller();
  wait_workers(1);
  EXPECT_EQ(workers().at(0).at("id").as_string(), before);
  EXPECT_EQ(workers().at(0).at("jobs").at(0).as_string(), id);
  EXPECT_EQ(number(job(id), "attempt"), 1);
}

// test_hive_restart_clears_workers: at once, not after the timeout.
TEST_F(TelemetryTest, HiveRestartClearsWorkers) {
  start_controller();  // the worker timeout is 90 s
  Program& agent = start_agent("a");
  const std::string id = sleeper();
  wait_workers(1);
  const std::string before(workers().at(0).at("id").as_string());
  kill_now(agent);
  start_agent("a");
  wait_until(
      [&] {
        const json::array now = workers();
        return now.size() == 1 && now.at(0).at("id").as_string() != before;
      },
      "the worker of the second attempt alone");
  EXPECT_EQ(number(job(id), "attempt"), 2);
}

// test_queen_unreachable: the agent goes on and tells the next controller what it has.
TEST_F(TelemetryTest, QueenUnreachable) {
  start_controller(kQuick);
  start_agent("a");
  const std::string done = scratch("done");
  const std::string gate = scratch("gate");
  const std::string id =
      submit({{"command",
               {"sh", "-c",
                "while [ ! -e " + gate + " ]; do sleep 0.05; done; echo said; echo x > " + done}}});
  const std::string stays = sleeper();
  wait_workers(2);
  stop_controller();
  std::ofstream(gate) << "open";
  wait_lines(done, 1);  // it ended with nobody to tell
  restart_controller();
  const auto ended = wait_ended(id);
  EXPECT_EQ(text(ended, "state"), "COMPLETED");
  EXPECT_EQ(number(ended, "attempt"), 1);
  EXPECT_EQ(output(id), "said\n");
  wait_workers(1);
  EXPECT_EQ(workers().at(0).at("jobs").at(0).as_string(), stays);
}

// test_nvidia_smi_timeout: a driver that hangs holds up no figure but its own, and says so.
TEST_F(TelemetryTest, NvidiaSmiTimeout) {
  const std::string tools = scratch("tools");
  ::mkdir(tools.c_str(), 0755);
  std::ofstream(tools + "/nvidia-smi") << "#!/bin/sh\nexec sleep 600\n";
  ::chmod((tools + "/nvidia-smi").c_str(), 0755);
  set_environment({{"PATH", tools + ":/usr/sbin:/usr/bin:/sbin:/bin"}});
  start_up();
  EventStream stream(endpoint(), "/v1/events?types=telemetry,worker");
  stream.wait_for("snapshot");
  const std::string id = sleeper();
  const std::string worker(stream.wait_for_worker(id, "BUSY").data.at("id").as_string());
  stream.wait_for_figures(worker, [](const json::object& one) {
    return !one.at("cpuPercent").is_null() && one.at("gpus").as_array().empty();
  });
  const auto told = stream.wait_for(
      [](const EventStream::Event& event) {
        return event.name == "telemetry" && event.data.at("machine").is_object() &&
               !event.data.at("machine").at("gpuProblem").is_null();
      },
      "the GPU's problem");
  EXPECT_TRUE(told.data.at("machine").at("gpus").as_array().empty());
}

// test_cgroup_permission_denied: an agent that may make no groups says what would help, and its
// workers have the figures that /proc gives.
TEST_F(TelemetryTest, CgroupPermissionDenied) {
  constexpr ::uid_t kNobody = 65'534;
  start_controller(kQuick);
  // What a user without rights can reach.
  std::string folder = (fs::temp_directory_path() / "hearth-nobody-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  for (const char* name : {"hearth", "hearth-launcher"}) {
    fs::copy_file(program_path(name), folder + "/" + name);
  }
  ASSERT_EQ(::chown(folder.c_str(), kNobody, kNobody), 0);
  {
    Program agent(
        scratch(),
        {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", folder + "/hearth",
         "agent", "--controller", grpc(), "--id", "a", "--data", folder + "/data"},
        {});
    EXPECT_FALSE(agent.wait_for_line("hearth agent ready").empty()) << agent.err();
    EXPECT_NE(agent.err().find("elegat"), std::string::npos) << agent.err();
    EXPECT_NE(agent.err().find("root"), std::string::npos) << agent.err();
    const std::string id = sleeper();
    wait_workers(1);
    EventStream stream(endpoint(), "/v1/events");
    const auto snapshot = stream.wait_for("snapshot");
    EXPECT_EQ(snapshot.data.at("agents").at(0).at("enforcement").as_string(), "none");
    const std::string worker(workers().at(0).at("id").as_string());
    const auto figures = stream.wait_for_figures(worker, [](const json::object& one) {
      return !one.at("memoryBytes").is_null() && one.at("memoryBytes").as_int64() > 0;
    });
    EXPECT_TRUE(figures.at("throttledPercent").is_null());
    EXPECT_EQ(workers().at(0).at("jobs").at(0).as_string(), id);
  }
  fs::remove_all(folder);
}

// test_broadcast_channel_full: a client that does not read costs nobody anything, and is told.
TEST_F(TelemetryTest, BroadcastChannelFull) {
  start_up({"--cpu", "8"});
  client::HttpClient slow(endpoint());
  auto unread = slow.stream({.target = "/v1/events"}, std::chrono::seconds(10));
  ASSERT_TRUE(unread) << unread.error().message;
  EventStream stream(endpoint(), "/v1/events?types=worker");
  stream.wait_for("snapshot");
  json::array items;
  for (int i = 0; i < 3'000; ++i) {
    items.push_back(json::object{{"command", {"true"}},
                                 {"name", std::string(200, 'n')},
                                 {"requiredCpu", 0.5},
                                 {"requiredRamMb", 16}});
  }
  const Answer answer = post("/v1/jobs:batch", json::serialize(items));
  ASSERT_EQ(answer.status, 200);
  const auto results = answer.body.as_object().at("results").as_array();
  const std::string last(results.back().at("id").as_string());
  stream.wait_for_worker(last, "STOPPED", std::chrono::seconds(120));
  EXPECT_EQ(text(wait_ended(last), "state"), "COMPLETED");
  wait_workers(0);
}

}  // namespace
}  // namespace hearth::e2e
