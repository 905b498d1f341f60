#include "sim_controller.h"

#include <algorithm>
#include <utility>

#include "world.h"

namespace hearth::sim {

std::string SimController::explain(JobId job) {
  core::Decision decision;
  if (core_ != nullptr) {
    core_->decide(core::Explain{.token = 0, .job = job}, now(), decision);
  }
  std::string text;
  for (const core::Effect& effect : decision.effects) {
    if (const auto* reply = std::get_if<core::ReplyExplain>(&effect); reply && reply->outcome) {
      text += reply->outcome->summary;
      for (const core::WaitReason& reason : reply->outcome->reasons) {
        text += "\n    " + reason.code + ": " + reason.sentence;
      }
    }
  }
  return text;
}

TimePoint SimController::wall() const {
  return world_.timeline.now() + clock_offset_;
}

core::Now SimController::now() const {
  return {wall(), world_.timeline.now()};
}

void SimController::start() {
  ++run_;
  if (world_.faults_on && world_.options.faults.clock_jump > Duration(0)) {
    clock_offset_ += world_.random.duration(-3'000, 3'000);
  }
  epoch_ = world_.store.raise_epoch();
  core_ = std::make_unique<core::Controller>(world_.options.core);
  core::Snapshot snapshot = world_.store.snapshot();
  snapshot.controller_epoch = epoch_;
  for (core::RestoredJob& job : snapshot.jobs) {
    if (World::mutated("cancel_forgotten_at_restart")) {
      job.record.cancel_requested_at.reset();
    }
    if (World::mutated("edge_lost_at_restart")) {
      job.spec.after.clear();
    }
  }
  world_.trace([&] {
    return "controller starts, epoch " + std::to_string(epoch_) + ", " +
           std::to_string(snapshot.jobs.size()) + " live jobs";
  });
  core_->restore(snapshot, now());
  core_->check_invariants();
  post(core::Tick{});
}

void SimController::crash() {
  if (!up()) {
    return;
  }
  // A transaction under way is found done or not done by the next start.
  const bool durable = writing_ && world_.random.chance(0.5);
  world_.trace([&] {
    return std::string("controller dies") +
           (writing_ ? (durable ? ", its append is durable" : ", its append is lost") : "");
  });
  if (durable) {
    make_durable();
  }
  ++crashes_;
  core_.reset();
  mailbox_.clear();
  pending_.clear();
  batch_.clear();
  waiting_.clear();
  links_.clear();
  next_link_ = 1;
  turn_scheduled_ = false;
  paused_until_ = TimePoint{};
  writing_ = false;
  storage_unavailable_ = false;
  tick_at_.reset();
  ++run_;  // timers of the dead process find another run
  world_.network.controller_died();
}

void SimController::pause(Duration length) {
  paused_until_ = std::max(paused_until_, world_.timeline.now() + length);
}

bool SimController::post(core::Command command) {
  if (!up()) {
    return false;
  }
  mailbox_.push_back(std::move(command));
  if (!turn_scheduled_) {
    turn_scheduled_ = true;
    const TimePoint soon = world_.timeline.now() + world_.random.duration(0, 2);
    world_.timeline.at(std::max(soon, paused_until_), [this, run = run_] {
      if (run == run_) {
        turn();
      }
    });
  }
  return true;
}

bool SimController::submit(const std::vector<PlannedItem>& items, ReplyCallback reply) {
  if (!up() || storage_unavailable_) {
    return false;
  }
  core::Submit submit{next_token_++, {}};
  for (const PlannedItem& item : items) {
    core::SubmitItem made;
    made.spec = world_.plans[item.plan].scheduling;
    made.after_refs = item.after_refs;
    made.idempotency_key = item.idempotency_key;
    auto payload = std::make_shared<JobPayload>();
    payload->spec = std::to_string(item.plan);
    made.payload = std::move(payload);
    made.payload_bytes = kPayloadBytes;
    submit.items.push_back(std::move(made));
  }
  waiting_[submit.token] = std::move(reply);
  return post(std::move(submit));
}

bool SimController::cancel(JobId job, ReplyCallback reply) {
  if (!up() || storage_unavailable_) {
    return false;
  }
  waiting_[next_token_] = std::move(reply);
  return post(core::Cancel{next_token_++, job});
}

bool SimController::explain(JobId job, ReplyCallback reply) {
  if (!up()) {
    return false;
  }
  waiting_[next_token_] = std::move(reply);
  return post(core::Explain{next_token_++, job});
}

bool SimController::drain(const AgentId& agent, bool enable, ReplyCallback reply) {
  if (!up() || storage_unavailable_) {
    return false;
  }
  waiting_[next_token_] = std::move(reply);
  return post(core::DrainAgent{next_token_++, agent, enable});
}

void SimController::receive(const ConnectionPtr& connection, const UpMessage& message) {
  if (!up() || connection->controller_run != run_) {
    return;
  }
  const std::uint64_t link = connection->link;
  const AgentId& agent = connection->agent_id;
  if (const auto* hello = std::get_if<HelloMessage>(&message)) {
    connection->link = next_link_++;
    links_[connection->link] = connection;
    post(core::AgentHello{connection->link, hello->info, hello->held});
  } else if (const auto* heartbeat = std::get_if<HeartbeatMessage>(&message)) {
    AgentUsage usage;
    usage.heartbeat_interval = heartbeat->interval;
    post(core::AgentHeartbeat{link, agent, usage});
  } else if (std::holds_alternative<DrainingMessage>(message)) {
    post(core::AgentDraining{link, agent});
  } else if (const auto* started = std::get_if<StartedMessage>(&message)) {
    post(core::AttemptStarted{link, agent, started->key});
  } else if (const auto* finished = std::get_if<FinishedMessage>(&message)) {
    post(core::AttemptFinished{link, agent, finished->key, finished->result, {}});
  }
}

void SimController::link_closed(const ConnectionPtr& connection) {
  if (!up() || connection->controller_run != run_ || connection->link == 0) {
    return;
  }
  links_.erase(connection->link);
  post(core::AgentLinkClosed{connection->link, connection->agent_id});
}

// What the loop of api/ fills in from the store, for jobs that are no longer in memory.
void SimController::resolve(core::Submit& submit) const {
  for (core::SubmitItem& item : submit.items) {
    if (!item.idempotency_key.empty()) {
      item.existing = world_.store.find_key(item.idempotency_key);
      if (item.existing) {
        item.existing_state = world_.store.find(*item.existing)->record.state;
      }
    }
    for (const Dependency& dependency : item.spec.after) {
      const StoredJob* row = world_.store.find_stored(dependency.job);
      if (row != nullptr && is_final(row->record.state)) {
        item.ended_dependencies[dependency.job] = row->record.state;
      }
    }
  }
}

void SimController::turn() {
  turn_scheduled_ = false;
  Turn turn;
  const core::Now now = this->now();
  while (!mailbox_.empty()) {
    core::Command command = std::move(mailbox_.front());
    mailbox_.pop_front();
    if (auto* submit = std::get_if<core::Submit>(&command)) {
      resolve(*submit);
    }
    core_->decide(command, now, turn.decision);
    check_core();
  }
  core_->schedule(now, turn.decision);
  check_core();
  for (const JobEvent& event : turn.decision.changes.events) {
    world_.history.on_decided(event);
    if (is_final(event.after.state)) {
      turn.ended.push_back(event.after.id);
    }
  }
  if (World::mutated("reply_before_commit")) {
    release(turn);
    turn.decision.effects.clear();
  }
  pending_.push_back(std::move(turn));
  write();
  arm_tick();
}

void SimController::check_core() {
  if (world_.timeline.steps() % world_.check_every == 0) {
    core_->check_invariants();
  }
}

// One writer: takes everything that was decided, in order, as one transaction.
void SimController::write() {
  if (writing_ || pending_.empty() || !up()) {
    return;
  }
  batch_.assign(std::make_move_iterator(pending_.begin()), std::make_move_iterator(pending_.end()));
  pending_.clear();
  const bool nothing = std::all_of(batch_.begin(), batch_.end(),
                                   [](const Turn& turn) { return turn.decision.changes.empty(); });
  writing_ = true;
  if (nothing) {
    finish_write();
    return;
  }
  const FaultRates& faults = world_.options.faults;
  const Duration takes = world_.random.duration(0, world_.options.append_max.count());
  if (world_.faults_on && world_.random.chance(faults.crash_at_append)) {
    world_.timeline.after(takes, [this, run = run_] {
      if (run == run_) {
        world_.crash_controller();
      }
    });
    return;
  }
  world_.timeline.after(takes, [this, run = run_] {
    if (run == run_) {
      finish_write();
    }
  });
}

void SimController::make_durable() {
  for (const Turn& turn : batch_) {
    if (World::mutated("store_drops_a_change") && turn.decision.changes.events.size() > 1) {
      ChangeSet torn = turn.decision.changes;
      torn.events.pop_back();
      world_.store.append(torn);
      continue;
    }
    world_.store.append(turn.decision.changes);
  }
}

void SimController::finish_write() {
  if (world_.faults_on && world_.random.chance(world_.options.faults.append_not_done)) {
    storage_unavailable_ = true;  // the batch is kept and tried again unchanged
    world_.timeline.after(world_.random.duration(50, 2'000), [this, run = run_] {
      if (run == run_) {
        finish_write();
      }
    });
    return;
  }
  storage_unavailable_ = false;
  make_durable();
  const std::vector<Turn> done = std::move(batch_);
  batch_.clear();
  writing_ = false;
  const std::int64_t run = run_;
  for (const Turn& turn : done) {
    release(turn);
    if (run != run_) {
      return;
    }
    core_->forget_ended(turn.ended);
  }
  remove_past();
  write();
  arm_tick();
}

// Between two appends, as the real writer does.
void SimController::remove_past() {
  const Past past = world_.store.past(world_.random.between(1, 20));
  const TimePoint now = wall();
  const bool early = World::mutated("removed_too_early");
  Removal removal =
      core::decide_removal(world_.options.retention, past, early ? now + Duration(90'000) : now);
  if (World::mutated("live_job_removed") && !world_.store.jobs().empty()) {
    const JobId last = world_.store.jobs().rbegin()->first;
    removal.jobs.push_back({.seq = {}, .id = last, .ended_at = now});
  }
  world_.store.remove(removal, now);
}

void SimController::release(const Turn& turn) {
  for (const core::Effect& effect : turn.decision.effects) {
    std::visit([this](const auto& value) { perform(value); }, effect);
  }
}

void SimController::arm_tick() {
  if (!up()) {
    return;
  }
  // The timer may be a little late.
  const core::Now now = this->now();
  const Duration until =
      std::clamp(core_->next_deadline(now) - now.steady, Duration(0), Duration(60'000));
  const TimePoint due = world_.timeline.now() + until + world_.random.duration(1, 5);
  if (tick_at_.has_value() && *tick_at_ <= due && *tick_at_ > world_.timeline.now()) {
    return;
  }
  tick_at_ = due;
  world_.timeline.at(due, [this, run = run_, due] {
    if (run == run_ && tick_at_ == due) {
      tick_at_.reset();
      post(core::Tick{});
    }
  });
}

ConnectionPtr SimController::connection_of(std::uint64_t link) const {
  const auto found = links_.find(link);
  return found == links_.end() ? nullptr : found->second;
}

void SimController::check_recovery() const {
  core::Controller live(world_.options.core);
  core::Snapshot snapshot = world_.store.snapshot();
  snapshot.controller_epoch = epoch_;
  live.restore(snapshot, now());
  live.check_invariants();
  if (live.digest() != core_->digest()) {
    world_.fail("the rows give another state than the one that wrote them:\n--- live\n" +
                core_->digest() + "\n--- restored\n" + live.digest());
  }
}

void SimController::reply(core::RequestToken token, const core::Effect& effect) {
  const auto waiting = waiting_.find(token);
  if (waiting == waiting_.end()) {
    if (token != 0) {
      world_.fail("request " + std::to_string(token) + " is answered twice or was never made");
    }
    return;
  }
  const ReplyCallback callback = std::move(waiting->second);
  waiting_.erase(waiting);
  callback(effect);
}

void SimController::perform(const core::ReplySubmit& effect) {
  reply(effect.token, effect);
}
void SimController::perform(const core::ReplyCancel& effect) {
  reply(effect.token, effect);
}
void SimController::perform(const core::ReplyExplain& effect) {
  reply(effect.token, effect);
}
void SimController::perform(const core::ReplyDrain& effect) {
  reply(effect.token, effect);
}

void SimController::perform(const core::Welcome& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(connection, agent::AgentCommand(agent::LinkUp{
                                             effect.controller_epoch, effect.keep, effect.stop}));
  }
}

void SimController::perform(const core::RejectAgent& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(connection, Rejected{});
    world_.network.close_by_controller(connection);
    links_.erase(effect.link);
  }
}

void SimController::perform(const core::AssignAttempt& effect) {
  const StoredJob* row = world_.store.find(effect.key.job);
  if (row == nullptr) {
    world_.fail("job " + to_string(effect.key.job) + " is assigned but has no payload stored");
    return;
  }
  for (const auto& [link, connection] : links_) {
    if (link != effect.link && !World::mutated("assigned_twice")) {
      continue;
    }
    const JobPlan& plan = world_.plans[row->plan];
    world_.network.send_down(
        connection, agent::AgentCommand(agent::Assign{epoch_, effect.key, plan.timeout, plan.grace,
                                                      plan.kill_on_output_limit}));
  }
}

void SimController::perform(const core::CancelAttempt& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(connection,
                             agent::AgentCommand(agent::CancelOrder{epoch_, effect.key}));
  }
}

void SimController::perform(const core::StopAttempt& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(connection, agent::AgentCommand(agent::StopOrder{epoch_, effect.key}));
  }
}

void SimController::perform(const core::AckReport& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(
        connection, agent::AgentCommand(
                        agent::ReportAcked{epoch_, effect.key, effect.finished, effect.accepted}));
  }
}

void SimController::perform(const core::SendDrain& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(connection, agent::AgentCommand(agent::DrainOrder{epoch_}));
  }
}

void SimController::perform(const core::PaceHeartbeats& effect) {
  if (const ConnectionPtr connection = connection_of(effect.link)) {
    world_.network.send_down(connection, HeartbeatWanted{effect.interval});
  }
}

}  // namespace hearth::sim
