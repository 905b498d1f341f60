#include "core/testing/env.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hearth::core::testing {
namespace {

constexpr Duration kHeartbeatEvery = std::chrono::seconds(10);

}  // namespace

Env::Env(Options options) : options_(options), controller_(std::make_unique<Controller>(options)) {}

void Env::send(const Command& command) {
  Decision decision;
  controller_->decide(command, both(), decision);
  if (const auto* submit = std::get_if<Submit>(&command)) {
    const auto& reply = std::get<ReplySubmit>(decision.effects.back());
    for (std::size_t i = 0; i < submit->items.size(); ++i) {
      if (!reply.outcomes[i] || reply.outcomes[i]->replayed) {
        continue;
      }
      rows_.remember_spec(reply.outcomes[i]->id, submit->items[i].spec,
                          submit->items[i].payload_bytes);
    }
  }
  controller_->schedule(both(), decision);
  finish_turn(decision);
}

void Env::finish_turn(Decision& decision) {
  rows_.fold(decision.changes);
  std::move(decision.effects.begin(), decision.effects.end(), std::back_inserter(effects_));
  std::vector<JobId> ended;
  for (const JobEvent& event : decision.changes.events) {
    if (is_final(event.after.state)) {
      ended.push_back(event.after.id);
    }
  }
  controller_->check_invariants();
  controller_->forget_ended(ended);
  controller_->check_invariants();
  Controller other(options_);
  other.restore(rows_.snapshot(epoch_), both());
  other.check_invariants();
  EXPECT_EQ(controller_->digest(), other.digest());
}

void Env::restart() {
  controller_ = std::make_unique<Controller>(options_);
  controller_->restore(rows_.snapshot(++epoch_), both());
  controller_->check_invariants();
  links_.clear();
  effects_.clear();
}

void Env::advance(Duration duration) {
  const TimePoint end = now_ + duration;
  TimePoint heartbeat = now_ + kHeartbeatEvery;
  while (true) {
    const TimePoint due = std::max(next_deadline(), now_);
    const TimePoint next = std::min({end, heartbeat, due});
    now_ = next;
    if (now_ == heartbeat) {
      heartbeat += kHeartbeatEvery;
      for (const auto& [agent, link] : links_) {
        if (link != 0 && !silent_.contains(agent)) {
          send(AgentHeartbeat{link, AgentId(agent), {}});
        }
      }
    }
    send(Tick{});
    if (now_ == end && next_deadline() > now_) {
      return;
    }
  }
}

JobId Env::submit(const JobBuilder& job) {
  const auto outcomes = submit_all({job});
  HEARTH_CHECK(outcomes[0].has_value(), outcomes[0].error().message);
  return outcomes[0]->id;
}

Error Env::submit_refused(const JobBuilder& job) {
  const auto outcomes = submit_all({job});
  HEARTH_CHECK(!outcomes[0].has_value(), "the submission should have been refused");
  return outcomes[0].error();
}

std::vector<Result<SubmitOutcome>> Env::submit_all(const std::vector<JobBuilder>& jobs) {
  Submit submit{.token = ++last_token_, .items = {}};
  for (const JobBuilder& job : jobs) {
    submit.items.push_back(job.item);
    SubmitItem& item = submit.items.back();
    // What the loop looks up in the store.
    for (const Dependency& on : item.spec.after) {
      const auto at = rows_.jobs().find(on.job);
      if (at != rows_.jobs().end() && is_final(at->second.state)) {
        item.ended_dependencies.emplace(on.job, at->second.state);
      }
    }
  }
  const std::size_t before = effects_.size();
  send(submit);
  const auto at = std::find_if(
      effects_.begin() + static_cast<std::ptrdiff_t>(before), effects_.end(),
      [](const Effect& effect) { return std::holds_alternative<ReplySubmit>(effect); });
  HEARTH_CHECK(at != effects_.end(), "every Submit is answered");
  auto outcomes = std::get<ReplySubmit>(*at).outcomes;
  EXPECT_EQ(std::get<ReplySubmit>(*at).token, last_token_);
  effects_.erase(at);
  return outcomes;
}

JobRecord Env::cancel(JobId job) {
  send(Cancel{++last_token_, job});
  const auto at = std::find_if(effects_.begin(), effects_.end(), [](const Effect& effect) {
    return std::holds_alternative<ReplyCancel>(effect);
  });
  HEARTH_CHECK(at != effects_.end(), "every Cancel is answered");
  const auto outcome = std::get<ReplyCancel>(*at).outcome;
  effects_.erase(at);
  HEARTH_CHECK(outcome.has_value(), outcome.error().message);
  return *outcome;
}

Explanation Env::explain(JobId job) {
  send(Explain{++last_token_, job});
  const auto at = std::find_if(effects_.begin(), effects_.end(), [](const Effect& effect) {
    return std::holds_alternative<ReplyExplain>(effect);
  });
  HEARTH_CHECK(at != effects_.end(), "every Explain is answered");
  const auto outcome = std::get<ReplyExplain>(*at).outcome;
  effects_.erase(at);
  HEARTH_CHECK(outcome.has_value(), outcome.error().message);
  return *outcome;
}

void Env::drain(const std::string& agent, bool enable) {
  send(DrainAgent{++last_token_, AgentId(agent), enable});
  const auto at = std::find_if(effects_.begin(), effects_.end(), [](const Effect& effect) {
    return std::holds_alternative<ReplyDrain>(effect);
  });
  HEARTH_CHECK(at != effects_.end(), "every DrainAgent is answered");
  EXPECT_TRUE(std::get<ReplyDrain>(*at).outcome.has_value());
  effects_.erase(at);
}

void Env::started(const std::string& agent, const AttemptKey& key) {
  send(AttemptStarted{link_of(agent), AgentId(agent), key});
}

void Env::completed(const std::string& agent, const AttemptKey& key) {
  AttemptResult result;
  result.state = JobState::Completed;
  result.exit_code = 0;
  finished(agent, key, result);
}

void Env::exited(const std::string& agent, const AttemptKey& key, std::int32_t code) {
  AttemptResult result;
  result.state = JobState::Failed;
  result.reason = Reason::ExitNonzero;
  result.exit_code = code;
  finished(agent, key, result);
}

void Env::finished(const std::string& agent, const AttemptKey& key, const AttemptResult& result) {
  send(AttemptFinished{link_of(agent), AgentId(agent), key, result, {}});
}

void Env::draining(const std::string& agent) {
  send(AgentDraining{link_of(agent), AgentId(agent)});
}

void Env::disconnect(const std::string& agent) {
  const std::uint64_t link = std::exchange(links_[agent], 0);
  send(AgentLinkClosed{link, AgentId(agent)});
}

AgentView Env::view(const std::string& agent) const {
  for (const AgentView& view : controller_->agents(now_)) {
    if (view.record.info.id == AgentId(agent)) {
      return view;
    }
  }
  HEARTH_CHECK(false, "no live agent has this id");
}

template <class E>
E Env::take(const char* what) {
  HEARTH_CHECK(!effects_.empty(), std::string("expected ") + what + ", but no effect is left");
  const E* effect = std::get_if<E>(&effects_.front());
  HEARTH_CHECK(effect != nullptr, std::string("expected ") + what + ", but the effect has index " +
                                      std::to_string(effects_.front().index()));
  E taken = *effect;
  effects_.pop_front();
  return taken;
}

AttemptKey Env::expect_assign(const std::string& agent, JobId job) {
  const auto effect = take<AssignAttempt>("AssignAttempt");
  EXPECT_EQ(effect.agent.value(), agent);
  EXPECT_EQ(effect.link, links_[agent]);
  EXPECT_EQ(effect.key.job, job);
  return effect.key;
}

void Env::expect_ack(const AttemptKey& key, bool accepted) {
  const auto effect = take<AckReport>("AckReport");
  EXPECT_EQ(effect.key, key);
  EXPECT_EQ(effect.accepted, accepted);
}

void Env::expect_cancel(const AttemptKey& key) {
  EXPECT_EQ(take<CancelAttempt>("CancelAttempt").key, key);
}

void Env::expect_stop(const AttemptKey& key) {
  EXPECT_EQ(take<StopAttempt>("StopAttempt").key, key);
}

void Env::expect_drain(const std::string& agent) {
  EXPECT_EQ(take<SendDrain>("SendDrain").agent.value(), agent);
}

Error Env::expect_reject(const std::string& agent) {
  const auto effect = take<RejectAgent>("RejectAgent");
  EXPECT_EQ(effect.agent.value(), agent);
  return effect.error;
}

Welcome Env::expect_welcome(const std::string& agent) {
  auto effect = take<Welcome>("Welcome");
  EXPECT_EQ(effect.agent.value(), agent);
  EXPECT_EQ(effect.controller_epoch, epoch_);
  return effect;
}

void Env::expect_no_more_effects() {
  EXPECT_TRUE(effects_.empty()) << effects_.size() << " effects are left; the first has index "
                                << effects_.front().index();
}

std::vector<Effect> Env::take_effects() {
  std::vector<Effect> result(effects_.begin(), effects_.end());
  effects_.clear();
  return result;
}

std::map<std::string, std::vector<AttemptKey>> Env::take_assignments() {
  std::map<std::string, std::vector<AttemptKey>> result;
  while (!effects_.empty() && std::holds_alternative<AssignAttempt>(effects_.front())) {
    const auto effect = take<AssignAttempt>("AssignAttempt");
    result[effect.agent.value()].push_back(effect.key);
  }
  return result;
}

}  // namespace hearth::core::testing
