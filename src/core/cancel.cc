#include "core/controller_impl.h"
#include "core/messages.h"

namespace hearth::core {

// Durable from here on: whatever happens to its agent, the job ends as CANCELLED.
void Controller::Impl::on(const Cancel& command) {
  const JobSlot slot = state_.find_job(command.job);
  if (slot == kNone) {
    effect(ReplyCancel{command.token,
                       not_found("No live job has the id " + to_string(command.job) + ".")});
    return;
  }
  const bool is_new = !is_final(record(slot).state) && !record(slot).cancel_requested_at;
  if (is_new) {
    JobRecord& after = open(slot, JobEventKind::CancelRequested);
    after.cancel_requested_at = opened_at();
    commit(slot);
    if (is_waiting(record(slot).state)) {
      end(slot, JobState::Cancelled, Reason::CancelRequested, cancelled_message("before it ran"),
          nullptr);
    } else if (const AgentSlot at = state_.job(slot).agent; at != kNone) {
      const AgentState& agent = state_.agent(at);
      if (agent.link != 0) {
        effect(CancelAttempt{agent.record.info.id, agent.link, key_of(record(slot))});
      }
    }
  }
  effect(ReplyCancel{command.token, record(slot)});
}

}  // namespace hearth::core
