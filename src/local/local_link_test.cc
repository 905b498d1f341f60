#include "local/local_link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "api/testing/fake_agent_api.h"
#include "base/clock.h"
#include "base/log.h"

namespace hearth {
namespace {

using agent::OutputStreamKey;
using api::testing::FakeAgentApi;
using State = FakeAgentApi::State;

AttemptKey key(std::uint64_t job) {
  return {.job = JobId(job), .attempt = 1, .epoch = 1};
}

OutputStreamKey out(std::uint64_t job) {
  return {key(job), StreamKind::Stdout};
}

class FixedUsage final : public agent::MachineUsage {
 public:
  AgentUsage read() override { return {.cpu_percent = 12.5, .memory_bytes = 4'096}; }
};

// The test is the agent; its loop turns inside `until` only.
class LocalLinkTest : public ::testing::Test,
                      public agent::LinkListener,
                      public agent::OutputSource {
 protected:
  LocalLinkTest() {
    info_.id = AgentId("node-1");
    info_.instance = "i1";
    info_.incarnation = "p1";
    info_.capacity = {.cpu_milli = 2'000, .memory_bytes = 1 << 30, .gpus = 0, .named = {}};
    link_ =
        make_local_link({*loop_, *log_, usage_, *this, api_}, {.heartbeat_interval = Duration(20),
                                                               .seed = 1,
                                                               .reconnect_initial = Duration(1),
                                                               .reconnect_max = Duration(5)});
  }
  ~LocalLinkTest() override { link_.reset(); }

  agent::LinkHello hello() override { return {info_, held_, 0}; }
  void on_order(const agent::AgentCommand& order) override { orders_.push_back(order); }
  void on_assign(agent::AssignOrder order) override { assigned_.push_back(std::move(order)); }
  void on_rejected(const Error& error) override { rejections_.push_back(error); }
  void on_telemetry_wanted(Duration interval) override { wanted_.push_back(interval); }
  void on_telemetry_query(std::uint64_t id, const TelemetryQuery& query) override {
    asked_.emplace_back(id, query.points_max);
  }
  void on_beat() override { ++beats_; }
  output::LogSlice read_output(const OutputStreamKey& stream, std::int64_t offset,
                               std::int64_t max) override {
    std::string part =
        written_[stream].substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(max));
    const auto end = offset + static_cast<std::int64_t>(part.size());
    return {offset, std::move(part), end};
  }

  void write(const OutputStreamKey& stream, const std::string& bytes) {
    written_[stream] += bytes;
    link_->output_grew(stream, static_cast<std::int64_t>(written_[stream].size()));
  }
  // False after ten seconds.
  bool until(const std::function<bool()>& condition) {
    const std::int64_t deadline = clock_.monotonic_ns() + 10'000'000'000;
    while (!condition()) {
      if (clock_.monotonic_ns() > deadline) {
        return false;
      }
      loop_->run_once(Duration(5));
    }
    return true;
  }
  bool up() {
    link_->start(*this);
    return until([&] { return has<agent::LinkUp>(); });
  }
  template <class Order>
  std::int64_t count() {
    return std::ranges::count_if(
        orders_, [](const auto& order) { return std::holds_alternative<Order>(order); });
  }
  template <class Order>
  bool has() {
    return count<Order>() > 0;
  }

  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<agent::EventLoop> loop_ = std::move(agent::EventLoop::create(clock_)).value();
  FixedUsage usage_;
  FakeAgentApi api_;
  AgentInfo info_;
  std::vector<agent::HeldState> held_;
  std::vector<agent::AgentCommand> orders_;
  std::vector<agent::AssignOrder> assigned_;
  std::vector<Error> rejections_;
  std::vector<Duration> wanted_;
  std::vector<std::pair<std::uint64_t, std::int64_t>> asked_;  // query, points
  int beats_ = 0;
  std::map<OutputStreamKey, std::string> written_;
  std::unique_ptr<agent::ControllerLink> link_;
};

TEST_F(LocalLinkTest, SaysHelloAndBeats) {
  held_ = {{.key = key(1), .started = true, .finished = false}};
  api_.change([](State& state) {
    state.epoch = 7;
    state.keep = {key(1)};
    state.stop = {key(2)};
  });
  ASSERT_TRUE(up());
  const auto& said = std::get<agent::LinkUp>(orders_.front());
  EXPECT_EQ(said.controller_epoch, 7U);
  EXPECT_EQ(said.keep, std::vector{key(1)});
  EXPECT_EQ(said.stop, std::vector{key(2)});
  EXPECT_TRUE(until([&] { return api_.state().heartbeats.size() >= 3; }));
  const State state = api_.state();
  EXPECT_EQ(state.links.at(1).info.id.value(), "node-1");
  ASSERT_EQ(state.links.at(1).held.size(), 1U);
  EXPECT_TRUE(state.links.at(1).held[0].started);
  EXPECT_EQ(state.heartbeats.front().memory_bytes, 4'096);
}

TEST_F(LocalLinkTest, CarriesTelemetryAndQuestionsAboutIt) {
  ASSERT_TRUE(up());
  EXPECT_TRUE(until([&] { return beats_ >= 2; }));
  const TelemetryReport report{
      .whole = true, .workers = {}, .gone = {WorkerId("w")}, .machine = std::nullopt};
  link_->report_telemetry(report);
  EXPECT_EQ(api_.state().telemetry, std::vector{report});
  api_.connection()->telemetry_wanted(Duration(1'000));
  api_.connection()->telemetry_query(5, {.points_max = 9});
  ASSERT_TRUE(until([&] { return !asked_.empty(); }));
  EXPECT_EQ(wanted_, std::vector{Duration(1'000)});
  EXPECT_EQ(asked_.front(), (std::pair<std::uint64_t, std::int64_t>{5, 9}));
  link_->answer_telemetry(5, not_found("nothing"));
  EXPECT_EQ(api_.state().answers.at(5).error().code, ErrorCode::NotFound);
}

TEST_F(LocalLinkTest, PassesOrdersInTheirOrderAndReportsBack) {
  ASSERT_TRUE(up());
  const auto connection = api_.connection();
  connection->assign(key(1), "spec", "secrets");
  connection->cancel(key(1));
  connection->stop(key(2));
  connection->ack(key(3), true, false);
  connection->drain();
  ASSERT_TRUE(until([&] { return has<agent::DrainOrder>(); }));
  ASSERT_EQ(assigned_.size(), 1U);
  EXPECT_EQ(assigned_[0].key, key(1));
  EXPECT_EQ(assigned_[0].spec, "spec");
  EXPECT_EQ(assigned_[0].secrets, "secrets");
  ASSERT_EQ(orders_.size(), 5U);
  EXPECT_EQ(std::get<agent::CancelOrder>(orders_[1]).key, key(1));
  EXPECT_EQ(std::get<agent::StopOrder>(orders_[2]).key, key(2));
  const auto& ack = std::get<agent::ReportAcked>(orders_[3]);
  EXPECT_TRUE(ack.key == key(3) && ack.finished && !ack.accepted);

  link_->report_started(key(1));
  link_->report_finished(key(1), {.state = JobState::Failed, .reason = Reason::Signaled});
  link_->say_draining();
  const State state = api_.state();
  EXPECT_EQ(state.started, std::vector{key(1)});
  EXPECT_EQ(state.finished.at(key(1)).reason, Reason::Signaled);
  EXPECT_EQ(state.draining, 1);
}

TEST_F(LocalLinkTest, HandsOverOutputOfManyStreams) {
  write(out(1), "before the link was up; ");
  ASSERT_TRUE(up());
  write(out(1), "after it");
  write(out(2), std::string(3 * limits::kOutputWindowBytes, 'x'));
  EXPECT_TRUE(until([&] {
    const State state = api_.state();
    const auto second = state.output.find({key(2), StreamKind::Stdout});
    return second != state.output.end() &&
           std::ssize(second->second) == 3 * limits::kOutputWindowBytes;
  })) << "it goes on past a window, so it hears how much was received";
  EXPECT_EQ(api_.state().output.at({key(1), StreamKind::Stdout}),
            "before the link was up; after it");
}

TEST_F(LocalLinkTest, HandsOverAgainWhatTheControllerCouldNotTake) {
  ASSERT_TRUE(up());
  api_.change([](State& state) { state.output_error = unavailable("the disk is full"); });
  write(out(1), "kept");
  ASSERT_TRUE(until([&] { return api_.state().chunks > 0; }));
  EXPECT_TRUE(api_.state().output.empty());
  api_.change([](State& state) { state.output_error.reset(); });
  EXPECT_TRUE(until([&] { return api_.state().output.contains({key(1), StreamKind::Stdout}); }));
  EXPECT_EQ(api_.state().output.at({key(1), StreamKind::Stdout}), "kept");
}

TEST_F(LocalLinkTest, GoesOnWithOthersWhenAnAttemptIsNotItsOwnAnyMore) {
  ASSERT_TRUE(up());
  api_.change([](State& state) {
    state.output_error = Error{.code = ErrorCode::FailedPrecondition, .message = "not current"};
  });
  write(out(1), "stale");
  ASSERT_TRUE(until([&] { return api_.state().chunks > 0; }));
  api_.change([](State& state) { state.output_error.reset(); });
  write(out(2), "current");
  EXPECT_TRUE(until([&] { return api_.state().output.contains({key(2), StreamKind::Stdout}); }));
}

TEST_F(LocalLinkTest, ComesBackAfterARefusal) {
  api_.change([](State& state) { state.refusal = unavailable("not now"); });
  link_->start(*this);
  ASSERT_TRUE(until([&] { return has<agent::LinkUp>(); }));
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_EQ(rejections_[0].message, "not now");
  EXPECT_TRUE(api_.state().links.at(1).closed);
  EXPECT_FALSE(has<agent::LinkDown>()) << "it was not up yet";

  api_.connection()->reject(unavailable("connect again"));
  ASSERT_TRUE(until([&] { return api_.state().links.size() == 3; }));
  EXPECT_TRUE(has<agent::LinkDown>());
  EXPECT_TRUE(api_.state().links.at(2).closed);
}

// A slow disk answers when the agent has another connection already.
TEST_F(LocalLinkTest, AnAnswerToAnEarlierConnectionDoesNotHoldThisOneUp) {
  link_ = make_local_link({*loop_, *log_, usage_, *this, api_},
                          {.heartbeat_interval = Duration(20),
                           .seed = 1,
                           .reconnect_initial = Duration(1),
                           .reconnect_max = std::chrono::hours(1)});
  ASSERT_TRUE(up());
  api_.change([](State& state) { state.hold_output = true; });
  write(out(1), "kept");
  ASSERT_TRUE(api_.wait_for([](const State& state) { return state.chunks > 0; }));
  api_.connection()->reject(unavailable("connect again"));
  ASSERT_TRUE(until([&] { return count<agent::LinkUp>() == 2; }));
  api_.change([](State& state) {
    state.next_output_error = unavailable("the disk was full");
    state.hold_output = false;
  });
  EXPECT_TRUE(until([&] { return api_.state().output.contains({key(1), StreamKind::Stdout}); }));
}

TEST_F(LocalLinkTest, RefusesAnAgentThatNobodyCanMean) {
  info_.max_parallel_jobs = 0;
  link_->start(*this);
  ASSERT_EQ(rejections_.size(), 1U);
  EXPECT_NE(rejections_[0].message.find("max_parallel_jobs"), std::string::npos);
  EXPECT_TRUE(api_.state().links.empty());
}

TEST_F(LocalLinkTest, GivesTheControllersOwnUpload) {
  api_.change([](State& state) { state.uploads = {{"up", "archive"}}; });
  std::vector<Result<agent::FetchedUpload>> answers;
  const auto fetch = [&](const std::string& upload) {
    const std::size_t before = answers.size();
    link_->fetch_upload(
        {.attempt = key(3), .upload = upload, .path = "/nowhere"},
        [&](Result<agent::FetchedUpload> result) { answers.push_back(std::move(result)); });
    EXPECT_EQ(answers.size(), before) << "not before it has returned";
    EXPECT_TRUE(until([&] { return answers.size() > before; }));
    return answers.back().has_value();
  };
  EXPECT_FALSE(fetch("up"));
  EXPECT_EQ(answers.back().error().code, ErrorCode::Unavailable) << "no link yet";
  ASSERT_TRUE(up());
  ASSERT_TRUE(fetch("up"));
  EXPECT_FALSE(answers.back()->is_copy);
  EXPECT_EQ(answers.back()->bytes, 7);
  std::string bytes(7, ' ');
  EXPECT_EQ(::pread(answers.back()->file.get(), bytes.data(), bytes.size(), 0), 7);
  EXPECT_EQ(bytes, "archive");
  EXPECT_FALSE(fetch("gone"));
  EXPECT_EQ(answers.back().error().code, ErrorCode::NotFound);
  EXPECT_EQ(api_.state().fetched.front(), std::tuple(info_.id, key(3), std::string("up")));
  link_->fetch_upload({.attempt = key(3), .upload = "up", .path = "/nowhere"},
                      [](const auto& /*result*/) { FAIL() << "it is closed"; });
  link_->close();
  loop_->run_once(Duration(20));
}

TEST_F(LocalLinkTest, HearsAndSaysNothingOnceClosed) {
  ASSERT_TRUE(up());
  const auto connection = api_.connection();
  connection->cancel(key(1));
  link_->close();
  connection->cancel(key(2));
  link_->report_started(key(1));
  loop_->run_once(Duration(0));
  EXPECT_EQ(orders_.size(), 1U) << "the welcome";
  EXPECT_TRUE(api_.state().links.at(1).closed);
  EXPECT_TRUE(api_.state().started.empty());
}

}  // namespace
}  // namespace hearth
