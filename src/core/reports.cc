// What agents report of attempts. Reports are resent until answered, so each may come twice, and
// late: a report is accepted if it is of the job's current attempt or repeats what is known of it.
#include <algorithm>

#include "base/limits.h"
#include "base/mutate.h"
#include "base/text.h"
#include "core/controller_impl.h"
#include "core/messages.h"

namespace hearth::core {
namespace {

// An agent is another program: what it says is brought into a form that holds our rules.
AttemptResult normalized(AttemptResult result) {
  if (!is_final(result.state)) {
    result.message = "The agent reported the end of the attempt in state " +
                     std::string(to_string(result.state)) +
                     ", which is none; it may be of another version than the controller.";
    result.state = JobState::Failed;
    result.reason = Reason::WorkerCrashed;
  }
  result.message =
      cut_middle(result.message, static_cast<std::size_t>(limits::kEndMessageBytesMax));
  switch (result.state) {
    case JobState::Completed:
      result.reason = Reason::None;
      break;
    case JobState::Cancelled:
      result.reason = Reason::CancelRequested;
      break;
    case JobState::TimedOut:
      result.reason = Reason::TimedOut;
      break;
    default:
      if (result.reason == Reason::None) {
        result.reason = result.exit_code ? Reason::ExitNonzero
                        : result.signal  ? Reason::Signaled
                                         : Reason::WorkerCrashed;
      }
  }
  return result;
}

}  // namespace

void Controller::Impl::on(const AttemptStarted& command) {
  const AgentSlot agent = speaker(command.agent, command.link);
  if (agent == kNone) {
    return;
  }
  const JobSlot slot = current(command.agent, command.key);
  if (slot != kNone && record(slot).state == JobState::Assigned) {
    start(slot);
  }
  const bool accepted = slot != kNone || is_already_known(command.agent, command.key);
  answer_report(agent, command.key, false, accepted);
  if (!accepted) {
    effect(StopAttempt{command.agent, command.link, command.key});
  }
}

void Controller::Impl::on(const AttemptFinished& command) {
  const AgentSlot agent = speaker(command.agent, command.link);
  if (agent == kNone) {
    return;
  }
  const JobSlot slot = current(command.agent, command.key);
  if (slot != kNone) {
    auto& outputs = decision_->changes.outputs;
    outputs.insert(outputs.end(), command.outputs.begin(), command.outputs.end());
    finish(slot, normalized(command.result));
  }
  const bool accepted = slot != kNone || is_already_known(command.agent, command.key);
  answer_report(agent, command.key, true, accepted);
}

void Controller::Impl::on(const AttemptProgress& command) {
  const AgentSlot agent = speaker(command.agent, command.link);
  const JobSlot slot = agent == kNone ? kNone : current(command.agent, command.key);
  if (slot == kNone) {
    return;
  }
  constexpr std::int32_t kWhole = 100;
  const std::int32_t percent = std::clamp(command.percent, -1, kWhole);
  std::string text =
      cut_text(command.text, static_cast<std::size_t>(limits::kProgressTextBytesMax));
  if (percent == record(slot).progress_percent && text == record(slot).progress_text) {
    return;
  }
  JobRecord& after = open(slot, JobEventKind::Progress);
  after.progress_percent = percent;
  after.progress_text = std::move(text);
  commit(slot);
}

JobSlot Controller::Impl::current(const AgentId& agent, const AttemptKey& key) const {
  const JobSlot slot = state_.find_job(key.job);
  if (slot == kNone) {
    return kNone;
  }
  const JobRecord& job = record(slot);
  const bool is_current = is_on_agent(job.state) && job.agent == agent &&
                          job.attempt == key.attempt && job.epoch == key.epoch;
  if (HEARTH_MUTATE(stale_epoch_accepted) && is_on_agent(job.state)) {
    return slot;
  }
  return is_current ? slot : kNone;
}

// True for a repeated report of the job's latest attempt after that attempt ended by a report: its
// epoch is still the job's. An attempt that was given up has an older one.
bool Controller::Impl::is_already_known(const AgentId& agent, const AttemptKey& key) const {
  const JobSlot slot = state_.find_job(key.job);
  if (slot == kNone) {
    return false;
  }
  const JobRecord& job = record(slot);
  return job.agent == agent && job.attempt == key.attempt && job.epoch == key.epoch;
}

void Controller::Impl::answer_report(AgentSlot slot, const AttemptKey& key, bool finished,
                                     bool accepted) {
  const AgentState& agent = state_.agent(slot);
  stale_reports_ += accepted ? 0 : 1;
  effect(AckReport{agent.record.info.id, agent.link, key, finished, accepted});
}

}  // namespace hearth::core
