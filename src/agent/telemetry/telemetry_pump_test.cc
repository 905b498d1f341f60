#include "agent/telemetry/telemetry_pump.h"

#include <gtest/gtest.h>

#include <functional>

#include "agent/link/testing/fake_link.h"
#include "agent/telemetry/testing/fake_sample_source.h"

namespace hearth::agent {
namespace {

class NoOutput final : public OutputSource {
 public:
  output::LogSlice read_output(const OutputStreamKey& /*stream*/, std::int64_t offset,
                               std::int64_t /*max*/) override {
    return {offset, "", offset};
  }
};

class NoOrders final : public LinkListener {
 public:
  LinkHello hello() override { return {}; }
  void on_order(const AgentCommand& /*order*/) override {}
  void on_assign(AssignOrder /*order*/) override {}
  void on_telemetry_wanted(Duration interval) override { pump->wanted(interval); }
  void on_telemetry_query(std::uint64_t id, const TelemetryQuery& query) override {
    pump->answer(id, query);
  }
  void on_beat() override { pump->beat(); }
  void on_rejected(const Error& /*error*/) override {}

  TelemetryPump* pump = nullptr;
};

// The loop turns inside until() only.
class TelemetryPumpTest : public ::testing::Test {
 protected:
  TelemetryPumpTest() {
    make_pump(
        {.interval = Duration(5), .probe_after = Duration(1), .changes_spacing = Duration(0)});
    link_.start(listener_);
    link_.up(1);
  }

  void make_pump(const TelemetryPump::Options& options) {
    pump_ =
        std::move(TelemetryPump::create({*loop_, clock_, *log_, source_, link_, metrics_}, options))
            .value();
    listener_.pump = pump_.get();
  }

  bool until(const std::function<bool()>& condition) {
    const std::int64_t deadline = clock_.monotonic_ns() + 20'000'000'000;
    while (!condition()) {
      if (clock_.monotonic_ns() > deadline) {
        return false;
      }
      loop_->run_once(Duration(5));
    }
    return true;
  }
  bool until_reports(std::size_t count) {
    return until([&] { return link_.telemetry.size() >= count; });
  }
  void start_worker(const std::string& id) {
    pump_->starting({.id = WorkerId(id), .runtime = "command"});
    pump_->started(WorkerId(id), {.id = {}, .folders = {}, .leader = 42, .marks = {}});
  }
  static WorkerReading reading(const std::string& id, double cpu) {
    WorkerReading one{.id = id};
    one.sample.pid = 42;
    one.sample.uptime = std::chrono::minutes(1);
    one.sample.cpu_percent = cpu;
    return one;
  }

  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create(clock_)).value();
  NoOutput output_;
  testing::FakeLink link_{output_};
  testing::FakeSampleSource source_;
  TelemetryMetrics metrics_;
  NoOrders listener_;
  std::unique_ptr<TelemetryPump> pump_;
};

TEST_F(TelemetryPumpTest, CountsItsStages) {
  source_.set(reading("w1", 50));
  pump_->start();
  start_worker("w1");
  ASSERT_TRUE(
      until([this] { return metrics_.history_bytes.load() > 0 && !link_.telemetry.empty(); }));
  EXPECT_EQ(metrics_.workers.load(), 1);
  EXPECT_GT(metrics_.collect.snapshot().count, 0U);
  EXPECT_GT(metrics_.change_reports.load(), 0U);
  EXPECT_EQ(metrics_.whole_reports.load(), 0U);
  pump_->beat();
  EXPECT_EQ(metrics_.whole_reports.load(), 1U);
  EXPECT_EQ(metrics_.report.snapshot().count,
            metrics_.whole_reports.load() + metrics_.change_reports.load());
  link_.telemetry_bytes_sent = 1'234;
  ASSERT_TRUE(until([this] { return metrics_.report_bytes.load() == 1'234; }));
}

TEST_F(TelemetryPumpTest, TellsComingsAndGoingsAtOnceAndTogether) {
  for (int i = 0; i < 1'000; ++i) {
    start_worker("w" + std::to_string(i));
  }
  ASSERT_TRUE(until_reports(1));
  ASSERT_EQ(link_.telemetry.size(), 1U);
  EXPECT_FALSE(link_.telemetry[0].whole);
  EXPECT_EQ(link_.telemetry[0].workers.size(), 1'000U);
  EXPECT_EQ(link_.telemetry[0].workers[0].info.state, WorkerState::Busy);
  EXPECT_EQ(link_.telemetry[0].workers[0].sample.pid, 42);
  pump_->ended(WorkerId("w7"));
  pump_->ended(WorkerId("w7"));
  ASSERT_TRUE(until_reports(2));
  EXPECT_EQ(link_.telemetry[1].gone, std::vector{WorkerId("w7")});
  EXPECT_TRUE(link_.telemetry[1].workers.empty());
}

// Whoever counts starts and ends counts those of many short jobs too.
TEST_F(TelemetryPumpTest, WhoComesAndGoesBetweenTwoMessagesIsInTheNext) {
  make_pump({.changes_spacing = Duration(20)});
  start_worker("first");
  ASSERT_TRUE(until_reports(1));  // at once, because nothing was told before
  start_worker("short");
  pump_->ended(WorkerId("short"));
  ASSERT_EQ(link_.telemetry.size(), 1U);
  ASSERT_TRUE(until_reports(2));
  ASSERT_EQ(link_.telemetry[1].workers.size(), 1U);
  EXPECT_EQ(link_.telemetry[1].workers[0].info.id, WorkerId("short"));
  EXPECT_EQ(link_.telemetry[1].gone, std::vector{WorkerId("short")});
}

TEST_F(TelemetryPumpTest, NeitherDoesAHeartbeatHideThem) {
  make_pump({.changes_spacing = std::chrono::hours(1)});
  start_worker("first");
  ASSERT_TRUE(until_reports(1));
  start_worker("short");
  pump_->ended(WorkerId("short"));
  link_.beat();
  ASSERT_EQ(link_.telemetry.size(), 3U);
  EXPECT_EQ(link_.telemetry[1].gone, std::vector{WorkerId("short")});
  EXPECT_TRUE(link_.telemetry[2].whole);
  ASSERT_EQ(link_.telemetry[2].workers.size(), 1U);
}

TEST_F(TelemetryPumpTest, OneOfManyChangesIsToldAfterTheSpacing) {
  make_pump({.changes_spacing = Duration(1)});
  for (std::size_t i = 1; i <= 5; ++i) {
    start_worker("w" + std::to_string(i));
    ASSERT_TRUE(until_reports(i));
    EXPECT_EQ(link_.telemetry.back().workers.at(0).info.id, WorkerId("w" + std::to_string(i)));
  }
}

// Opening its files would take as long as such a job.
TEST_F(TelemetryPumpTest, NoFiguresAreTakenOfAWorkerThatEndsAtOnce) {
  start_worker("short");
  pump_->ended(WorkerId("short"));
  start_worker("long");
  ASSERT_TRUE(until([&] { return source_.targets().contains("long"); }));
  EXPECT_EQ(source_.additions(), 1);
  pump_->ended(WorkerId("long"));
  EXPECT_TRUE(until([&] { return source_.targets().empty(); }));
}

TEST_F(TelemetryPumpTest, TellsEverythingWithEachHeartbeat) {
  MachineSample machine;
  machine.cpu_percent = 75;
  source_.set_machine(machine);
  source_.set(reading("w", 50));
  start_worker("w");
  pump_->start();
  ASSERT_TRUE(until([&] {
    link_.telemetry.clear();
    link_.beat();
    return link_.telemetry.back().machine.has_value() &&
           link_.telemetry.back().workers.front().sample.cpu_percent.has_value();
  }));
  const TelemetryReport& report = link_.telemetry.back();
  EXPECT_TRUE(report.whole);
  EXPECT_EQ(report.machine->cpu_percent, 75.0);
  EXPECT_EQ(report.workers.at(0).sample.cpu_percent, 50.0);
}

TEST_F(TelemetryPumpTest, SendsFiguresAsOftenAsTheyAreWanted) {
  pump_->start();
  ASSERT_TRUE(until([&] { return source_.collections() >= 3; }));
  EXPECT_TRUE(link_.telemetry.empty());  // nobody reads, nothing happened
  link_.want_telemetry(Duration(5));
  ASSERT_EQ(link_.telemetry.size(), 1U);  // whoever begins to watch does not wait
  EXPECT_TRUE(until_reports(4));
  EXPECT_TRUE(link_.telemetry.back().whole);
  link_.want_telemetry(Duration(0));
  const std::size_t sent = link_.telemetry.size();
  const int taken = source_.collections();
  ASSERT_TRUE(until([&] { return source_.collections() >= taken + 3; }));
  EXPECT_EQ(link_.telemetry.size(), sent);
}

TEST_F(TelemetryPumpTest, TellsOfAModelThatOnlyTheFirstFiguresShow) {
  start_worker("w");
  ASSERT_TRUE(until_reports(1));
  WorkerReading one = reading("w", 1);
  one.sample.model = "tiny.gguf";
  source_.set(one);
  pump_->start();
  ASSERT_TRUE(until_reports(2));
  EXPECT_FALSE(link_.telemetry[1].whole);
  EXPECT_EQ(link_.telemetry[1].workers.at(0).sample.model, "tiny.gguf");
}

// Who looks for a worker does not wait for a heartbeat to see what it uses.
TEST_F(TelemetryPumpTest, TellsOfTheFirstFiguresAtOnce) {
  start_worker("w");
  ASSERT_TRUE(until_reports(1));
  WorkerReading one = reading("w", 1);
  one.sample.memory_bytes = 4'096;
  source_.set(one);
  pump_->start();
  ASSERT_TRUE(until_reports(2));
  EXPECT_EQ(link_.telemetry[1].workers.at(0).sample.memory_bytes, 4'096);
  const int taken = source_.collections();
  ASSERT_TRUE(until([&] { return source_.collections() >= taken + 3; }));
  EXPECT_EQ(link_.telemetry.size(), 2U);
}

// Without anybody who watches: the next heartbeat may be ten seconds away.
TEST_F(TelemetryPumpTest, TellsAtOnceOfMuchMoreOrLessMemory) {
  const auto use = [&](std::int64_t mib) {
    WorkerReading one = reading("w", 1);
    one.sample.memory_bytes = mib * limits::kMiB;
    source_.set(one);
  };
  start_worker("w");
  use(10);
  pump_->start();
  ASSERT_TRUE(until([&] {
    return !link_.telemetry.empty() && link_.telemetry.back().workers.at(0).sample.memory_bytes;
  }));
  std::size_t told = link_.telemetry.size();
  for (const std::int64_t mib : {100, 20}) {
    use(mib);
    ASSERT_TRUE(until_reports(told + 1)) << mib;
    EXPECT_EQ(link_.telemetry.back().workers.at(0).sample.memory_bytes, mib * limits::kMiB);
    told = link_.telemetry.size();
  }
  use(25);
  const int taken = source_.collections();
  ASSERT_TRUE(until([&] { return source_.collections() >= taken + 3; }));
  EXPECT_EQ(link_.telemetry.size(), told);
}

TEST_F(TelemetryPumpTest, AWorkerThatCannotBeReadSpoilsNobodysFigures) {
  source_.set({.id = "bad", .sample = {}, .problem = "permission denied"});
  source_.set(reading("good", 50));
  start_worker("bad");
  start_worker("good");
  pump_->start();
  link_.want_telemetry(Duration(5));
  ASSERT_TRUE(until([&] {
    const auto& workers = link_.telemetry.back().workers;
    return workers.size() == 2 && workers[1].sample.cpu_percent.has_value();
  }));
  const WorkerReport& bad = link_.telemetry.back().workers[0];
  EXPECT_EQ(bad.info.id, WorkerId("bad"));
  EXPECT_EQ(bad.sample.cpu_percent, std::nullopt);
  EXPECT_EQ(bad.sample.memory_bytes, std::nullopt);
}

TEST_F(TelemetryPumpTest, AKernelThatDoesNotAnswerHoldsUpNothing) {
  source_.hold(true);
  pump_->start();
  ASSERT_TRUE(until([&] { return source_.collections() == 1; }));
  start_worker("w");
  ASSERT_TRUE(until_reports(1));
  pump_->ended(WorkerId("w"));
  ASSERT_TRUE(until_reports(2));
  link_.beat();
  EXPECT_TRUE(link_.telemetry.back().whole);
  EXPECT_EQ(source_.collections(), 1);
  source_.hold(false);
  EXPECT_TRUE(until([&] { return source_.collections() >= 2; }));
  EXPECT_TRUE(until([&] { return source_.targets().empty(); }));
}

TEST_F(TelemetryPumpTest, AnswersFromItsMemory) {
  source_.set(reading("w", 50));
  start_worker("w");
  pump_->start();
  ASSERT_TRUE(until([&] { return source_.collections() >= 3; }));
  link_.ask_telemetry(7, {.worker = WorkerId("w"), .points_max = 100});
  ASSERT_TRUE(link_.answers.at(7)) << link_.answers.at(7).error().message;
  EXPECT_GE(link_.answers.at(7)->ages.size(), 1U);
  EXPECT_EQ(link_.answers.at(7)->values.at(0).at(0), 50.0);
  link_.ask_telemetry(8, {.worker = WorkerId("other")});
  EXPECT_EQ(link_.answers.at(8).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace hearth::agent
