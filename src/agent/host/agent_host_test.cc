// The whole agent with real processes; only the controller is played by the test.
#include "agent/host/agent_host.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "agent/link/testing/fake_link.h"
#include "wire/job_codec.h"

namespace hearth::agent {
namespace {

using testing::FakeLink;

AttemptKey key(std::uint64_t job, std::uint64_t epoch = 1) {
  return {.job = JobId(job), .attempt = 1, .epoch = epoch};
}

JobSpec shell(const std::string& script) {
  JobSpec spec;
  spec.execution.command = {"/bin/sh", "-c", script};
  spec.execution.grace = Duration(200);
  return spec;
}

bool gone(pid_t pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    return errno == ESRCH;
  }
  pollfd waiting{.fd = fd, .events = POLLIN};
  const bool ended = poll(&waiting, 1, 10'000) == 1;
  close(fd);
  return ended;
}

class AgentHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "hearth-host-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    options_.controller = "127.0.0.1:1";
    options_.id = "node-1";
    options_.type = "build";
    options_.version = "test";
    options_.data_dir = folder_ + "/agent";
    options_.capacity.cpu_milli = 2'000;
    options_.capacity.memory_bytes = limits::kGiB;
    options_.no_cgroups = true;
    options_.launcher_path = HEARTH_LAUNCHER_PROGRAM;
  }
  void TearDown() override {
    if (thread_.joinable()) {
      host_->request_drain();
      host_->request_drain();
      thread_.join();
    }
    host_.reset();
    std::filesystem::remove_all(folder_);
  }

  void create() {
    auto made = AgentHost::create(
        options_, {.clock = clock_,
                   .log = *log_,
                   .make_link =
                       [this](const GrpcLinkDeps& deps, const GrpcLinkOptions&) {
                         auto link = std::make_unique<FakeLink>(deps.output);
                         link_ = link.get();
                         loop_.set_value(&deps.loop);
                         return link;
                       },
                   .on_ready = [this](const AgentInfo& info) { ready_.push_back(info.id); }});
    ASSERT_TRUE(made) << made.error().message;
    host_ = std::move(*made);
  }
  // Runs the host; its link is up once this returns.
  void start() {
    create();
    thread_ = std::thread([this] { outcome_.set_value(host_->run()); });
    on_loop([](FakeLink& link) { link.up(1); });
  }
  Result<> end_of_run() {
    auto future = outcome_.get_future();
    EXPECT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    thread_.join();
    return future.get();
  }

  void on_loop(const std::function<void(FakeLink&)>& act) {
    std::promise<void> done;
    ASSERT_TRUE(loop().post([&] {
      act(*link_);
      done.set_value();
    }));
    done.get_future().wait();
  }
  // False after ten seconds.
  bool until(const std::function<bool(FakeLink&)>& condition) {
    std::promise<bool> done;
    const auto deadline = clock_.monotonic_ns() + std::int64_t{10'000'000'000};
    std::function<void()> look = [&] {
      if (condition(*link_) || clock_.monotonic_ns() > deadline) {
        done.set_value(condition(*link_));
      } else {
        loop().set_timer(Duration(2), look);
      }
    };
    EXPECT_TRUE(loop().post(look));
    return done.get_future().get();
  }
  EventLoop& loop() {
    if (loop_ptr_ == nullptr) {
      loop_ptr_ = loop_.get_future().get();
    }
    return *loop_ptr_;
  }
  void assign(const AttemptKey& attempt, const JobSpec& spec) {
    on_loop([&](FakeLink& link) {
      link.assign(attempt, wire::encode_job_spec(spec),
                  wire::encode_secrets(spec.execution.secret_env));
    });
  }
  AttemptResult result_of(const AttemptKey& attempt) {
    EXPECT_TRUE(until([&](FakeLink& link) { return link.finished.contains(attempt); }));
    AttemptResult result;
    on_loop([&](FakeLink& link) { result = link.finished[attempt]; });
    return result;
  }
  std::string output(const AttemptKey& attempt, StreamKind stream = StreamKind::Stdout) {
    std::string bytes;
    on_loop([&](FakeLink& link) { bytes = link.output[{attempt, stream}]; });
    return bytes;
  }
  // What the job printed as its first line.
  std::string first_line(const AttemptKey& attempt) {
    EXPECT_TRUE(until([&](FakeLink& link) {
      return link.output[{attempt, StreamKind::Stdout}].find('\n') != std::string::npos;
    }));
    const std::string all = output(attempt);
    return all.substr(0, all.find('\n'));
  }

  // Ends jobs that wait for it.
  void go() { std::ofstream(folder_ + "/go") << "now"; }

  std::string folder_;
  AgentOptions options_;
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<AgentHost> host_;
  std::thread thread_;
  std::promise<EventLoop*> loop_;
  EventLoop* loop_ptr_ = nullptr;
  FakeLink* link_ = nullptr;  // used on the loop only
  std::promise<Result<>> outcome_;
  std::vector<AgentId> ready_;  // likewise
};

TEST_F(AgentHostTest, WhatNoSandboxCanShowIsRefusedAtTheStart) {
  for (const char* path : {"/work/tools", "relative", "/no/such/folder"}) {
    AgentOptions options = options_;
    options.sandbox.policy.paths = {path};
    SystemClock clock;
    const auto log = make_null_log();
    const auto host = AgentHost::create(options, {.clock = clock, .log = *log});
    ASSERT_FALSE(host) << path;
    EXPECT_EQ(host.error().field, "sandbox_paths") << host.error().message;
  }
}

TEST_F(AgentHostTest, RunsAJobAndForgetsItOnceItsEndIsAcknowledged) {
  start();
  JobSpec spec = shell("echo out; echo err >&2; echo $SECRET; exit 3");
  spec.execution.secret_env = {{"SECRET", "s3cret"}};
  assign(key(1), spec);
  const AttemptResult result = result_of(key(1));
  EXPECT_EQ(result.state, JobState::Failed);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.stdout_bytes, 11);
  EXPECT_EQ(result.stderr_bytes, 4);
  EXPECT_FALSE(result.truncated);
  EXPECT_EQ(output(key(1)), "out\ns3cret\n");
  EXPECT_EQ(output(key(1), StreamKind::Stderr), "err\n");
  on_loop([](FakeLink& link) {
    EXPECT_EQ(link.started, std::vector{key(1)});
    link.ack(key(1), false);
    link.ack(key(1), true);
    EXPECT_EQ(link.forgotten, std::vector{key(1)});
  });
}

TEST_F(AgentHostTest, SaysWhoItIsAndIsReadyOnce) {
  options_.labels = {{"zone", "a"}};
  start();
  on_loop([this](FakeLink& link) {
    EXPECT_EQ(link.hello.info.id, AgentId("node-1"));
    EXPECT_EQ(link.hello.info.labels, (Labels{{"type", "build"}, {"zone", "a"}}));
    EXPECT_EQ(link.hello.info.capacity.cpu_milli, 2'000);
    EXPECT_EQ(link.hello.info.enforcement, Enforcement::None);
    EXPECT_EQ(link.hello.info.instance.size(), 16U);
    EXPECT_NE(link.hello.info.instance, link.hello.info.incarnation);
    link.down();
    link.up(1);
    EXPECT_EQ(ready_, std::vector{AgentId("node-1")});
  });
}

TEST_F(AgentHostTest, WorksOnWhileCutOffAndDeliversAfterwards) {
  start();
  assign(key(1), shell("echo ready; while [ ! -e " + folder_ + "/go ]; do :; done; echo late"));
  EXPECT_EQ(first_line(key(1)), "ready");
  on_loop([](FakeLink& link) { link.down(); });
  go();
  ASSERT_TRUE(until([](FakeLink& link) { return link.ask_hello().held.at(0).finished; }));
  on_loop([](FakeLink& link) {
    EXPECT_TRUE(link.finished.empty());
    link.up(1, {key(1)});
    EXPECT_EQ(link.finished[key(1)].state, JobState::Completed);
  });
  EXPECT_EQ(output(key(1)), "ready\nlate\n");
}

TEST_F(AgentHostTest, CancelsWithSigtermAndThenByForce) {
  start();
  assign(key(1), shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"));
  assign(key(2), shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
  EXPECT_EQ(first_line(key(1)), "ready");
  EXPECT_EQ(first_line(key(2)), "ready");
  on_loop([](FakeLink& link) {
    link.cancel(key(1));
    link.cancel(key(2));
  });
  EXPECT_EQ(result_of(key(1)).state, JobState::Cancelled);
  EXPECT_EQ(output(key(1)), "ready\nbye\n");
  EXPECT_EQ(result_of(key(2)).state, JobState::Cancelled);
  EXPECT_EQ(result_of(key(2)).signal, SIGKILL);
}

TEST_F(AgentHostTest, EndsWhatRunsTooLong) {
  start();
  JobSpec spec = shell("sleep 1000");
  spec.execution.timeout = Duration(50);
  assign(key(1), spec);
  EXPECT_EQ(result_of(key(1)).state, JobState::TimedOut);
}

TEST_F(AgentHostTest, StopsWithoutAReportWhatIsNotItsAnyMore) {
  start();
  assign(key(1), shell("echo $$; sleep 1000"));
  const pid_t pid = std::stoi(first_line(key(1)));
  on_loop([](FakeLink& link) { link.stop(key(1)); });
  EXPECT_TRUE(gone(pid));
  ASSERT_TRUE(until([](FakeLink& link) { return !link.forgotten.empty(); }));
  on_loop([](FakeLink& link) { EXPECT_TRUE(link.finished.empty()); });
}

TEST_F(AgentHostTest, ReportsAJobItCannotRead) {
  start();
  on_loop([](FakeLink& link) { link.assign(key(1), "\xff\xff\xff"); });
  const AttemptResult result = result_of(key(1));
  EXPECT_EQ(result.reason, Reason::SpawnFailed);
  EXPECT_NE(result.message, "");
}

TEST_F(AgentHostTest, TruncatesOrKillsAtTheOutputLimitAsTheJobSays) {
  options_.spool.memory_bytes_max = 1'000;
  options_.spool.stream = {.head_bytes = 4'000, .tail_bytes = 4'000};
  start();
  assign(key(1), shell("head -c 100000 /dev/zero; echo end"));
  AttemptResult result = result_of(key(1));
  EXPECT_EQ(result.state, JobState::Completed);
  EXPECT_TRUE(result.truncated);
  EXPECT_EQ(result.stdout_bytes, 100'004);
  EXPECT_TRUE(output(key(1)).ends_with("end\n"));
  JobSpec endless = shell("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done");
  endless.execution.on_output_limit = OnOutputLimit::Kill;
  assign(key(2), endless);
  result = result_of(key(2));
  EXPECT_EQ(result.state, JobState::Failed);
  EXPECT_EQ(result.reason, Reason::OutputLimit);
}

TEST_F(AgentHostTest, EndsWhatALostLauncherRanAndStartsAnother) {
  start();
  assign(key(1), shell("echo $PPID; sleep 1000"));
  ASSERT_EQ(kill(std::stoi(first_line(key(1))), SIGKILL), 0);
  EXPECT_EQ(result_of(key(1)).reason, Reason::LauncherLost);
  assign(key(2), shell("echo again"));
  EXPECT_EQ(result_of(key(2)).state, JobState::Completed);
}

TEST_F(AgentHostTest, DrainsAfterWhatRunsHasEndedAndIsAcknowledged) {
  start();
  assign(key(1), shell("echo ready; while [ ! -e " + folder_ + "/go ]; do :; done"));
  EXPECT_EQ(first_line(key(1)), "ready");
  host_->request_drain();
  ASSERT_TRUE(until([](FakeLink& link) { return link.said_draining == 1; }));
  go();
  EXPECT_EQ(result_of(key(1)).state, JobState::Completed);
  on_loop([](FakeLink& link) { link.ack(key(1), true); });
  EXPECT_TRUE(end_of_run());
}

TEST_F(AgentHostTest, EvictsAtTheDrainDeadline) {
  options_.drain_deadline = Duration(20);
  start();
  assign(key(1), shell("echo ready; sleep 1000"));
  EXPECT_EQ(first_line(key(1)), "ready");
  host_->request_drain();
  EXPECT_EQ(result_of(key(1)).reason, Reason::Drained);
  on_loop([](FakeLink& link) { link.ack(key(1), true); });
  EXPECT_TRUE(end_of_run());
}

TEST_F(AgentHostTest, EndsAtOnceWhenAskedTwice) {
  start();
  assign(key(1), shell("trap '' TERM; echo $$; sleep 1000 & setsid sleep 1000"));
  const pid_t pid = std::stoi(first_line(key(1)));
  host_->request_drain();
  host_->request_drain();
  EXPECT_EQ(end_of_run().error().code, ErrorCode::Cancelled);
  host_.reset();
  EXPECT_TRUE(gone(pid));
}

TEST_F(AgentHostTest, EndsWhenItsFirstHelloIsRefused) {
  create();
  thread_ = std::thread([this] { outcome_.set_value(host_->run()); });
  on_loop([](FakeLink& link) {
    link.reject(Error{.code = ErrorCode::AlreadyExists, .message = "the id is taken"});
  });
  const Result<> outcome = end_of_run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "the id is taken");
}

TEST_F(AgentHostTest, OutlivesALaterRefusal) {
  start();
  on_loop([](FakeLink& link) {
    link.down();
    link.reject(Error{.code = ErrorCode::AlreadyExists, .message = "the id is taken"});
    link.up(2);
  });
  assign(key(1), shell("echo fine"));
  EXPECT_EQ(result_of(key(1)).state, JobState::Completed);
}

TEST_F(AgentHostTest, RefusesOptionsThatMakeNoSense) {
  const auto refusal = [this](const std::function<void(AgentOptions&)>& spoil) {
    AgentOptions options = options_;
    spoil(options);
    const auto made = AgentHost::create(std::move(options), {.clock = clock_, .log = *log_});
    return made ? Error{} : made.error();
  };
  EXPECT_EQ(refusal([](AgentOptions& o) { o.id = "no spaces"; }).field, "id");
  EXPECT_EQ(refusal([](AgentOptions& o) { o.capacity.cpu_milli = -1; }).field, "cpu");
  EXPECT_EQ(refusal([](AgentOptions& o) { o.run_as = "nobody-of-that-name"; }).field, "run_as");
  EXPECT_NE(refusal([](AgentOptions& o) { o.launcher_path = "/missing"; }).message.find("/missing"),
            std::string::npos);
  create();
  const Error in_use = refusal([](AgentOptions&) {});
  EXPECT_EQ(in_use.code, ErrorCode::FailedPrecondition);
  EXPECT_NE(in_use.message.find(options_.data_dir), std::string::npos);
}

}  // namespace
}  // namespace hearth::agent
