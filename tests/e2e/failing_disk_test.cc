// System calls on a controller's or an agent's files fail (a shim lets them), as those of a dying
// disk do.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <future>

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

constexpr std::int64_t kMuch = 6 << 20;  // of output: more than is kept without a sync

class FailingDiskTest : public ClusterTest {
 protected:
  void expect_exits(Program& controller, const std::string& why) {
    const Exit exit = controller.wait();
    EXPECT_EQ(exit.code, 1) << exit.err;
    EXPECT_NE(exit.err.find("the controller must restart"), std::string::npos) << exit.err;
    EXPECT_NE(exit.err.find(why), std::string::npos) << exit.err;
  }
  std::string submit_echo(const std::string& word) { return submit({{"command", {"echo", word}}}); }
  void start_clean() {
    set_environment({});
    start_controller();
  }
  static std::string write(std::int64_t bytes) {
    return "head -c " + std::to_string(bytes) + " /dev/zero | tr '\\0' x";
  }
  // A job that says that it began, and goes on when its gate opens.
  std::string submit_gated(const std::string& script) {
    const std::string id = submit({{"command",
                                    {"sh", "-c",
                                     "echo start >> " + log_ + "; while [ ! -e " + gate_ +
                                         " ]; do sleep 0.05; done; " + script}}});
    wait_lines(log_, 1);
    return id;
  }
  void open_gate() { std::ofstream(gate_) << "open"; }

  std::string log_ = scratch("log");
  std::string gate_ = scratch("gate");
};

TEST_F(FailingDiskTest, AFailedSyncOfTheTruthEndsTheControllerAndNothingAcknowledgedIsLost) {
  FaultShim shim(scratch(""), scratch("controller"));
  set_environment(shim.environment());
  Program& controller = start_controller();
  set_environment({});
  start_agent("a");
  const std::string running = submit_gated("echo over");
  const std::string done = submit_echo("hello");
  wait_ended(done);
  shim->sync_error = EIO;
  const Answer unknown = post("/v1/jobs", R"({"command":["true"],"name":"unknown"})");
  EXPECT_NE(unknown.status, 201) << unknown.raw;
  if (unknown.status != 0) {
    EXPECT_EQ(unknown.status, 503) << unknown.raw;
    EXPECT_NE(unknown.raw.find("restart"), std::string::npos) << unknown.raw;
  }
  expect_exits(controller, "look at the disk's health");
  EXPECT_GT(shim->hits.load(), 0);
  start_clean();
  EXPECT_EQ(output(done), "hello\n");
  EXPECT_EQ(text(job(done), "state"), "COMPLETED");
  open_gate();
  EXPECT_EQ(text(wait_ended(running), "state"), "COMPLETED");
  EXPECT_EQ(output(running), "over\n");
  EXPECT_EQ(text(wait_ended(submit_echo("again")), "state"), "COMPLETED");
}

TEST_F(FailingDiskTest, AFailedSyncOfAnEndedJobsOutputEndsTheController) {
  FaultShim shim(scratch(""), scratch("controller/output"));
  set_environment(shim.environment());
  Program& controller = start_controller();
  set_environment({});
  start_agent("a");
  const std::string id = submit_gated(write(100'000));
  shim->sync_error = EIO;
  open_gate();
  expect_exits(controller, "sync output file");
  start_clean();
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
  EXPECT_EQ(output(id).size(), 100'000U);
}

TEST_F(FailingDiskTest, AFailedSyncOfARunningJobsOutputEndsTheControllerToo) {
  FaultShim shim(scratch(""), scratch("controller/output"));
  set_environment(shim.environment());
  Program& controller = start_controller();
  set_environment({});
  start_agent("a");
  const std::string gate = scratch("gate2");
  const std::string id =
      submit_gated(write(kMuch) + "; while [ ! -e " + gate + " ]; do sleep 0.05; done");
  shim->sync_error = EIO;
  open_gate();
  expect_exits(controller, "sync output file");
  start_clean();
  std::ofstream(gate) << "open";
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
  EXPECT_EQ(output(id).size(), static_cast<std::size_t>(kMuch));
  EXPECT_EQ(output(id).find_first_not_of('x'), std::string::npos);
}

class WriteErrorTest : public FailingDiskTest, public ::testing::WithParamInterface<int> {};

TEST_P(WriteErrorTest, IsRefusedByTheControllerWhileItLastsAndNoLonger) {
  FaultShim shim(scratch(""), scratch("controller"));
  set_environment(shim.environment());
  start_controller();
  set_environment({});
  start_agent("a");
  const std::string running = submit_gated(write(100'000));
  const std::string done = submit_echo("hello");
  wait_ended(done);
  shim->write_error = GetParam();
  open_gate();
  auto kept = std::async(std::launch::async, [this] {
    return post("/v1/jobs", R"({"command":["true"],"name":"kept"})");
  });
  wait_until([this] { return get("/readyz").status == 503; }, "the controller to say so");
  const Answer refused = post("/v1/jobs", R"({"command":["true"],"name":"refused"})");
  EXPECT_EQ(refused.status, 503) << refused.raw;
  EXPECT_EQ(text(refused.body.as_object(), "code"), "storage_unavailable");
  EXPECT_EQ(output(done), "hello\n");
  shim->write_error = 0;
  EXPECT_EQ(kept.get().status, 201);
  EXPECT_EQ(text(wait_ended(running), "state"), "COMPLETED");
  EXPECT_EQ(output(running).size(), 100'000U);
  EXPECT_EQ(get("/readyz").status, 200);
  EXPECT_EQ(text(wait_ended(submit_echo("again")), "state"), "COMPLETED");
  EXPECT_TRUE(get("/v1/jobs?name=refused").body.as_object().at("jobs").as_array().empty());
}

INSTANTIATE_TEST_SUITE_P(Of, WriteErrorTest, ::testing::Values(ENOSPC, EROFS, EIO, EDQUOT),
                         [](const auto& error) {
                           return std::string(::strerrorname_np(error.param));
                         });

TEST_F(FailingDiskTest, ShortWritesAreGoneOnWith) {
  FaultShim shim(scratch(""), scratch(""));
  shim->short_writes = 1;
  set_environment(shim.environment());
  start_controller();
  start_agent("a");
  const std::string id = submit({{"command", {"sh", "-c", write(kMuch)}}});
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
  EXPECT_EQ(output(id).size(), static_cast<std::size_t>(kMuch));
  EXPECT_EQ(output(id).find_first_not_of('x'), std::string::npos);
  EXPECT_GT(shim->hits.load(), 0);
  set_environment({});
  restart_controller();
  EXPECT_EQ(text(job(id), "state"), "COMPLETED");
  EXPECT_EQ(output(id).size(), static_cast<std::size_t>(kMuch));
}

// What an agent spools is a cache of what it sends; losing it costs output, never the job.
TEST_F(FailingDiskTest, AnAgentThatCannotWriteGoesOnAndTheEndIsWhatItWas) {
  start_controller({"--heartbeat-interval", "200ms"});
  FaultShim shim(scratch(""), scratch("agent-a"));
  set_environment(shim.environment());
  Program& agent = start_agent("a");
  set_environment({});
  const std::string id = submit_gated(write(kMuch) + "; echo end >> " + log_ + "; exit 3");
  stop_controller();  // so that the output has to be kept
  shim->write_error = EIO;
  shim->sync_error = EIO;
  open_gate();
  wait_lines(log_, 2);
  EXPECT_TRUE(agent.wait_for_text("output of a job is dropped"));
  shim->write_error = 0;
  shim->sync_error = 0;
  start_controller({"--heartbeat-interval", "200ms"});
  const json::object ended = wait_ended(id);
  EXPECT_EQ(number(ended, "exitCode"), 3) << json::serialize(ended);
  EXPECT_TRUE(ended.at("attempts").as_array().back().as_object().at("truncated").as_bool());
  EXPECT_EQ(text(wait_ended(submit_echo("again")), "state"), "COMPLETED");
  EXPECT_TRUE(agent.running());
}

}  // namespace
}  // namespace hearth::e2e
