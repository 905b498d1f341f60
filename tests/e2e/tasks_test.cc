// Code tasks, scenario by scenario as they were asked for: a task and its result, three workers and
// ten tasks, an infinite loop, a syntax error, a runtime error, and workers that are asked to stop.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "tests/e2e/tasks_fixture.h"
#include "tests/harness/residue.h"

namespace hearth::e2e {

namespace json = boost::json;
namespace fs = std::filesystem;

using harness::Answer;
using harness::Exit;
using harness::number;
using harness::Program;
using harness::Residue;
using harness::text;

namespace {

// So that a heartbeat that stops is seen to stop within a test.
const std::vector<std::string> kQuickBeats = {"--heartbeat-interval", "200ms",
                                              "--heartbeat-timeout", "60s"};

bool is_long() {
  return std::getenv("HEARTH_TEST_LONG") != nullptr;
}

TimePoint time_of(const json::object& object, const char* member) {
  const auto time = parse_rfc3339(text(object, member));
  EXPECT_TRUE(time) << member << " of " << json::serialize(object);
  return time ? *time : TimePoint();
}

class TasksTest : public TasksFixture {
 protected:
  // As it is written in the examples.
  Answer post_text(const std::string& body, const std::string& query = "") {
    return post("/tasks" + query, body);
  }
  // A task that is in the middle of about two seconds.
  std::string start_long_task() {
    const std::string id = post_task(
        script("console.log('started'); setTimeout(() => console.log('finished'), 2000)", {}));
    wait_printed(id, "started\n");
    return id;
  }
  // Its agent was told to stop while it ran.
  void expect_finished(const std::string& id) {
    const json::object ended = wait_task(id);
    EXPECT_EQ(text(ended, "status"), "COMPLETED") << json::serialize(ended);
    EXPECT_EQ(text(ended, "stdout"), "started\nfinished\n");
    EXPECT_EQ(number(ended, "exitCode"), 0);
    EXPECT_GE(number(ended, "durationMs"), 2000);
  }
};

TEST_F(TasksTest, ATaskIsPostedAndItsResultPolled) {
  start_up();
  const Answer made = post_text(R"j({"code":"console.log(2+2)","prompt":"math test"})j");
  ASSERT_EQ(made.status, 201) << made.raw;
  const std::string id = text(object_of(made), "id");
  EXPECT_EQ(text(object_of(made), "status"), "QUEUED");
  EXPECT_EQ(made.headers.at("location"), "/tasks/" + id);

  json::object found;
  wait_until(
      [&] {
        found = task(id);
        return has_ended(found);
      },
      "the end of the task");
  EXPECT_EQ(text(found, "status"), "COMPLETED") << json::serialize(found);
  EXPECT_EQ(text(found, "stdout"), "4\n");
  EXPECT_EQ(text(found, "stderr"), "");
  EXPECT_EQ(number(found, "exitCode"), 0);
  EXPECT_EQ(text(found, "code"), "console.log(2+2)");
  EXPECT_EQ(text(found, "prompt"), "math test");
  EXPECT_TRUE(found.at("error").is_null());
  EXPECT_LE(time_of(found, "createdAt"), time_of(found, "startedAt"));
  EXPECT_LE(time_of(found, "startedAt"), time_of(found, "completedAt"));
}

TEST_F(TasksTest, ThreeWorkersShareTenTasksAndTheirStatisticsTellIt) {
  const auto begun = SystemClock().now();
  // None ends before all are placed: who is done sooner is given more, and rightly.
  const std::string shown = "/var/tmp/hearth-tasks-" + std::to_string(getpid());
  fs::create_directory(shown);  // a sandbox shows nothing of /tmp
  const auto removed = std::shared_ptr<void>(nullptr, [&](void*) { fs::remove_all(shown); });
  start_controller(kQuickBeats);
  for (const char* id : {"worker-1", "worker-2", "worker-3"}) {
    start_agent(id, {"--cpu", "8", "--sandbox-paths", shown});
  }
  std::vector<std::string> ids;
  for (int i = 1; i <= 10; ++i) {
    ids.push_back(post_task(
        script("const wait = setInterval(() => { if (require('fs').existsSync('" + shown +
                   "/go')) { clearInterval(wait); console.log(" + std::to_string(i) + "); } }, 10)",
               {{"prompt", "task " + std::to_string(i)}})));
  }
  for (const std::string& id : ids) {
    wait_until([&] { return text(task(id), "status") == "RUNNING"; }, "task " + id + " to run");
  }
  std::ofstream(shown + "/go") << "";
  std::map<std::string, std::int64_t> done;
  std::map<std::string, std::int64_t> busy_ms;
  for (int i = 1; i <= 10; ++i) {
    const json::object ended = wait_task(ids.at(static_cast<std::size_t>(i - 1)));
    EXPECT_EQ(text(ended, "status"), "COMPLETED") << json::serialize(ended);
    EXPECT_EQ(text(ended, "stdout"), std::to_string(i) + "\n");
    ++done[text(ended, "workerId")];
    busy_ms[text(ended, "workerId")] += number(ended, "durationMs");
  }
  ASSERT_EQ(done.size(), 3U);
  for (const auto& [id, worker] : workers()) {
    // Ten cannot be split into three; nobody is more than one task away from anybody.
    EXPECT_GE(done[id], 3) << id;
    EXPECT_LE(done[id], 4) << id;
    EXPECT_EQ(number(worker, "done"), done[id]) << json::serialize(worker);
    EXPECT_EQ(number(worker, "failed"), 0) << json::serialize(worker);
    EXPECT_EQ(number(worker, "running"), 0) << json::serialize(worker);
    EXPECT_EQ(number(worker, "busyMs"), busy_ms[id]) << json::serialize(worker);
    EXPECT_GE(time_of(worker, "lastHeartbeatAt"), begun);
  }
}

TEST_F(TasksTest, StatisticsTellFailuresAndWhatRuns) {
  start_controller(kQuickBeats);
  start_agent("worker-1");
  EXPECT_EQ(text(run_task(script("process.exit(1)")), "status"), "FAILED");
  EXPECT_EQ(text(run_task(script("while(true){}", {{"timeout", 0.2}})), "status"), "TIMED_OUT");
  EXPECT_EQ(text(run_task(script("1")), "status"), "COMPLETED");
  const std::string running = post_task(script("console.log('up'); setInterval(() => {}, 1000)"));
  wait_printed(running, "up\n");
  json::object worker = workers().at("worker-1");
  EXPECT_EQ(number(worker, "done"), 1);
  EXPECT_EQ(number(worker, "failed"), 2);
  EXPECT_EQ(number(worker, "running"), 1);
  EXPECT_GE(number(worker, "busyMs"), 200);
  const TimePoint beat = time_of(worker, "lastHeartbeatAt");
  wait_until([&] { return time_of(workers().at("worker-1"), "lastHeartbeatAt") > beat; },
             "the next heartbeat");
  EXPECT_EQ(post("/tasks/" + running + "/cancel", "").status, 202);
  EXPECT_EQ(text(wait_task(running), "status"), "CANCELLED");
  EXPECT_EQ(number(workers().at("worker-1"), "running"), 0);
}

TEST_F(TasksTest, AnInfiniteLoopTimesOutAndLeavesNothing) {
  const Residue residue(scratch());
  // Interpreters that wait for scripts to come are processes too.
  const Program& up = start_up({"--warm-slots", "0"});
  const int seconds = is_long() ? 5 : 1;
  const Answer made = post_text(R"({"code":"while(true){}","prompt":"timeout test","timeout":)" +
                                std::to_string(seconds) + "}");
  ASSERT_EQ(made.status, 201) << made.raw;
  const json::object ended = wait_task(text(object_of(made), "id"));
  EXPECT_EQ(text(ended, "status"), "TIMED_OUT") << json::serialize(ended);
  EXPECT_TRUE(ended.at("exitCode").is_null()) << json::serialize(ended);
  EXPECT_NE(text(ended, "error").find("its timeout of " + std::to_string(seconds) + " s"),
            std::string::npos)
      << json::serialize(ended);
  EXPECT_GE(time_of(ended, "completedAt") - time_of(ended, "startedAt"),
            std::chrono::seconds(seconds));
  EXPECT_EQ(residue.left({up.pid()}), std::vector<std::string>());
  EXPECT_EQ(text(run_task(script("console.log('next')")), "stdout"), "next\n");
}

TEST_F(TasksTest, ASyntaxErrorIsToldAsNodePrintsIt) {
  start_up();
  const Answer made = post_text(R"({"code":"console.log(","prompt":"syntax error"})");
  ASSERT_EQ(made.status, 201) << made.raw;
  const json::object ended = wait_task(text(object_of(made), "id"));
  EXPECT_EQ(text(ended, "status"), "FAILED") << json::serialize(ended);
  EXPECT_EQ(number(ended, "exitCode"), 1);
  EXPECT_EQ(text(ended, "stdout"), "");
  const std::string err = text(ended, "stderr");
  EXPECT_TRUE(err.starts_with("/work/main.js:1\nconsole.log(\n")) << err;
  EXPECT_NE(err.find("\nSyntaxError: Unexpected end of input\n"), std::string::npos) << err;
  EXPECT_NE(text(ended, "error").find("exit code 1"), std::string::npos);
}

TEST_F(TasksTest, ARuntimeErrorIsToldAsNodePrintsIt) {
  start_up();
  const Answer made =
      post_text(R"j({"code":"throw new Error(\"test error\")","prompt":"runtime error"})j");
  ASSERT_EQ(made.status, 201) << made.raw;
  const json::object ended = wait_task(text(object_of(made), "id"));
  EXPECT_EQ(text(ended, "status"), "FAILED") << json::serialize(ended);
  EXPECT_EQ(number(ended, "exitCode"), 1);
  const std::string err = text(ended, "stderr");
  EXPECT_TRUE(
      err.starts_with("/work/main.js:1\nthrow new Error(\"test error\")\n^\n\n"
                      "Error: test error\n    at Object.<anonymous> (/work/main.js:1:7)\n"))
      << err;
  EXPECT_NE(text(ended, "error").find("exit code 1"), std::string::npos);
}

TEST_F(TasksTest, AWorkerThatIsToldToStopFinishesItsTaskAndLeaves) {
  start_controller(kQuickBeats);
  start_agent("stays");
  Program& agent = start_agent("stops", {"--labels", "stops=yes"});
  const std::string id = submit({{"script",
                                  {{"language", "js"},
                                   {"code",
                                    "console.log('started');"
                                    "setTimeout(() => console.log('finished'), 2000)"}}},
                                 {"requires", {{"stops", "yes"}}}});
  wait_printed(id, "started\n");
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait().code, 0);
  expect_finished(id);
  EXPECT_EQ(text(task(id), "workerId"), "stops");
  // Gone from those that live, and its heart beats no more while the other's does.
  wait_until([&] { return worker_status("stops") != "DRAINING"; }, "the goodbye");
  const std::string gone = worker_status("stops");
  EXPECT_TRUE(gone.empty() || gone == "DEAD") << gone;
  const auto last = workers();
  for (int beats = 0; beats < 3; ++beats) {
    const TimePoint beat = time_of(workers().at("stays"), "lastHeartbeatAt");
    wait_until([&] { return time_of(workers().at("stays"), "lastHeartbeatAt") > beat; },
               "a heartbeat of the one that stays");
  }
  if (last.contains("stops")) {
    EXPECT_EQ(text(workers().at("stops"), "lastHeartbeatAt"),
              text(last.at("stops"), "lastHeartbeatAt"));
  }
  EXPECT_EQ(text(run_task(script("console.log('next')")), "workerId"), "stays");
}

TEST_F(TasksTest, HearthUpThatIsToldToStopFinishesItsTaskAndKeepsTheResult) {
  const Residue residue(scratch());
  Program& up = start_up();
  const std::string id = start_long_task();
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 0);
  EXPECT_EQ(residue.left(), std::vector<std::string>());
  start_up();
  expect_finished(id);
}

TEST_F(TasksTest, ASecondSignalEndsAtOnce) {
  const Residue residue(scratch());
  Program& up = start_up({"--drain-deadline", "10m"});
  const std::string id =
      post_task(script("console.log('started'); setInterval(() => {}, 1000)", {{"timeout", 600}}));
  wait_printed(id, "started\n");
  up.signal(SIGTERM);
  ASSERT_TRUE(up.wait_for_text("draining"));
  EXPECT_EQ(text(task(id), "status"), "RUNNING");
  up.signal(SIGTERM);
  up.wait();
  EXPECT_EQ(residue.left(), std::vector<std::string>());
}

}  // namespace
}  // namespace hearth::e2e
