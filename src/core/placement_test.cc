// Who runs where: spread, fit, priorities, starvation (docs/adr/0006-placement.md).
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "core/testing/env.h"
#include "core/testing/random.h"

namespace hearth::core {
namespace {

using std::chrono::seconds;
using testing::Env;

std::vector<testing::JobBuilder> many(const testing::JobBuilder& job, std::size_t count) {
  return std::vector<testing::JobBuilder>(count, job);
}

TEST(SpreadTest, ThreeWorkersAndTenTasksSpreadEvenly) {
  Env env;
  for (const char* id : {"a", "b", "c"}) {
    env.agent(id).cpus(8).join();
  }
  env.submit_all(many(env.job(), 10));
  auto assigned = env.take_assignments();
  EXPECT_EQ(assigned["a"].size(), 4U);
  EXPECT_EQ(assigned["b"].size(), 3U);
  EXPECT_EQ(assigned["c"].size(), 3U);
}

TEST(SpreadTest, ThreeAgentsAndAHundredJobsSpreadEvenlyAsTheyFlow) {
  Env env;
  for (const char* id : {"a", "b", "c"}) {
    env.agent(id).cpus(4).join();
  }
  env.submit_all(many(env.job(), 100));
  std::map<std::string, std::size_t> total;
  std::deque<std::pair<std::string, AttemptKey>> running;
  const auto take = [&] {
    for (const Effect& effect : env.take_effects()) {
      if (const auto* assign = std::get_if<AssignAttempt>(&effect)) {
        ++total[assign->agent.value()];
        running.emplace_back(assign->agent.value(), assign->key);
      }
    }
  };
  for (take(); !running.empty(); take()) {
    const auto [agent, key] = running.front();
    running.pop_front();
    env.completed(agent, key);
  }
  EXPECT_EQ(total["a"] + total["b"] + total["c"], 100U);
  for (const auto& [agent, count] : total) {
    EXPECT_NEAR(static_cast<double>(count), 33.3, 2.0) << agent;
  }
}

TEST(SpreadTest, TasksThatComeOneByOneTakeTurns) {
  Env env;
  for (const char* id : {"a", "b", "c"}) {
    env.agent(id).join();
  }
  for (int i = 0; i < 10; ++i) {
    env.submit(env.job());
    const auto assigned = env.take_assignments();
    ASSERT_EQ(assigned.size(), 1U);
    env.completed(assigned.begin()->first, assigned.begin()->second.at(0));
    env.take_effects();
  }
  EXPECT_EQ(env.view("a").record.done, 4);
  EXPECT_EQ(env.view("b").record.done, 3);
  EXPECT_EQ(env.view("c").record.done, 3);
}

TEST(SpreadTest, NearlyEqualMachinesCountAsEqual) {
  Env env;
  env.agent("a").cpus(8).memory_mib(15'900).join();
  env.agent("b").cpus(8).memory_mib(16'384).join();
  env.submit_all(many(env.job(), 6));
  auto assigned = env.take_assignments();
  EXPECT_EQ(assigned["a"].size(), 3U);
  EXPECT_EQ(assigned["b"].size(), 3U);
}

TEST(FitTest, ASmallJobGoesToTheSmallMachine) {
  Env env;
  env.agent("big").cpus(64).join();
  env.agent("small").cpus(4).join();
  const JobId job = env.submit(env.job().cpus(2));
  env.expect_assign("small", job);
  const JobId large = env.submit(env.job().cpus(8));
  env.expect_assign("big", large);
}

TEST(FitTest, ScarceThingsAreLeftToThoseThatNeedThem) {
  Env env;
  env.agent("gpu").gpus(1).join();
  env.agent("licence").resource("licence", 1).join();
  env.agent("plain").join();
  const JobId first = env.submit(env.job());
  const JobId second = env.submit(env.job());
  env.expect_assign("plain", first);
  env.expect_assign("plain", second);
  const JobId on_gpu = env.submit(env.job().gpus(1));
  env.expect_assign("gpu", on_gpu);
  const JobId licensed = env.submit(env.job().resource("licence", 1));
  env.expect_assign("licence", licensed);
  // Better a wasted GPU than a waiting job.
  env.submit_all(many(env.job(), 6));
  EXPECT_EQ(env.take_assignments()["plain"].size(), 6U);
  env.submit_all(many(env.job(), 2));
  auto rest = env.take_assignments();
  EXPECT_EQ(rest["gpu"].size(), 1U);
  EXPECT_EQ(rest["licence"].size(), 1U);
}

TEST(FitTest, LabelsThatOthersRequireAreScarceToo) {
  Env env;
  env.agent("a").label("ssd", "yes").join();
  env.agent("b").join();
  const JobId needs = env.submit(env.job().requires_label("ssd", "yes"));
  env.expect_assign("a", needs);
  env.submit_all(many(env.job(), 3));
  EXPECT_EQ(env.take_assignments()["b"].size(), 3U);
}

TEST(FitTest, RequiredLabelsMatchTypeAndIdToo) {
  Env env;
  env.agent("a").join();
  AgentHello hello{env.open_link("b"), {.id = AgentId("b"), .type = "builder"}, {}};
  hello.info.capacity = {
      .cpu_milli = 8'000, .memory_bytes = 8'192 * testing::kMib, .gpus = 0, .named = {}};
  env.send(hello);
  env.expect_welcome("b");
  env.expect_assign("b", env.submit(env.job().requires_label("type", "builder")));
  env.expect_assign("a", env.submit(env.job().requires_label("id", "a")));
  const JobId nowhere = env.submit(env.job().requires_label("type", "other"));
  EXPECT_EQ(env.state(nowhere), JobState::Queued);
}

TEST(FitTest, MaxParallelJobsIsACapacity) {
  Env env;
  env.agent("a").cpus(64).max_parallel(2).join();
  env.submit_all(many(env.job(), 3));
  EXPECT_EQ(env.take_assignments()["a"].size(), 2U);
  EXPECT_EQ(env.controller().count(JobState::Queued), 1);
}

TEST(FitTest, ASandboxedJobGoesWhereItsLevelIsOffered) {
  Env env;
  env.agent("a").join();
  env.agent("b").sandboxes({SandboxLevel::None, SandboxLevel::Process}).join();
  env.expect_assign("b", env.submit(env.job().sandbox(SandboxLevel::Process)));
}

TEST(FitTest, AJobGoesWhereAllItsFeaturesAre) {
  Env env;
  env.agent("a").features({"lang:js"}).join();
  env.agent("b").features({"lang:py", "lang:js"}).join();
  env.expect_assign("b", env.submit(env.job().feature("lang:js").feature("lang:py")));
  const JobId image = env.submit(env.job().feature("lang:js"));
  EXPECT_EQ(env.state(image), JobState::Assigned);
}

TEST(OrderTest, HigherPriorityFirstThenFirstComeFirstServed) {
  Env env;
  const JobId low = env.submit(env.job().priority(-1));
  const JobId first = env.submit(env.job());
  env.advance(seconds(1));
  const JobId second = env.submit(env.job().cpus(0.5));
  const JobId third = env.submit(env.job());
  const JobId high = env.submit(env.job().priority(5));
  env.agent("a").join();
  for (const JobId job : {high, first, second, third, low}) {
    env.expect_assign("a", job);
  }
  env.expect_no_more_effects();
}

TEST(OrderTest, AJobThatDoesNotFitDoesNotBlockSmallerOnes) {
  Env env;
  env.agent("a").cpus(2).join();
  const JobId big = env.submit(env.job().cpus(4).priority(1));
  const JobId small = env.submit(env.job());
  env.expect_assign("a", small);
  EXPECT_EQ(env.state(big), JobState::Queued);
}

TEST(OrderTest, ALostJobKeepsNoPlaceOfItsOwn) {
  Env env;
  env.agent("a").cpus(1).join();
  const JobId first = env.submit(env.job());
  env.expect_assign("a", first);
  env.advance(seconds(1));
  const JobId second = env.submit(env.job());
  env.advance(seconds(1));
  env.agent("a").cpus(1).incarnation("2").join();
  env.expect_assign("a", second);
}

TEST(OrderTest, ATurnPlacesABoundedNumberAndAsksToGoOn) {
  Options options;
  options.turn_placements_max = 3;
  Env env(options);
  env.agent("a").join();
  env.submit_all(many(env.job(), 5));
  EXPECT_EQ(env.controller().count(JobState::Assigned), 3);
  EXPECT_EQ(env.controller().next_deadline(env.now()), env.now());
  env.send(Tick{});
  EXPECT_EQ(env.controller().count(JobState::Assigned), 5);
  EXPECT_GT(env.controller().next_deadline(env.now()), env.now());
}

// Small jobs keep arriving and ending, so that the agents never run empty by themselves.
class Flow {
 public:
  Flow(Env& env, const testing::JobBuilder& small, std::vector<std::string> agents)
      : env_(env), small_(small), agents_(std::move(agents)) {}

  void run(seconds duration) {
    for (seconds at{0}; at < duration; ++at) {
      env_.submit_all(many(small_, 3));
      note_assignments();
      for (const std::string& agent : agents_) {
        finish_one(agent);
      }
      env_.advance(seconds(1));
      note_assignments();
    }
  }

 private:
  void note_assignments() {
    for (const Effect& effect : env_.take_effects()) {
      if (const auto* assign = std::get_if<AssignAttempt>(&effect)) {
        running_[assign->agent.value()].push_back(assign->key);
      }
    }
  }
  void finish_one(const std::string& agent) {
    auto& keys = running_[agent];
    if (!keys.empty()) {
      const std::size_t which = random_.below(keys.size());
      env_.completed(agent, keys[which]);
      keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }

  Env& env_;
  testing::JobBuilder small_;
  std::vector<std::string> agents_;
  testing::Random random_{7};
  std::map<std::string, std::vector<AttemptKey>> running_;
};

TEST(StarvationTest, ABigJobGetsItsAgentUnderEndlessSmallArrivals) {
  Env env;
  env.agent("a").cpus(4).join();
  env.agent("b").cpus(4).join();
  Flow flow(env, env.job(), {"a", "b"});
  flow.run(seconds(10));
  const JobId big = env.submit(env.job().cpus(4));
  flow.run(seconds(55));
  EXPECT_EQ(env.state(big), JobState::Queued);
  flow.run(seconds(20));
  ASSERT_TRUE(env.record(big).assigned_at.has_value());
  EXPECT_LE(*env.record(big).assigned_at - env.record(big).created_at, seconds(75));
}

TEST(StarvationTest, LowPriorityIsServedOnceAMinuteAndNoMore) {
  Env env;
  env.agent("a").cpus(2).join();
  Flow flow(env, env.job().priority(10), {"a"});
  flow.run(seconds(10));
  const auto low = env.submit_all(many(env.job().cpus(2).priority(-10), 10));
  flow.run(seconds(210));
  int served = 0;
  for (const auto& job : low) {
    served += env.state(job->id) != JobState::Queued ? 1 : 0;
  }
  EXPECT_EQ(served, 3);
}

TEST(StarvationTest, ExplainNamesTheHold) {
  Env env;
  env.agent("a").cpus(4).join();
  const JobId running = env.submit(env.job().cpus(2));
  env.expect_assign("a", running);
  env.submit(env.job().cpus(4));
  env.advance(seconds(66));
  const JobId small = env.submit(env.job());
  EXPECT_EQ(env.state(small), JobState::Queued);
  EXPECT_EQ(env.explain(small).reasons.at(0).code, "starvation_hold");
}

TEST(StarvationTest, TheHoldEndsWithTheJobThatWaits) {
  Env env;
  env.agent("a").cpus(4).join();
  const JobId running = env.submit(env.job().cpus(2));
  env.expect_assign("a", running);
  const JobId big = env.submit(env.job().cpus(4));
  env.advance(seconds(66));
  const JobId small = env.submit(env.job());
  env.cancel(big);
  env.expect_assign("a", small);
}

TEST(StarvationTest, AFullGroupHoldsNoAgent) {
  Env env;
  env.agent("a").cpus(4).join();
  const JobId first = env.submit(env.job().group("g", 1));
  env.expect_assign("a", first);
  env.submit(env.job().group("g", 1));
  env.advance(seconds(70));
  env.expect_assign("a", env.submit(env.job().cpus(3)));
}

}  // namespace
}  // namespace hearth::core
