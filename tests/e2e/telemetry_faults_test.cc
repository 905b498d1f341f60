// What becomes of figures and of the jobs behind them when parts fail: the faults by name, which
// the source's integration tests begin (docs/telemetry-tests.md).
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "agent/cgroup/testing/take_out.h"
#include "base/clock.h"
#include "base/limits.h"
#include "tests/e2e/telemetry_fixture.h"
#include "tests/harness/faults.h"
#include "tests/harness/processes.h"
#include "tests/harness/residue.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::contents;
using harness::ends;
using harness::EventStream;
using harness::FaultShim;
using harness::groups_of;
using harness::number;
using harness::Program;
using harness::program_path;
using harness::Residue;
using harness::text;
using harness::watch;
using harness::Watched;

namespace {

namespace fs = std::filesystem;

// Stands where a controller was: hangs up on whoever comes, and counts them.
class DeafDoor {
 public:
  explicit DeafDoor(const std::string& where)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::size_t colon = where.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(where.substr(colon + 1))));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    const int yes = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(::listen(listener_.get(), SOMAXCONN), 0);
  }
  void wait_for_visits(int count) {
    for (; visits_ < count; ++visits_) {
      pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(::poll(&waiting, 1, 60'000), 1) << "nobody tries any more after " << visits_;
      const UniqueFd visitor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
  }

 private:
  UniqueFd listener_;
  int visits_ = 0;
};

// What so many waits take at least: doubled from the first to the longest, each jittered over its
// upper half.
Duration waits_at_least(int count) {
  Duration all{0};
  Duration next = limits::kReconnectInitial;
  for (int i = 0; i < count; ++i) {
    all += next / 2;
    next = std::min(limits::kReconnectMax, next * 2);
  }
  return all;
}

class TelemetryFaultsTest : public TelemetryCluster {
 protected:
  std::size_t points_remembered(const std::string& agent) {
    const Answer answer = get("/v1/telemetry?agent=" + agent);
    return answer.status == 200 ? answer.body.as_object().at("at").as_array().size() : 0;
  }
  static bool has_all(const json::object& figures) {
    return !figures.at("memoryBytes").is_null() && !figures.at("cpuPercent").is_null() &&
           !figures.at("pids").is_null();
  }
  static bool has_none(const json::object& figures) {
    return figures.at("memoryBytes").is_null() && figures.at("cpuPercent").is_null() &&
           figures.at("memoryPeakBytes").is_null() && figures.at("pids").is_null();
  }
  // The most memory it ever had.
  static std::int64_t peak_bytes(pid_t pid) {
    const std::string status = contents("/proc/" + std::to_string(pid) + "/status");
    const std::size_t at = status.find("VmHWM:");
    return at == std::string::npos ? 0 : std::stoll(status.substr(at + 6)) * 1024;
  }
};

// test_queen_unreachable: for minutes in the long form. The agent goes on, tries again ever more
// seldom, and tells the next controller what it has.
TEST_F(TelemetryFaultsTest, QueenUnreachable) {
  const int visits = ::getenv("HEARTH_TEST_LONG") == nullptr ? 6 : 40;
  start_controller();
  Program& agent = start_agent("a");
  const std::string log = scratch("log");
  const std::string gate = scratch("gate");
  const std::string id =
      submit({{"command",
               {"sh", "-c",
                "echo before; echo x >> " + log + "; while [ ! -e " + gate +
                    " ]; do sleep 0.05; done; echo meanwhile; echo x >> " + log + "; exit 5"}}});
  const std::string stays = sleeper();
  wait_workers(2);
  wait_lines(log, 1);
  SystemClock clock;
  const std::int64_t from_ns = clock.monotonic_ns();
  stop_controller();
  {
    DeafDoor door(grpc());
    door.wait_for_visits(2);
    std::ofstream(gate) << "open";
    wait_lines(log, 2);  // it ended with nobody to tell
    door.wait_for_visits(visits);
  }
  EXPECT_GE((clock.monotonic_ns() - from_ns) / 1'000'000, waits_at_least(visits).count());
  EXPECT_TRUE(agent.running());
  restart_controller();
  const auto ended = wait_ended(id);
  EXPECT_EQ(text(ended, "reason"), "exit_nonzero");
  EXPECT_EQ(number(ended, "exitCode"), 5);
  EXPECT_EQ(number(ended, "attempt"), 1);
  EXPECT_EQ(output(id), "before\nmeanwhile\n");
  wait_workers(1);
  EXPECT_EQ(workers().at(0).at("jobs").at(0).as_string(), stays);
  EXPECT_EQ(number(job(stays), "attempt"), 1);
  // It took figures all the time: one a second, of a time in which nobody asked.
  EXPECT_GE(static_cast<std::int64_t>(points_remembered("a")),
            waits_at_least(visits).count() / 2'000);
}

// test_nvidia_smi_timeout: a driver that hangs holds up no figure but its own, and
// says so; nothing of it is left.
TEST_F(TelemetryFaultsTest, NvidiaSmiTimeout) {
  const std::string tools = scratch("tools");
  ::mkdir(tools.c_str(), 0755);
  std::ofstream(tools + "/nvidia-smi") << "#!/bin/sh\ntrap '' TERM\nsleep 600\n";
  ::chmod((tools + "/nvidia-smi").c_str(), 0755);
  set_environment({{"PATH", tools + ":/usr/sbin:/usr/bin:/sbin:/bin"}});
  const Residue residue(scratch());
  Program& up = start_up();
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
  // Still so after it was said.
  stream.wait_for_figures(worker, has_all);
  post("/v1/jobs/" + id + "/cancel", "{}");
  EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 0);
  const auto left = residue.left();
  EXPECT_TRUE(left.empty()) << left.front();
}

// test_cgroup_permission_denied: an agent that may make no groups says what would help, and its
// workers have the figures that /proc gives.
TEST_F(TelemetryFaultsTest, CgroupPermissionDenied) {
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

// Somebody removes the group of a worker that lives: its figures are unknown, all others go on, and
// its job ends as it ends or as it has to.
TEST_F(TelemetryFaultsTest, CgroupRemovedUnderALiveWorker) {
  Residue residue(scratch());
  Program& up = start_up({"--cpu", "4"});
  EventStream stream(endpoint(), "/v1/events");
  if (stream.wait_for("snapshot").data.at("agents").at(0).at("enforcement").as_string() == "none") {
    GTEST_SKIP() << "NOT RUN HERE: there are no groups to remove";
  }
  const std::string gate = scratch("gate");
  const std::string honest = submit(
      {{"command",
        {"sh", "-c",
         "echo before; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo after; exit 7"}},
       {"requiredCpu", 0.5}});
  const std::string deaf =
      submit({{"command", {"sh", "-c", "trap '' TERM; while :; do sleep 1; done"}},
              {"graceMs", 100},
              {"requiredCpu", 0.5}});
  const std::string other = sleeper();
  wait_workers(3);
  std::vector<Watched> processes;
  for (const std::string& id : {honest, deaf}) {
    const json::object worker = worker_of(id);
    const std::string name(worker.at("id").as_string());
    const pid_t pid = pid_of_worker(id);
    stream.wait_for_figures(name, has_all);
    processes.push_back(watch(pid));
    const auto groups = groups_of(pid);
    ASSERT_FALSE(groups.empty());
    for (const std::string& folder : groups) {
      EXPECT_TRUE(agent::testing::take_out(folder, agent::testing::Fate::Removed)) << folder;
    }
    stream.wait_for_figures(name, has_none);
    EXPECT_EQ(text(job(id), "state"), "RUNNING");
  }
  stream.wait_for_figures(std::string(worker_of(other).at("id").as_string()), has_all);
  EXPECT_EQ(workers().size(), 3U);

  std::ofstream(gate) << "open";
  const json::object ended = wait_ended(honest);
  EXPECT_EQ(text(ended, "reason"), "exit_nonzero");
  EXPECT_EQ(number(ended, "exitCode"), 7);
  EXPECT_EQ(output(honest), "before\nafter\n");
  post("/v1/jobs/" + deaf + "/cancel", "{}");
  EXPECT_EQ(text(wait_ended(deaf), "state"), "CANCELLED");
  for (const Watched& process : processes) {
    EXPECT_TRUE(ends(process));
  }
  stream.wait_for_worker(deaf, "STOPPED");
  wait_workers(1);
  EXPECT_EQ(text(wait_ended(submit({{"command", {"true"}}})), "state"), "COMPLETED");
  post("/v1/jobs/" + other + "/cancel", "{}");
  EXPECT_EQ(text(wait_ended(other), "state"), "CANCELLED");
  fs::remove(gate);
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 0);
  const auto left = residue.left();
  EXPECT_TRUE(left.empty()) << left.front();
}

// test_broadcast_channel_full: clients that do not read are told that they missed something and how
// all is now; the server keeps nothing for them, and who reads waits for nobody.
TEST_F(TelemetryFaultsTest, BroadcastChannelFull) {
  constexpr int kSlow = 24;
  // More than the kernel's buffers of a connection take.
  constexpr int kBatches = 40;
  constexpr std::size_t kBatchJobs = 1'000;  // fewer than the server keeps for all streams together
  static_assert(kBatchJobs < limits::kWatcherQueueEventsMax);
  // What these would have waiting, were it kept for each of them, is several times this.
  constexpr std::int64_t kGrownMax = 160 << 20;
  Program& up = start_up();
  std::vector<std::unique_ptr<EventStream>> slow;
  for (int i = 0; i < kSlow; ++i) {
    slow.push_back(std::make_unique<EventStream>(endpoint(), "/v1/events"));
    slow.back()->wait_for("snapshot");
  }
  EventStream reader(endpoint(), "/v1/events");
  reader.wait_for("snapshot");
  const auto wait_for_job_event = [](EventStream& stream, const std::string& id,
                                     const std::string& state) {
    stream.wait_for(
        [&](const EventStream::Event& event) {
          EXPECT_NE(event.name, "lagged");
          return event.name == "job" && text(event.data, "id") == id &&
                 text(event.data, "state") == state;
        },
        "job " + id + " to be " + state);
  };
  const std::int64_t before = peak_bytes(up.pid());
  // They wait for a day that does not come.
  const json::array items(kBatchJobs, json::object{{"command", {"true"}},
                                                   {"name", std::string(200, 'n')},
                                                   {"notBefore", "2100-01-01T00:00:00Z"}});
  for (int batch = 0; batch < kBatches; ++batch) {
    const Answer answer = post("/v1/jobs:batch", json::serialize(items));
    ASSERT_EQ(answer.status, 200) << answer.raw;
    const auto& results = answer.body.as_object().at("results").as_array();
    wait_for_job_event(reader, text(results.back().as_object(), "id"), "SUBMITTED");
  }
  EXPECT_LT(peak_bytes(up.pid()) - before, kGrownMax);
  for (const auto& stream : slow) {
    stream->wait_for("lagged");
    const auto snapshot = stream->wait_for("snapshot");
    EXPECT_EQ(snapshot.data.at("counts").at("SUBMITTED").as_int64(),
              std::int64_t{kBatches} * std::int64_t{kBatchJobs});
    EXPECT_EQ(snapshot.data.at("agents").as_array().size(), 1U);
  }
  EXPECT_EQ(metric("hearth_event_streams_lagged_total"), kSlow);
  // From there on they see what happens, as the one that kept up.
  const std::string next = submit({{"command", {"true"}}});
  wait_for_job_event(reader, next, "COMPLETED");
  for (const auto& stream : slow) {
    wait_for_job_event(*stream, next, "COMPLETED");
  }
}

// Somebody sets the wall clock of a machine: no worker is lost, and no figure jumps.
TEST_F(TelemetryFaultsTest, ClockJumps) {
  constexpr std::int64_t kYearSeconds = 365LL * 24 * 3600;
  constexpr std::int64_t kHourMs = 3'600'000;
  FaultShim shim(scratch(""), scratch(""));
  set_environment(shim.environment());
  start_controller(kQuick);
  start_agent("a");
  set_environment({});
  const std::string id = sleeper();
  wait_workers(1);
  const std::string worker(worker_of(id).at("id").as_string());
  EventStream stream(endpoint(), "/v1/events?types=worker,telemetry");
  stream.wait_for("snapshot");
  std::int64_t uptime_ms = stream.wait_for_figures(worker, has_all).at("uptimeMs").as_int64();
  for (const std::int64_t shift : {kYearSeconds, std::int64_t{0}, -3'600L, std::int64_t{0}}) {
    shim->clock_shift_s = shift;
    // Longer than a worker may be silent, by its own clock.
    const auto later = stream.wait_for(
        [&](const EventStream::Event& event) {
          EXPECT_NE(event.name, "worker") << event.data;
          return event.name == "telemetry" && !event.data.at("workers").as_array().empty() &&
                 event.data.at("workers").at(0).at("uptimeMs").as_int64() > uptime_ms + 3'500;
        },
        "figures after the clock was set by " + std::to_string(shift) + " s");
    const json::object figures = later.data.at("workers").at(0).as_object();
    EXPECT_TRUE(has_all(figures)) << figures;
    EXPECT_LT(figures.at("cpuPercent").to_number<double>(), 100);
    uptime_ms = figures.at("uptimeMs").as_int64();
    EXPECT_LT(uptime_ms, kHourMs);
  }
  EXPECT_EQ(worker_ids(), std::set<std::string>{worker});
  EXPECT_EQ(number(job(id), "attempt"), 1);
}

// A thousand workers appear at once on one agent: all are seen by stream and list, all have
// figures, the link holds, and when they go nothing is left.
TEST_F(TelemetryFaultsTest, AThousandWorkersAtOnce) {
  constexpr std::size_t kWorkers = 1'000;
  constexpr std::int64_t kPeakMax = 512 << 20;
  const Residue residue(scratch());
  Program& controller = start_controller({"--heartbeat-interval", "1s"});
  Program& agent = start_agent(
      "a", {"--cpu", "16", "--memory", "20000", "--max-parallel-jobs", std::to_string(kWorkers)});
  EventStream stream(endpoint(), "/v1/events?types=worker,telemetry");
  stream.wait_for("snapshot");
  json::array items(kWorkers, json::object{{"command", {"sleep", "1000"}},
                                           {"requiredCpu", 0.01},
                                           {"requiredRamMb", 16},
                                           {"timeoutMs", 1'000'000}});
  const Answer answer = post("/v1/jobs:batch", json::serialize(items));
  ASSERT_EQ(answer.status, 200) << answer.raw;
  constexpr auto kLong = std::chrono::seconds(180);
  // Each is told on the stream, in each of these states.
  const auto wait_for_all = [&](const std::string& state) {
    std::set<std::string> seen;
    stream.wait_for(
        [&](const EventStream::Event& event) {
          if (event.name == "worker" && event.data.at("state").as_string() == state) {
            seen.insert(std::string(event.data.at("id").as_string()));
          }
          return seen.size() == kWorkers;
        },
        "all to be " + state, kLong);
    return seen;
  };
  const std::set<std::string> busy = wait_for_all("BUSY");
  ASSERT_EQ(busy.size(), kWorkers);
  EXPECT_EQ(worker_ids(), busy);
  // One report tells what all of them use.
  stream.wait_for(
      [](const EventStream::Event& event) {
        if (event.name != "telemetry") {
          return false;
        }
        const json::array& all = event.data.at("workers").as_array();
        return all.size() == kWorkers && std::ranges::all_of(all, [](const json::value& one) {
                 return has_all(one.as_object());
               });
      },
      "figures of all", kLong);
  // The link never broke, and neither end keeps much for them.
  EXPECT_EQ(agent.err().find("no link to the controller"), std::string::npos) << agent.err();
  EXPECT_LT(peak_bytes(agent.pid()), kPeakMax);
  EXPECT_LT(peak_bytes(controller.pid()), kPeakMax);
  for (const json::value& result : answer.body.as_object().at("results").as_array()) {
    post("/v1/jobs/" + std::string(result.at("id").as_string()) + "/cancel", "{}");
  }
  EXPECT_EQ(wait_for_all("STOPPED"), busy);
  wait_workers(0);
  wait_until(
      [this] {
        EventStream now(endpoint(), "/v1/events?types=worker");
        const json::object counts = now.wait_for("snapshot").data.at("counts").as_object();
        return number(counts, "CANCELLED") == std::int64_t{kWorkers};
      },
      "all jobs to be cancelled", kLong);
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait().code, 0);
  stop_controller();
  const auto left = residue.left();
  EXPECT_TRUE(left.empty()) << left.front();
}

}  // namespace
}  // namespace hearth::e2e
