// Speaks the agent's domain to an AgentCore under test and renders its effects as short lines:
// "start 7/1@1", "finished 7/1@1 FAILED oom". Every effect must be expected.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/agent_core.h"

namespace hearth::agent::testing {

inline AttemptKey key_of(std::uint64_t job, std::uint32_t attempt = 1, std::uint64_t epoch = 1) {
  return {JobId(job), attempt, epoch};
}

inline std::string text(const AttemptKey& key) {
  return std::to_string(key.job.value()) + "/" + std::to_string(key.attempt) + "@" +
         std::to_string(key.epoch);
}

inline std::string text(const AttemptResult& result) {
  std::string out(to_string(result.state));
  if (result.reason != Reason::None) {
    out += " " + std::string(to_string(result.reason));
  }
  return out;
}

struct EffectText {
  std::string operator()(const StartProcess& e) const { return "start " + text(e.key); }
  std::string operator()(const TerminateGroup& e) const { return "terminate " + text(e.key); }
  std::string operator()(const KillGroup& e) const { return "kill " + text(e.key); }
  std::string operator()(const ReportStarted& e) const { return "started " + text(e.key); }
  std::string operator()(const ReportFinished& e) const {
    return "finished " + text(e.key) + " " + text(e.result);
  }
  std::string operator()(const ForgetAttempt& e) const { return "forget " + text(e.key); }
  std::string operator()(const SpoolResult& e) const {
    return "spool " + text(e.key) + " " + text(e.result);
  }
  std::string operator()(const SayDraining&) const { return "draining"; }
  std::string operator()(const Drained&) const { return "drained"; }
};

using Lines = std::vector<std::string>;

class AgentCoreTest : public ::testing::Test {
 protected:
  Lines handle(const AgentCommand& command) {
    std::vector<AgentEffect> effects;
    core_.handle(command, now_, effects);
    core_.check_invariants();
    Lines lines;
    for (const AgentEffect& effect : effects) {
      lines.push_back(std::visit(EffectText{}, effect));
      if (const auto* spooled = std::get_if<SpoolResult>(&effect)) {
        last_result_ = spooled->result;
      }
    }
    return lines;
  }

  Lines pass(Duration duration) {
    now_ += duration;
    return handle(TimePassed{});
  }

  // The earliest thing that is due, as the shell's timer would find it.
  Lines pass_to_deadline() {
    const auto next = core_.next_deadline();
    if (!next.has_value()) {
      return {"no deadline"};
    }
    now_ = *next;
    return handle(TimePassed{});
  }

  Lines link_up(std::vector<AttemptKey> keep = {}, std::vector<AttemptKey> stop = {}) {
    return handle(LinkUp{controller_epoch_, std::move(keep), std::move(stop)});
  }

  Assign assign_of(const AttemptKey& key) const {
    return {.controller_epoch = controller_epoch_,
            .key = key,
            .timeout = Duration(60'000),
            .grace = Duration(5'000),
            .kill_on_output_limit = kill_on_output_limit_};
  }

  void start_running(const AttemptKey& key) {
    ASSERT_EQ(handle(assign_of(key)), Lines{"start " + text(key)});
    ASSERT_EQ(handle(SpawnDone{key}), Lines{"started " + text(key)});
  }

  Lines exit_with(const AttemptKey& key, std::int32_t code) {
    return handle(ProcessEnded{.key = key, .exit_code = code});
  }

  Lines die_of(const AttemptKey& key, std::int32_t signal) {
    return handle(ProcessEnded{.key = key, .signal = signal});
  }

  Lines cancel(const AttemptKey& key) { return handle(CancelOrder{controller_epoch_, key}); }
  Lines stop(const AttemptKey& key) { return handle(StopOrder{controller_epoch_, key}); }
  Lines ack_finished(const AttemptKey& key, bool accepted = true) {
    return handle(ReportAcked{controller_epoch_, key, true, accepted});
  }
  Lines ack_started(const AttemptKey& key, bool accepted = true) {
    return handle(ReportAcked{controller_epoch_, key, false, accepted});
  }

  void expect_no_more_effects() {
    EXPECT_EQ(core_.next_deadline(), std::nullopt);
    EXPECT_EQ(pass(Duration(10'000'000)), Lines{});
  }

  AgentCore core_;
  TimePoint now_ = time_from_ms(1'000);
  std::uint64_t controller_epoch_ = 3;
  bool kill_on_output_limit_ = false;
  AttemptResult last_result_;
};

}  // namespace hearth::agent::testing
