// Somebody sets the wall clock of a machine while Hearth runs on it (a shim shows another time).
#include "base/clock.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/rfc3339.h"
#include "tests/harness/cluster.h"
#include "tests/harness/faults.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::Exit;
using harness::FaultShim;
using harness::number;
using harness::Program;
using harness::text;

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::int64_t kYearSeconds = 365LL * 24 * 3600;
constexpr std::int64_t kHourSeconds = 3600;

class ClockTest : public ClusterTest, public ::testing::WithParamInterface<std::int64_t> {
 protected:
  // A cluster whose clocks all stand behind the shim.
  void start_cluster() {
    set_environment(shim_.environment());
    controller_ = &start_controller(
        {"--heartbeat-interval", "200ms", "--heartbeat-timeout", "20s", "--auth", "loopback-open"});
    agent_ = &start_agent("a", {"--cpu", "4"});
    set_environment({});
  }
  std::string submit_gated(json::object more = {}) {
    more["command"] = {
        "sh", "-c",
        "echo start >> " + log_ + "; while [ ! -e " + gate_ + " ]; do sleep 0.05; done; echo over"};
    return submit(more);
  }
  void open_gate() { std::ofstream(gate_) << "open"; }
  static std::string wall_in(Duration by) { return to_rfc3339(SystemClock().now() + by); }
  // Until the controller has heard of every agent after what was done before.
  void wait_heartbeats() {
    const std::string before = heard();
    wait_until([&] { return heard() != before; }, "a heartbeat");
    const std::string then = heard();
    wait_until([&] { return heard() != then; }, "another heartbeat");
  }
  std::string heard() {
    const Answer answer = get("/v1/agents");
    const auto& agents = answer.body.as_object().at("agents").as_array();
    return agents.empty() ? "" : text(agents[0].as_object(), "lastHeartbeatAt");
  }
  static void expect_times_in_order(const json::object& job) {
    std::string latest = text(job, "createdAt");
    for (const char* name : {"queuedAt", "assignedAt", "startedAt", "completedAt"}) {
      const std::string at = text(job, name);
      if (!at.empty()) {
        EXPECT_LE(latest, at) << name << " of " << json::serialize(job);
        latest = at;
      }
    }
  }

  std::string log_ = scratch("log");
  std::string gate_ = scratch("gate");
  FaultShim shim_{scratch(""), scratch("")};
  Program* controller_ = nullptr;
  Program* agent_ = nullptr;
};

TEST_P(ClockTest, SetWhileJobsRunEndsNoneOfThem) {
  start_cluster();
  const std::string running = submit_gated({{"timeoutMs", 60'000}});
  wait_lines(log_, 1);
  const std::string waiting = submit(
      {{"command", {"true"}}, {"requiredCpu", 4}, {"maxQueueMs", 60'000}, {"name", "waits"}});
  shim_->clock_shift_s = GetParam();
  wait_heartbeats();
  EXPECT_EQ(text(job(running), "state"), "RUNNING");
  EXPECT_EQ(text(job(waiting), "state"), "QUEUED") << json::serialize(job(waiting));
  std::vector<std::string> ids = {running, waiting};
  for (int i = 0; i < 3; ++i) {
    ids.push_back(submit({{"command", {"echo", "hello"}}}));
    EXPECT_LT(ids[ids.size() - 2], ids.back());
  }
  open_gate();
  for (const std::string& id : ids) {
    const json::object ended = wait_ended(id);
    EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
    EXPECT_EQ(number(ended, "attempt"), 1);
    expect_times_in_order(ended);
  }
  EXPECT_EQ(output(running), "over\n");
  // And back to what it was.
  shim_->clock_shift_s = 0;
  wait_heartbeats();
  const std::string last = submit({{"command", {"echo", "again"}}});
  EXPECT_LT(ids.back(), last);
  expect_times_in_order(wait_ended(last));
  restart_controller();
  EXPECT_EQ(text(job(running), "state"), "COMPLETED");
}

TEST_P(ClockTest, ATimeLimitAndABackOffTakeTheTimeTheySay) {
  start_cluster();
  SystemClock clock;
  const std::int64_t started_ns = clock.monotonic_ns();
  const std::string limited = submit_gated({{"timeoutMs", 3'000}});
  const std::string failing =
      submit({{"command", {"sh", "-c", "echo try >> " + scratch("tries") + "; exit 1"}},
              {"maxRetries", 1},
              {"backoff", {{"initialMs", 3'000}, {"factor", 1}, {"maxMs", 3'000}}}});
  wait_lines(scratch("tries"), 1);
  wait_lines(log_, 1);
  shim_->clock_shift_s = GetParam();
  wait_lines(scratch("tries"), 2);
  const std::int64_t took_ms = (clock.monotonic_ns() - started_ns) / 1'000'000;
  EXPECT_GE(took_ms, 3'000);
  const json::object ended = wait_ended(limited);
  EXPECT_EQ(text(ended, "state"), "TIMED_OUT") << json::serialize(ended);
  EXPECT_GE(number(ended.at("attempts").as_array()[0].as_object(), "wallMs"), 3'000)
      << json::serialize(ended);
  EXPECT_EQ(text(wait_ended(failing), "state"), "FAILED");
}

TEST_P(ClockTest, ASilentAgentIsStillLostInItsTime) {
  set_environment(shim_.environment());
  start_controller({"--heartbeat-interval", "200ms", "--heartbeat-timeout", "1500ms"});
  Program& agent = start_agent("a");
  set_environment({});
  const std::string id = submit_gated();
  wait_lines(log_, 1);
  agent.signal(SIGSTOP);
  shim_->clock_shift_s = GetParam();
  wait_for_job(id, [](const json::object& found) {
    return text(found, "state") == "QUEUED" || number(found, "attempt") > 1;
  });
  agent.signal(SIGCONT);  // its attempt goes on, since nobody else was given the job
  open_gate();
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
}

INSTANTIATE_TEST_SUITE_P(By, ClockTest, ::testing::Values(kYearSeconds, -kHourSeconds),
                         [](const auto& by) { return by.param > 0 ? "AYearAhead" : "AnHourBack"; });

TEST_F(ClockTest, NotBeforeFollowsTheWallClock) {
  start_cluster();
  const std::string id = submit({{"command", {"true"}}, {"notBefore", wall_in(hours(2))}});
  EXPECT_EQ(text(job(id), "state"), "SUBMITTED");
  shim_->clock_shift_s = -kHourSeconds;
  wait_heartbeats();
  EXPECT_EQ(text(job(id), "state"), "SUBMITTED");
  shim_->clock_shift_s = 2 * kHourSeconds + 1;
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
}

TEST_F(ClockTest, AYearAheadRemovesNothingOfThePast) {
  set_environment(shim_.environment());
  controller_ = &start_controller({"--heartbeat-interval", "200ms"});
  start_agent("a");
  const std::string id = submit({{"command", {"echo", "kept"}}});
  wait_ended(id);
  shim_->clock_shift_s = kYearSeconds;
  // Longer than the controller rests between two looks for what is past.
  const std::int64_t until_ns = SystemClock().monotonic_ns() + 6'000'000'000;
  wait_until([&] { return SystemClock().monotonic_ns() > until_ns; }, "retention to look");
  EXPECT_EQ(output(id), "kept\n");
  const std::string metrics = get("/metrics").raw;
  EXPECT_NE(metrics.find("hearth_removed_jobs_total 0"), std::string::npos);
  // Nor does a start believe it, which looks first of all.
  restart_controller();
  wait_ended(submit({{"command", {"true"}}}));
  EXPECT_EQ(output(id), "kept\n");
}

TEST_F(ClockTest, TokensGoByTheWallClockAndComeBackWithIt) {
  std::filesystem::create_directory(scratch("controller"));
  const Exit made = hearth(
      {"token", "create", "--scope", "admin", "--expires", "30d", "--data", scratch("controller")});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::map<std::string, std::string> bearer = {
      {"authorization", "Bearer " + made.out.substr(0, made.out.find('\n'))}};
  set_environment(shim_.environment());
  start_controller({"--auth", "required"});
  EXPECT_EQ(get("/v1/jobs", bearer).status, 200);
  shim_->clock_shift_s = kYearSeconds;
  EXPECT_EQ(get("/v1/jobs", bearer).status, 401);
  shim_->clock_shift_s = -kHourSeconds;
  EXPECT_EQ(get("/v1/jobs", bearer).status, 200);
  EXPECT_EQ(get("/v1/jobs").status, 401);
}

}  // namespace
}  // namespace hearth::e2e
