// A controller on simulated time, spoken to in the words of the domain:
//
//   Env env;
//   env.agent("a").cpus(8).join();
//   const JobId job = env.submit(env.job().cpus(2));
//   const AttemptKey key = env.expect_assign("a", job);
//   env.started("a", key);
//   env.expect_ack(key);
//   env.expect_no_more_effects();
//
// Every command is one turn: decide, schedule, fold the change set, check the invariants, and
// compare with a controller restored from the rows.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/controller.h"
#include "core/testing/rows.h"

namespace hearth::core::testing {

inline constexpr std::int64_t kMib = 1'024 * 1'024;

class JobBuilder {
 public:
  JobBuilder& cpus(double cpus);
  JobBuilder& memory_mib(std::int64_t mib);
  JobBuilder& gpus(std::int64_t count);
  JobBuilder& resource(const std::string& name, std::int64_t amount);
  JobBuilder& requires_label(const std::string& name, const std::string& value);
  JobBuilder& feature(const std::string& name);
  JobBuilder& sandbox(SandboxLevel level);
  JobBuilder& priority(std::int32_t priority);
  JobBuilder& group(const std::string& name, std::int64_t limit);
  JobBuilder& retries(std::int64_t max, Duration initial = Duration(0));
  JobBuilder& max_lost(std::int64_t max);
  JobBuilder& after(JobId job, DependencyCondition condition = DependencyCondition::Ok);
  JobBuilder& after_ref(std::size_t index, DependencyCondition condition = DependencyCondition::Ok);
  JobBuilder& not_before(TimePoint at);
  JobBuilder& max_queue(Duration limit);
  JobBuilder& reject_infeasible();
  JobBuilder& key(const std::string& idempotency_key);
  JobBuilder& payload_bytes(std::int64_t bytes);

  SubmitItem item;
};

class Env;

class AgentBuilder {
 public:
  AgentBuilder(Env& env, const std::string& id);
  AgentBuilder& cpus(double cpus);
  AgentBuilder& memory_mib(std::int64_t mib) { return memory_bytes(mib * limits::kMiB); }
  AgentBuilder& memory_bytes(std::int64_t bytes);
  AgentBuilder& gpus(std::int64_t count);
  AgentBuilder& resource(const std::string& name, std::int64_t amount);
  AgentBuilder& label(const std::string& name, const std::string& value);
  AgentBuilder& features(std::vector<std::string> names);
  AgentBuilder& sandboxes(std::vector<SandboxLevel> levels);
  AgentBuilder& max_parallel(std::int64_t jobs);
  AgentBuilder& instance(const std::string& instance);
  AgentBuilder& incarnation(const std::string& incarnation);
  AgentBuilder& holds(const AttemptKey& key, bool started = true, bool finished = false);
  // Says hello on a new connection and checks the welcome.
  void join();
  // Says hello and leaves the answer to the test.
  void hello();

 private:
  Env& env_;
  AgentHello hello_;
};

class Env {
 public:
  explicit Env(Options options = {});

  AgentBuilder agent(const std::string& id) { return {*this, id}; }
  [[nodiscard]] static JobBuilder job() { return {}; }

  // Commands. The replies of submit and cancel are checked and taken here.
  JobId submit(const JobBuilder& job);
  std::vector<Result<SubmitOutcome>> submit_all(const std::vector<JobBuilder>& jobs);
  Error submit_refused(const JobBuilder& job);
  JobRecord cancel(JobId job);
  Explanation explain(JobId job);
  void drain(const std::string& agent, bool enable = true);
  void started(const std::string& agent, const AttemptKey& key);
  void completed(const std::string& agent, const AttemptKey& key);
  void exited(const std::string& agent, const AttemptKey& key, std::int32_t code);
  void finished(const std::string& agent, const AttemptKey& key, const AttemptResult& result);
  void draining(const std::string& agent);
  void disconnect(const std::string& agent);
  // The connection stays open but nothing comes through it any more.
  void silence(const std::string& agent) { silent_.insert(agent); }
  void send(const Command& command);
  // Time passes; agents that are not silent send their heartbeats.
  void advance(Duration duration);
  // Somebody sets the wall clock: no time passes.
  void set_clock(Duration by) {
    now_ += by;
    skew_ += by;
  }
  // The controller dies and another starts from the rows.
  void restart();

  // Each takes the next effect and checks that it is this one.
  AttemptKey expect_assign(const std::string& agent, JobId job);
  void expect_ack(const AttemptKey& key, bool accepted = true);
  void expect_cancel(const AttemptKey& key);
  void expect_stop(const AttemptKey& key);
  void expect_drain(const std::string& agent);
  Error expect_reject(const std::string& agent);
  Welcome expect_welcome(const std::string& agent);
  void expect_no_more_effects();
  std::vector<Effect> take_effects();
  // Takes every assignment that stands next: job by agent.
  std::map<std::string, std::vector<AttemptKey>> take_assignments();

  [[nodiscard]] const JobRecord& record(JobId job) const { return rows_.jobs().at(job); }
  [[nodiscard]] JobState state(JobId job) const { return record(job).state; }
  [[nodiscard]] AgentView view(const std::string& agent) const;
  [[nodiscard]] Controller& controller() { return *controller_; }
  [[nodiscard]] const Rows& rows() const { return rows_; }
  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] std::uint64_t link_of(const std::string& agent) const { return links_.at(agent); }
  std::uint64_t open_link(const std::string& agent) { return links_[agent] = ++last_link_; }

 private:
  [[nodiscard]] Now both() const { return {now_, now_ - skew_}; }
  [[nodiscard]] TimePoint next_deadline() const {
    return controller_->next_deadline(both()) + skew_;
  }
  template <class E>
  E take(const char* what);
  void finish_turn(Decision& decision);

  Options options_;
  std::unique_ptr<Controller> controller_;
  Rows rows_;
  TimePoint now_ = time_from_ms(1'700'000'000'000);
  Duration skew_{};  // of the wall clock to the steady one
  std::deque<Effect> effects_;
  std::map<std::string, std::uint64_t> links_;
  std::set<std::string> silent_;
  std::uint64_t last_link_ = 0;
  std::uint64_t epoch_ = 1;
  RequestToken last_token_ = 0;
};

}  // namespace hearth::core::testing
