// The disk below a controller or an agent fills up, or turns read-only, and comes back.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>

#include "tests/harness/cluster.h"
#include "tests/harness/faults.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::BlockDisk;
using harness::ClusterTest;
using harness::Exit;
using harness::number;
using harness::own_mounts;
using harness::Program;
using harness::SmallDisk;
using harness::text;

namespace {

constexpr std::int64_t kDiskBytes = 8 << 20;
constexpr std::int64_t kBlockDiskBytes = 16 << 20;
constexpr std::int64_t kMuch = 3 << 20;  // of output: goes to files

// A job that writes to its own log, whatever becomes of its output, until it may end.
struct Ticking {
  std::string id;
  std::string log;
  std::string gate;
};

class FullDiskTest : public ClusterTest {
 protected:
  void SetUp() override {
    if (!own_mounts()) {
      GTEST_SKIP() << "needs mounts of its own: run as root";
    }
  }

  Ticking start_ticking() {
    Ticking job{.id = "", .log = scratch("ticks"), .gate = scratch("gate")};
    job.id = submit({{"command",
                      {"sh", "-c",
                       "while [ ! -e " + job.gate + " ]; do echo tick >> " + job.log +
                           "; sleep 0.05; done; echo over"}}});
    wait_lines(job.log, 1);
    return job;
  }
  static void open(const Ticking& job) { std::ofstream(job.gate) << "open"; }
  std::size_t ticks(const Ticking& job) {
    std::ifstream in(job.log);
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
  }
  void expect_goes_on(const Ticking& job) { wait_lines(job.log, ticks(job) + 3); }

  Answer submit_named(const std::string& name) {
    return post("/v1/jobs", json::serialize(json::object{{"command", {"true"}}, {"name", name}}));
  }
  std::size_t jobs_named(const std::string& name) {
    return get("/v1/jobs?name=" + name).body.as_object().at("jobs").as_array().size();
  }
  // Submits until one is not answered at once: that one waits in the batch that is tried again.
  std::future<std::vector<Answer>> submit_until_refused() {
    return std::async(std::launch::async, [this] {
      std::vector<Answer> answers;
      do {
        answers.push_back(submit_named("kept"));
      } while (answers.back().status == 201 && !refuses_);
      return answers;
    });
  }
  void wait_refuses() {
    wait_until([this] { return !ready(); }, "the controller to see that its disk is full");
    refuses_ = true;
  }
  bool ready() { return get("/readyz").status == 200; }
  void expect_refused(const Answer& answer) {
    EXPECT_EQ(answer.status, 503) << answer.raw;
    EXPECT_EQ(text(answer.body.as_object(), "code"), "storage_unavailable") << answer.raw;
    EXPECT_TRUE(answer.headers.contains("retry-after")) << answer.raw;
    EXPECT_TRUE(answer.headers.at("content-type").starts_with("application/problem+json"));
  }

  std::atomic<bool> refuses_ = false;
};

TEST_F(FullDiskTest, AControllerRefusesGoesOnReadingAndRecoversByItself) {
  SmallDisk disk(scratch("controller"), kDiskBytes);
  start_controller();
  start_agent("a");
  const Ticking running = start_ticking();
  const std::string done = submit({{"command", {"echo", "hello"}}});
  wait_ended(done);

  disk.fill();
  auto kept = submit_until_refused();
  wait_refuses();
  EXPECT_NE(get("/readyz").raw.find("free space"), std::string::npos) << get("/readyz").raw;
  expect_refused(submit_named("refused"));
  expect_refused(post("/v1/jobs/" + running.id + "/cancel", ""));
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(text(job(done), "state"), "COMPLETED");
  EXPECT_EQ(output(done), "hello\n");
  EXPECT_EQ(get("/v1/jobs?limit=1").status, 200);
  expect_goes_on(running);

  disk.make_room();
  wait_until([this] { return ready(); }, "the controller to take writes again");
  const std::vector<Answer> answers = kept.get();
  open(running);
  const json::object ended = wait_ended(running.id);
  EXPECT_EQ(text(ended, "state"), "COMPLETED");
  EXPECT_EQ(output(running.id), "over\n");
  EXPECT_EQ(jobs_named("refused"), 0U);
  restart_controller();
  std::size_t acknowledged = 0;
  for (const Answer& answer : answers) {
    if (answer.status == 201) {
      ++acknowledged;
      EXPECT_EQ(text(wait_ended(text(answer.body.as_object(), "id")), "state"), "COMPLETED");
    }
  }
  EXPECT_EQ(jobs_named("kept"), acknowledged);
  EXPECT_EQ(text(job(running.id), "state"), "COMPLETED");
}

TEST_F(FullDiskTest, AStartWithoutRoomSaysSo) {
  SmallDisk disk(scratch("controller"), kDiskBytes);
  disk.fill();
  const std::vector<std::string> command = {"controller", "--data",      scratch("controller"),
                                            "--http",     "127.0.0.1:0", "--grpc",
                                            "127.0.0.1:0"};
  const Exit first = hearth(command);
  EXPECT_EQ(first.code, 1);
  EXPECT_NE(first.err.find(scratch("controller")), std::string::npos) << first.err;
  EXPECT_NE(first.err.find("space"), std::string::npos) << first.err;

  disk.make_room();
  start_controller();
  const std::string waiting = submit({{"command", {"echo", "later"}}});
  stop_controller();
  disk.fill();
  const Exit second = hearth(command);
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.err.find("space"), std::string::npos) << second.err;
  disk.make_room();
  start_controller();
  EXPECT_EQ(text(job(waiting), "state"), "QUEUED");
}

TEST_F(FullDiskTest, OutputThatTheControllerCannotKeepComesWhenThereIsRoom) {
  SmallDisk disk(scratch("controller"), kDiskBytes);
  start_controller();
  start_agent("a");
  const std::string gate = scratch("gate");
  const std::string wrote = scratch("wrote");
  const std::string much = "head -c " + std::to_string(kMuch) + " /dev/zero | tr '\\0' ";
  const std::string id =
      submit({{"command",
               {"sh", "-c",
                "echo start >> " + wrote + "; while [ ! -e " + gate + " ]; do sleep 0.05; done; " +
                    much + "x; echo end >> " + wrote}}});
  wait_lines(wrote, 1);
  disk.fill();
  std::ofstream(gate) << "open";
  wait_lines(wrote, 2);  // the job is not held up
  EXPECT_NE(text(job(id), "state"), "COMPLETED");
  disk.make_room();
  const json::object ended = wait_ended(id);
  EXPECT_EQ(text(ended, "state"), "COMPLETED");
  EXPECT_EQ(output(id).size(), static_cast<std::size_t>(kMuch));
  EXPECT_EQ(output(id).find_first_not_of('x'), std::string::npos);
}

TEST_F(FullDiskTest, AnAgentRunsOnDropsOutputAndRecoversByItself) {
  SmallDisk disk(scratch("agent-a"), kDiskBytes);
  start_controller();
  Program& agent = start_agent("a");
  const Ticking running = start_ticking();
  disk.fill();
  expect_goes_on(running);
  const std::string wrote = scratch("wrote");
  const std::string gate = scratch("gate2");
  const std::string big = submit(
      {{"command",
        {"sh", "-c",
         "echo start >> " + wrote + "; while [ ! -e " + gate + " ]; do sleep 0.05; done; head -c " +
             std::to_string(kMuch) + " /dev/zero; echo end >> " + wrote + "; exit 3"}}});
  wait_lines(wrote, 1);
  stop_controller();  // so that the agent has to keep what comes
  std::ofstream(gate) << "open";
  wait_lines(wrote, 2);
  start_controller();
  const json::object ended = wait_ended(big);
  EXPECT_EQ(number(ended, "exitCode"), 3) << json::serialize(ended);
  EXPECT_TRUE(ended.at("attempts").as_array().back().as_object().at("truncated").as_bool());
  EXPECT_NE(agent.err().find("output of a job is dropped"), std::string::npos);
  disk.make_room();
  const std::string after = submit(
      {{"command", {"sh", "-c", "head -c " + std::to_string(kMuch) + " /dev/zero | tr '\\0' x"}}});
  EXPECT_EQ(text(wait_ended(after), "state"), "COMPLETED");
  EXPECT_EQ(output(after).size(), static_cast<std::size_t>(kMuch));
  open(running);
  EXPECT_EQ(text(wait_ended(running.id), "state"), "COMPLETED");
  EXPECT_TRUE(agent.running());
}

class ReadOnlyDiskTest : public FullDiskTest {
 protected:
  // False (and a skipped test) where there are no loop devices.
  bool make_disk(const std::string& folder) {
    disk_ = std::make_unique<BlockDisk>(scratch(folder), kBlockDiskBytes);
    return disk_->is_mounted();
  }
  std::unique_ptr<BlockDisk> disk_;
};

TEST_F(ReadOnlyDiskTest, AControllerRefusesGoesOnReadingAndLosesNothing) {
  if (!make_disk("controller")) {
    GTEST_SKIP() << "needs loop devices";
  }
  start_controller();
  Program& agent = start_agent("a");
  const Ticking running = start_ticking();
  const std::string done = submit({{"command", {"echo", "hello"}}});
  wait_ended(done);
  disk_->turn_read_only();
  auto kept = submit_until_refused();
  wait_refuses();
  EXPECT_NE(get("/readyz").raw.find("kernel's log"), std::string::npos) << get("/readyz").raw;
  expect_refused(submit_named("refused"));
  EXPECT_EQ(output(done), "hello\n");
  expect_goes_on(running);
  stop_controller();  // the kernel takes no more writes until it is mounted again
  const std::vector<Answer> answers = kept.get();
  disk_->mount_again();
  start_controller();
  EXPECT_EQ(text(job(done), "state"), "COMPLETED");
  EXPECT_EQ(output(done), "hello\n");
  open(running);
  EXPECT_EQ(text(wait_ended(running.id), "state"), "COMPLETED");
  EXPECT_EQ(jobs_named("refused"), 0U);
  for (const Answer& answer : answers) {
    if (answer.status == 201) {
      EXPECT_FALSE(job(text(answer.body.as_object(), "id")).empty());
    }
  }
  EXPECT_TRUE(agent.running());
}

TEST_F(ReadOnlyDiskTest, AnAgentRunsOnAndSaysWhyItStartsNothing) {
  if (!make_disk("agent-a")) {
    GTEST_SKIP() << "needs loop devices";
  }
  start_controller();
  Program& agent = start_agent("a");
  const Ticking running = start_ticking();
  disk_->turn_read_only();
  expect_goes_on(running);
  const std::string id = submit({{"command", {"echo", "hello"}}});
  const json::object ended = wait_ended(id);
  EXPECT_EQ(text(ended, "reason"), "spawn_failed") << json::serialize(ended);
  EXPECT_NE(text(ended, "message").find("Read-only file system"), std::string::npos);
  open(running);
  EXPECT_EQ(text(wait_ended(running.id), "state"), "COMPLETED");
  EXPECT_TRUE(agent.running());
}

}  // namespace
}  // namespace hearth::e2e
