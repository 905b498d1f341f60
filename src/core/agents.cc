// Agents come, go silent and come back (spec J7).
#include <algorithm>

#include "base/mutate.h"
#include "core/controller_impl.h"
#include "core/messages.h"

namespace hearth::core {
namespace {

Error conflict(const AgentInfo& info, const AgentInfo& known) {
  return {.code = ErrorCode::AlreadyExists,
          .message = "Another live agent on host " + known.hostname + " has the id " +
                     info.id.value() + "; give this one another with --id, or stop that one.",
          .kind = "conflict",
          .field = "id"};
}

Error lost(const AgentId& agent) {
  return {.code = ErrorCode::Unavailable,
          .message = "Agent " + agent.value() +
                     " counts as lost; its work was given to others. It should connect anew.",
          .kind = "agent_lost"};
}

bool has_nonsense(const ResourceVector& capacity) {
  return capacity.cpu_milli < 0 || capacity.memory_bytes < 0 || capacity.gpus < 0 ||
         std::any_of(capacity.named.begin(), capacity.named.end(),
                     [](const auto& entry) { return entry.second < 0; });
}

AgentInfo canonical(const AgentInfo& info) {
  AgentInfo copy = info;
  ResourceVector named;
  named.add({.cpu_milli = 0, .memory_bytes = 0, .gpus = 0, .named = info.capacity.named});
  copy.capacity.named = std::move(named.named);
  return copy;
}

const HeldAttempt* find_held(const AgentHello& hello, const AttemptKey& key) {
  const auto at = std::find_if(hello.held.begin(), hello.held.end(),
                               [&](const HeldAttempt& held) { return held.key == key; });
  return at == hello.held.end() ? nullptr : &*at;
}

}  // namespace

void Controller::Impl::on(const AgentHello& command) {
  AgentHello hello = command;
  hello.info = canonical(command.info);
  const AgentSlot known = state_.find_agent(hello.info.id);
  if (known != kNone && hello.link <= state_.agent(known).latest_link) {
    return;  // overtaken by a newer connection of the same agent
  }
  if (auto refusal = refuse_hello(hello)) {
    effect(RejectAgent{hello.link, hello.info.id, std::move(*refusal)});
    return;
  }
  std::vector<JobSlot> kept = known == kNone ? std::vector<JobSlot>() : keep_held(hello, known);
  const AgentRecord* before = find_record(hello.info.id);
  const bool same_process = before != nullptr && before->info.incarnation == hello.info.incarnation;
  join(hello);
  adopt_held(hello, same_process, kept);
  welcome(hello, state_.find_agent(hello.info.id), kept);
}

std::optional<Error> Controller::Impl::refuse_hello(const AgentHello& hello) const {
  const AgentInfo& info = hello.info;
  if (!is_valid_name_id(info.id.value())) {
    return invalid_field("id", "An agent's id must be 1 to 64 characters of [A-Za-z0-9_-].");
  }
  if (has_nonsense(info.capacity) || info.max_parallel_jobs < 0) {
    return invalid_field("capacity", "An agent's capacity must not be negative.");
  }
  const AgentSlot known = state_.find_agent(info.id);
  if (known == kNone) {
    if (static_cast<std::int64_t>(state_.agent_slots().size()) >= options_.agents_max) {
      return limit_exceeded(
          "agents_max", options_.agents_max,
          "The controller serves its limit of " + std::to_string(options_.agents_max) + " agents.");
    }
    return std::nullopt;
  }
  const AgentState& other = state_.agent(known);
  const bool alive = other.link != 0 && steady_ - other.heard_at <= patience_with(other);
  if (alive && other.record.info.instance != info.instance) {
    return conflict(info, other.record.info);
  }
  return std::nullopt;
}

// Which of the agent's current attempts go on; the others are given up. A restarted agent's
// processes are dead, but a result it has spooled is as good as ever. What is kept must fit into
// the capacity announced now.
std::vector<JobSlot> Controller::Impl::keep_held(const AgentHello& hello, AgentSlot known) {
  const AgentInfo& before = state_.agent(known).record.info;
  const bool same_process = before.incarnation == hello.info.incarnation;
  const bool same_machine = before.instance == hello.info.instance;
  const AgentId id = before.id;
  std::vector<JobSlot> kept;
  ResourceVector room = hello.info.capacity;
  std::int64_t places = hello.info.max_parallel_jobs;
  for (const JobSlot slot : state_.attempts_on(known)) {
    const HeldAttempt* held = find_held(hello, key_of(record(slot)));
    const bool resend = held == nullptr && record(slot).state == JobState::Assigned;
    const bool goes_on = same_process ? held != nullptr || resend
                                      : same_machine && held != nullptr && held->finished;
    const ResourceVector& request = state_.scheduler().key_of(state_.job(slot).class_id).request;
    if (goes_on && places > 0 && request.fits_in(room)) {
      room.subtract(request);
      --places;
      kept.push_back(slot);
    } else if (goes_on) {
      lose(slot, Reason::AgentRestarted, capacity_shrunk_message(id), true);
    } else if (same_process) {
      lose(slot, Reason::AgentLost, attempt_forgotten_message(id), true);
    } else if (same_machine) {
      lose(slot, Reason::AgentRestarted, agent_restarted_message(id), true);
    } else {
      lose(slot, Reason::AgentLost, agent_replaced_message(id), true);
    }
  }
  return kept;
}

// Live or in the history.
const AgentRecord* Controller::Impl::find_record(const AgentId& id) const {
  if (const AgentSlot slot = state_.find_agent(id); slot != kNone) {
    return &state_.agent(slot).record;
  }
  const auto dead = state_.dead_agents().find(id);
  return dead == state_.dead_agents().end() ? nullptr : &dead->second;
}

void Controller::Impl::join(const AgentHello& hello) {
  AgentRecord agent;
  agent.first_seen_at = wall_;
  if (const AgentRecord* before = find_record(hello.info.id)) {
    agent = *before;
  }
  agent.info = hello.info;
  state_.apply(AgentJoined{agent, hello.link, wall_});
  find_agent_row(state_.find_agent(hello.info.id));
  next_agent_check_ = std::min(next_agent_check_, steady_ + options_.heartbeat_timeout);
}

// Attempts that were given up while the agent was silent and that nobody else has been given since
// (spec J7): they go on, if there is still room for them here and in their group.
void Controller::Impl::adopt_held(const AgentHello& hello, bool same_process,
                                  std::vector<JobSlot>& kept) {
  const AgentSlot agent = state_.find_agent(hello.info.id);
  for (const HeldAttempt& held : hello.held) {
    const JobSlot slot = state_.find_job(held.key.job);
    if (slot == kNone) {
      continue;
    }
    const Job& job = state_.job(slot);
    const bool given_up = (same_process || held.finished) && job.record.state == JobState::Queued &&
                          job.record.agent == hello.info.id &&
                          job.record.attempt == held.key.attempt && job.record.losses > 0 &&
                          job.record.epoch == held.key.epoch + 1;
    if (!given_up) {
      continue;
    }
    const sched::ClassKey& key = state_.scheduler().key_of(job.class_id);
    const sched::GroupState* group = state_.scheduler().group(key.group);
    if (state_.scheduler().fleet().has_room(agent, key.request) &&
        (group == nullptr || !group->is_full())) {
      adopt(slot, held);
      kept.push_back(slot);
    }
  }
}

void Controller::Impl::welcome(const AgentHello& hello, AgentSlot slot,
                               const std::vector<JobSlot>& kept) {
  const AgentId& id = hello.info.id;
  Welcome answer{.agent = id,
                 .link = hello.link,
                 .controller_epoch = controller_epoch_,
                 .keep = {},
                 .stop = {}};
  for (const HeldAttempt& held : hello.held) {
    const bool keep = current(id, held.key) != kNone;
    (keep ? answer.keep : answer.stop).push_back(held.key);
  }
  effect(std::move(answer));
  for (const JobSlot job : kept) {
    const AttemptKey key = key_of(record(job));
    if (find_held(hello, key) == nullptr) {
      effect(AssignAttempt{id, hello.link, key});
    }
    if (record(job).cancel_requested_at) {
      effect(CancelAttempt{id, hello.link, key});
    }
  }
  if (state_.agent(slot).record.draining) {
    effect(SendDrain{id, hello.link});
  }
  touch(slot);
}

void Controller::Impl::on(const AgentLinkClosed& command) {
  const AgentSlot slot = state_.find_agent(command.agent);
  if (slot == kNone || state_.agent(slot).link != command.link) {
    return;
  }
  const bool left = state_.agent(slot).draining_by_itself && state_.agent(slot).attempts == 0;
  state_.apply(AgentUnlinked{slot});
  if (left) {
    lose_agent(slot, "");
    return;
  }
  touch(slot);
}

// Agents are told how often to beat in answer to a heartbeat, so that no change in their number
// makes more messages than there are heartbeats. An agent is judged by what it says that it does,
// never by what it was told and may not know yet.
void Controller::Impl::on(const AgentHeartbeat& command) {
  const AgentSlot slot = speaker(command.agent, command.link, &command.usage);
  if (slot == kNone || !command.usage.heartbeat_interval) {
    return;
  }
  next_agent_check_ = std::min(next_agent_check_, steady_ + patience_with(state_.agent(slot)));
  const auto agents = static_cast<std::int64_t>(state_.agent_slots().size());
  const Duration interval = options_.heartbeats.next(agents, *command.usage.heartbeat_interval);
  if (interval != *command.usage.heartbeat_interval) {
    effect(PaceHeartbeats{command.agent, command.link, interval});
  }
}

Duration Controller::Impl::patience_with(const AgentState& agent) const {
  if (HEARTH_MUTATE(slow_agents_lost)) {
    return options_.heartbeat_timeout;
  }
  const Duration beats = std::min(agent.usage.heartbeat_interval.value_or(Duration(0)),
                                  options_.heartbeats.longest(options_.agents_max));
  return std::max(options_.heartbeat_timeout, beats * limits::kHeartbeatsMissedMax);
}

void Controller::Impl::on(const AgentDraining& command) {
  const AgentSlot slot = speaker(command.agent, command.link);
  if (slot != kNone) {
    state_.apply(AgentDrainSet{slot, state_.agent(slot).record.draining, true});
    touch(slot);
  }
}

void Controller::Impl::on(const DrainAgent& command) {
  const AgentSlot slot = state_.find_agent(command.agent);
  if (slot == kNone) {
    effect(ReplyDrain{command.token,
                      not_found("No registered agent has the id " + command.agent.value() + ".")});
    return;
  }
  const AgentState& agent = state_.agent(slot);
  state_.apply(AgentDrainSet{slot, command.enable, agent.draining_by_itself});
  touch(slot);
  if (command.enable && agent.link != 0) {
    effect(SendDrain{command.agent, agent.link});
  }
  effect(ReplyDrain{command.token, {}});
}

void Controller::Impl::lose_agent(AgentSlot slot, const std::string& why) {
  for (const JobSlot job : state_.attempts_on(slot)) {
    lose(job, Reason::AgentLost, why, true);
  }
  const AgentState& agent = state_.agent(slot);
  if (agent.link != 0) {
    effect(RejectAgent{agent.link, agent.record.info.id, lost(agent.record.info.id)});
  }
  put_agent_row(slot, AgentStatus::Dead);
  state_.apply(AgentGone{slot});
}

void Controller::Impl::check_agents() {
  std::vector<AgentSlot> silent;
  next_agent_check_ = TimePoint::max();
  for (const auto& [id, slot] : state_.agent_slots()) {
    const TimePoint due = state_.agent(slot).heard_at + patience_with(state_.agent(slot));
    if (due <= steady_ && !HEARTH_MUTATE(silence_ignored)) {
      silent.push_back(slot);
    } else {
      next_agent_check_ = std::min(next_agent_check_, due);
    }
  }
  for (const AgentSlot slot : silent) {
    const AgentState& agent = state_.agent(slot);
    lose_agent(slot, agent_silent_message(agent.record.info.id, patience_with(agent)));
  }
}

AgentSlot Controller::Impl::speaker(const AgentId& agent, std::uint64_t link,
                                    const AgentUsage* usage) {
  const AgentSlot slot = state_.find_agent(agent);
  if (slot == kNone) {
    effect(RejectAgent{link, agent, lost(agent)});
    return kNone;
  }
  if (link == 0 || state_.agent(slot).link != link) {
    return kNone;
  }
  state_.apply(AgentHeard{slot, wall_, usage});
  return slot;
}

}  // namespace hearth::core
