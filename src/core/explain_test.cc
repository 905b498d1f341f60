// Why a job waits: each reason, by how much and since when.
#include <gtest/gtest.h>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::seconds;
using testing::Env;

TEST(ExplainTest, NamesWhatFallsShortByHowMuch) {
  Env env;
  const JobId job = env.submit(env.job().cpus(6).requires_label("zone", "b"));
  EXPECT_EQ(env.explain(job).reasons.at(0).code, "no_agents");
  env.agent("near").cpus(8).label("zone", "b").join();
  env.expect_assign("near", job);
  env.agent("far").cpus(4).join();
  const JobId next = env.submit(env.job().cpus(6).requires_label("zone", "b"));
  const Explanation why = env.explain(next);
  EXPECT_EQ(why.state, JobState::Queued);
  ASSERT_EQ(why.reasons.size(), 3U);
  EXPECT_EQ(why.reasons[0].code, "capacity");
  EXPECT_EQ(why.reasons[0].agent, AgentId("near"));
  EXPECT_EQ(why.reasons[0].resource, "cpu");
  EXPECT_EQ(why.reasons[0].required, 6'000);
  EXPECT_EQ(why.reasons[0].available, 2'000);
  EXPECT_EQ(why.reasons[1].code, "infeasible");
  EXPECT_EQ(why.reasons[1].resource, "zone");
  EXPECT_EQ(why.reasons[2].resource, "cpu");
}

TEST(ExplainTest, TellsMemoryAsJobsAskForIt) {
  Env env;
  env.agent("a").cpus(1).memory_bytes(1'000'000'000).join();
  const Explanation why = env.explain(env.submit(env.job().memory_mib(2'000)));
  EXPECT_EQ(why.reasons.at(0).sentence,
            "Agent a has 953.6 MiB of memory in all, the job needs 2000 MiB of memory.");
  EXPECT_EQ(why.reasons.at(0).available, 1'000'000'000) << "to the byte for programs";
}

TEST(ExplainTest, NamesDependenciesTimesGroupsAndOrder) {
  Env env;
  const JobId first = env.submit(env.job());
  const JobId after = env.submit(env.job().after(first));
  EXPECT_EQ(env.explain(after).reasons.at(0).code, "dependency");
  EXPECT_EQ(env.explain(after).reasons.at(0).resource, to_string(first));
  const JobId later = env.submit(env.job().not_before(env.now() + seconds(3)));
  EXPECT_EQ(env.explain(later).reasons.at(0).code, "not_before");
  env.agent("a").cpus(1).join();
  const AttemptKey key = env.expect_assign("a", first);
  EXPECT_EQ(env.explain(first).reasons.size(), 0U);
  const JobId second = env.submit(env.job().group("g", 1).cpus(0.5));
  const JobId third = env.submit(env.job().group("g", 1).cpus(0.5));
  EXPECT_EQ(env.explain(third).reasons.at(0).code, "queue_order");
  EXPECT_EQ(env.explain(third).reasons.at(1).code, "capacity");
  env.completed("a", key);
  env.expect_ack(key);
  env.take_assignments();
  EXPECT_EQ(env.state(second), JobState::Queued);  // "after" took the room
  EXPECT_EQ(env.state(after), JobState::Assigned);
}

TEST(ExplainTest, SaysSinceWhenAnAgentHasTooLittle) {
  Env env;
  env.agent("a").cpus(4).max_parallel(3).join();
  const AttemptKey early = env.expect_assign("a", env.submit(env.job().cpus(1)));
  const TimePoint waits_from = env.now() + seconds(2);
  env.advance(seconds(2));
  const JobId waiting = env.submit(env.job().cpus(4));
  env.advance(seconds(2));
  const TimePoint fuller_from = env.now();
  env.expect_assign("a", env.submit(env.job().cpus(2)));
  const JobId modest = env.submit(env.job().cpus(2));
  const Explanation big = env.explain(waiting);
  EXPECT_EQ(big.since, waits_from);
  EXPECT_EQ(big.reasons.at(0).available, 1'000);
  EXPECT_EQ(big.reasons.at(0).since, waits_from) << "it fell short before the job was there";
  EXPECT_EQ(env.explain(modest).reasons.at(0).since, fuller_from);
  // More room, and still too little for the big one: what has ended since only took more.
  env.advance(seconds(2));
  env.completed("a", early);
  env.expect_ack(early);
  env.expect_assign("a", modest);
  EXPECT_EQ(env.explain(waiting).reasons.at(0).since, fuller_from);
}

TEST(ExplainTest, SaysSinceWhenACapIsReached) {
  Env env;
  env.agent("a").cpus(8).max_parallel(2).join();
  const auto in_group = env.job().group("g", 2);
  env.expect_assign("a", env.submit(in_group));
  const JobId lonely = env.submit(env.job().group("h", 1).cpus(20));
  env.advance(seconds(1));
  const TimePoint second_at = env.now();
  const AttemptKey second = env.expect_assign("a", env.submit(in_group));
  env.advance(seconds(1));
  const TimePoint asked_at = env.now();
  const WaitReason group = env.explain(env.submit(in_group)).reasons.at(0);
  EXPECT_EQ(group.code, "group_limit");
  EXPECT_EQ(group.resource, "g");
  EXPECT_EQ(group.required, 3);
  EXPECT_EQ(group.available, 2);
  EXPECT_EQ(group.since, asked_at) << "of this job, which came later than the second";
  const JobId other = env.submit(env.job());
  const WaitReason parallel = env.explain(other).reasons.at(0);
  EXPECT_EQ(parallel.resource, "parallel_jobs");
  EXPECT_EQ(parallel.since, asked_at);
  EXPECT_FALSE(env.explain(lonely).reasons.at(0).since) << "it has never been any different";
  env.advance(seconds(1));
  const TimePoint again_at = env.now();
  env.completed("a", second);
  env.expect_ack(second);
  const auto placed = env.take_assignments();
  ASSERT_EQ(placed.at("a").size(), 1U);
  EXPECT_NE(placed.at("a").front().job, other) << "it came later than the one of the group";
  EXPECT_EQ(env.explain(other).reasons.at(0).since, again_at);
  EXPECT_GT(again_at, second_at);
}

TEST(ExplainTest, SaysSinceWhenForTimesDependenciesAndLostConnections) {
  Env env;
  const TimePoint from = env.now();
  const JobId first = env.submit(env.job().retries(3, seconds(60)));
  const JobId after = env.submit(env.job().after(first));
  env.advance(seconds(1));
  env.agent("a").cpus(4).join();
  const AttemptKey key = env.expect_assign("a", first);
  env.advance(seconds(1));
  const TimePoint failed_at = env.now();
  env.exited("a", key, 1);
  env.expect_ack(key);
  const Explanation backoff = env.explain(first);
  EXPECT_EQ(backoff.reasons.at(0).code, "backoff");
  EXPECT_EQ(backoff.reasons.at(0).since, failed_at);
  EXPECT_EQ(backoff.since, failed_at);
  EXPECT_EQ(env.explain(after).reasons.at(0).since, from);
  env.advance(seconds(1));
  env.disconnect("a");
  const WaitReason away = env.explain(env.submit(env.job())).reasons.at(0);
  EXPECT_EQ(away.resource, "connection");
  EXPECT_EQ(away.since, env.now());
}

TEST(ExplainTest, NamesTheJobThatIsFirst) {
  Env env;
  env.agent("a").cpus(1).join();
  env.expect_assign("a", env.submit(env.job()));
  const JobId second = env.submit(env.job());
  const WaitReason order = env.explain(env.submit(env.job())).reasons.at(0);
  EXPECT_EQ(order.code, "queue_order");
  EXPECT_NE(order.sentence.find(to_string(second)), std::string::npos) << order.sentence;
  EXPECT_EQ(order.since, env.now());
}

TEST(ExplainTest, SaysWhenNothingCouldEverHoldIt) {
  Env env;
  env.agent("a").cpus(2).join();
  const JobId job = env.submit(env.job().cpus(16));
  const Explanation why = env.explain(job);
  EXPECT_EQ(why.reasons.at(0).code, "infeasible");
  EXPECT_NE(why.summary.find("16 CPU"), std::string::npos);
}

}  // namespace
}  // namespace hearth::core
