// Random clusters under random commands. Env checks after each turn that the invariants hold, that
// event numbers are dense, that no ended job changes and that a controller restored from the rows
// equals the one that wrote them; this file checks what the cluster as a whole must give.
#include "core/testing/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Env;
using testing::JobBuilder;
using testing::Random;

constexpr int kAgents = 4;

struct FakeAgent {
  std::string id;
  std::uint64_t link = 0;
  int incarnation = 1;
  bool mute = false;  // half-open: its link stands, nothing comes through
  std::map<AttemptKey, HeldAttempt> held;
};

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed) : random_(seed), env_(options()) {
    for (int i = 0; i < kAgents; ++i) {
      agents_.push_back({"agent-" + std::to_string(i), 0, 1, false, {}});
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      deliver();
    }
  }

  // Faults stop; every job must come to an end.
  void settle() {
    env_.set_clock(std::chrono::hours(10'000));  // past every notBefore
    for (FakeAgent& agent : agents_) {
      agent.mute = false;
      env_.send(DrainAgent{0, AgentId(agent.id), false});
      connect(agent);
      deliver();
    }
    for (int round = 0; round < 400 && env_.controller().live_jobs() > 0; ++round) {
      for (FakeAgent& agent : agents_) {
        heartbeat(agent);
        for (const auto& [key, held] : std::map(agent.held)) {
          report_end(agent, key);
        }
      }
      deliver();
      env_.advance(seconds(5));
      deliver();
    }
  }

  Env& env() { return env_; }
  [[nodiscard]] const std::set<JobId>& submitted() const { return submitted_; }

  std::string history() {
    std::string text;
    for (const JobEvent& event : env_.rows().events()) {
      text += to_string(event.after.id) + std::string(to_string(event.kind)) +
              std::string(to_string(event.after.state)) + event.after.agent.value() + "\n";
    }
    return text + env_.controller().digest();
  }

 private:
  static Options options() {
    Options options;
    options.starvation_after = seconds(20);
    options.queue_jobs_max = 40;
    options.turn_placements_max = 3;
    return options;
  }

  void step() {
    FakeAgent& agent = agents_[random_.below(agents_.size())];
    switch (random_.below(17)) {
      case 0:
      case 1:
      case 2:
        submit();
        break;
      case 3:
        if (!submitted_.empty()) {
          env_.send(Cancel{0, some_job()});
        }
        break;
      case 4:
        connect(agent);
        break;
      case 5:
        if (agent.link != 0 && random_.chance(50)) {
          env_.send(AgentLinkClosed{agent.link, AgentId(agent.id)});
          agent.link = 0;
        }
        break;
      case 6:
        if (random_.chance(30)) {
          restart_agent(agent);
        }
        break;
      case 7:
        agent.mute = random_.chance(30);
        break;
      case 8:
        if (random_.chance(20)) {
          env_.restart();
          for (FakeAgent& each : agents_) {
            each.link = 0;
          }
        }
        break;
      case 9:
        env_.send(DrainAgent{0, AgentId(agent.id), random_.chance(30)});
        break;
      case 10:
        if (!submitted_.empty()) {
          env_.send(Explain{0, some_job()});
        }
        break;
      case 11:
        if (speaks(agent) && random_.chance(20)) {
          env_.send(AgentDraining{agent.link, AgentId(agent.id)});
        }
        break;
      case 12:
        heartbeat(agent);
        env_.advance(milliseconds(random_.below(12'000)));
        break;
      case 13:
        if (random_.chance(20)) {
          const auto by = milliseconds(random_.below(random_.chance(50) ? 60'000 : 100'000'000));
          env_.set_clock(random_.chance(50) ? Duration(by) : -Duration(by));
        }
        break;
      default:
        report(agent);
    }
  }

  JobId some_job() {
    auto at = submitted_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(submitted_.size())));
    return *at;
  }

  JobBuilder some_spec() {
    JobBuilder job;
    job.cpus(0.5 * static_cast<double>(random_.below(9)));
    job.memory_mib(static_cast<std::int64_t>(random_.below(3)) * 512);
    job.priority(static_cast<std::int32_t>(random_.below(3)));
    job.max_lost(static_cast<std::int64_t>(random_.below(4)));
    if (random_.chance(30)) {
      job.retries(2, milliseconds(random_.below(3) * 1'000));
    }
    if (random_.chance(20)) {
      job.group("g" + std::to_string(random_.below(2)),
                static_cast<std::int64_t>(random_.below(3)));
    }
    if (random_.chance(10)) {
      job.gpus(1);
    }
    if (random_.chance(10)) {
      job.resource("licence", 1);
    }
    if (random_.chance(10)) {
      job.requires_label("odd", "yes");
    }
    if (random_.chance(15)) {
      job.max_queue(seconds(1 + random_.below(40)));
    }
    if (random_.chance(10)) {
      job.not_before(env_.now() + milliseconds(random_.below(20'000)));
    }
    if (random_.chance(25)) {
      job.key("key-" + std::to_string(random_.below(20)));
    }
    job.payload_bytes(static_cast<std::int64_t>(random_.below(100)));
    return job;
  }

  void submit() {
    std::vector<JobBuilder> batch;
    const std::size_t count = 1 + random_.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      JobBuilder job = some_spec();
      const auto condition = static_cast<DependencyCondition>(random_.below(3));
      if (i > 0 && random_.chance(40)) {
        job.after_ref(random_.below(i), condition);
      }
      if (!submitted_.empty() && random_.chance(30)) {
        job.after(some_job(), condition);
      }
      batch.push_back(job);
    }
    for (const auto& outcome : env_.submit_all(batch)) {
      if (outcome) {
        submitted_.insert(outcome->id);
      }
    }
  }

  void connect(FakeAgent& agent) {
    AgentHello hello;
    hello.link = agent.link = env_.open_link(agent.id);
    env_.silence(agent.id);  // heartbeats are sent here
    hello.info.id = AgentId(agent.id);
    hello.info.instance = agent.id;
    hello.info.incarnation = std::to_string(agent.incarnation);
    const bool odd = (&agent - agents_.data()) % 2 == 1;
    hello.info.capacity = {.cpu_milli = odd ? 4'000 : 8'000,
                           .memory_bytes = 4'096 * testing::kMib,
                           .gpus = odd ? 1 : 0,
                           .named = {{"licence", 1}}};
    hello.info.max_parallel_jobs = 5;
    if (odd) {
      hello.info.labels["odd"] = "yes";
    }
    for (const auto& [key, held] : agent.held) {
      hello.held.push_back(held);
    }
    env_.send(hello);
  }

  void restart_agent(FakeAgent& agent) {
    ++agent.incarnation;
    std::erase_if(agent.held, [](const auto& entry) { return !entry.second.finished; });
    connect(agent);
  }

  [[nodiscard]] static bool speaks(const FakeAgent& agent) {
    return agent.link != 0 && !agent.mute;
  }

  void heartbeat(const FakeAgent& agent) {
    if (speaks(agent)) {
      env_.send(AgentHeartbeat{agent.link, AgentId(agent.id), {}});
    }
  }

  void report(FakeAgent& agent) {
    if (agent.held.empty()) {
      return;
    }
    auto at = agent.held.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(agent.held.size())));
    HeldAttempt& held = at->second;
    if (!held.started && random_.chance(70)) {
      held.started = true;
      if (speaks(agent)) {
        env_.send(AttemptStarted{agent.link, AgentId(agent.id), held.key});
      }
      return;
    }
    report_end(agent, AttemptKey(held.key));
  }

  void report_end(FakeAgent& agent, const AttemptKey& key) {
    agent.held.at(key).finished = true;
    if (!speaks(agent)) {
      return;
    }
    AttemptResult result;
    result.state = JobState::Completed;
    result.exit_code = 0;
    if (random_.chance(30)) {
      result.state = JobState::Failed;
      result.exit_code = 1;
      result.reason = random_.chance(20) ? Reason::Drained : Reason::ExitNonzero;
    }
    env_.send(AttemptFinished{agent.link, AgentId(agent.id), key, result, {}});
  }

  FakeAgent* addressed(const AgentId& id, std::uint64_t link) {
    for (FakeAgent& agent : agents_) {
      if (agent.id == id.value() && agent.link == link) {
        return &agent;
      }
    }
    return nullptr;
  }

  void on(const AssignAttempt& effect) {
    if (FakeAgent* agent = addressed(effect.agent, effect.link)) {
      agent->held.try_emplace(effect.key, HeldAttempt{effect.key, false, false});
      EXPECT_TRUE(assigned_.insert(effect.key).second || agent->held.contains(effect.key));
    }
  }
  void on(const StopAttempt& effect) { forget(effect.agent, effect.link, effect.key); }
  void on(const AckReport& effect) {
    if (effect.finished || !effect.accepted) {
      forget(effect.agent, effect.link, effect.key);
    }
  }
  void on(const Welcome& effect) {
    for (const AttemptKey& key : effect.stop) {
      forget(effect.agent, effect.link, key);
    }
  }
  void on(const RejectAgent& effect) {
    if (FakeAgent* agent = addressed(effect.agent, effect.link)) {
      agent->link = 0;
    }
  }
  template <class E>
  void on(const E& /*effect*/) {}

  void forget(const AgentId& id, std::uint64_t link, const AttemptKey& key) {
    if (FakeAgent* agent = addressed(id, link); agent != nullptr && !agent->mute) {
      agent->held.erase(key);
    }
  }

  void deliver() {
    for (const Effect& effect : env_.take_effects()) {
      std::visit([this](const auto& e) { on(e); }, effect);
    }
  }

  Random random_;
  Env env_;
  std::vector<FakeAgent> agents_;
  std::set<JobId> submitted_;
  std::set<AttemptKey> assigned_;
};

class RandomTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomTest, KeepsItsInvariantsAndEndsEveryJobOnceFaultsStop) {
  Cluster cluster(GetParam());
  cluster.run(200);
  cluster.settle();
  for (const JobId id : cluster.submitted()) {
    const JobRecord& job = cluster.env().record(id);
    // A job may still wait only for what this fleet does not offer.
    EXPECT_TRUE(is_final(job.state))
        << to_string(id) << " " << to_string(job.state) << " " << cluster.env().explain(id).summary;
  }
}

TEST_P(RandomTest, TheSameSeedGivesTheSameHistory) {
  Cluster first(GetParam());
  Cluster second(GetParam());
  first.run(100);
  second.run(100);
  EXPECT_EQ(first.history(), second.history());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTest, ::testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace hearth::core
