#include "core/controller.h"

#include "core/controller_impl.h"

namespace hearth::core {

Controller::Controller(Options options) : impl_(std::make_unique<Impl>(options)) {}
Controller::~Controller() = default;

void Controller::restore(const Snapshot& snapshot, Now now) {
  impl_->restore(snapshot, now);
}

void Controller::decide(const Command& command, Now now, Decision& decision) {
  impl_->decide(command, now, decision);
}

void Controller::schedule(Now now, Decision& decision) {
  impl_->schedule(now, decision);
}

void Controller::forget_ended(const std::vector<JobId>& jobs) {
  impl_->forget_ended(jobs);
}

TimePoint Controller::next_deadline(Now now) const {
  return impl_->next_deadline(now);
}

const JobRecord* Controller::find(JobId job) const {
  const JobSlot slot = impl_->state().find_job(job);
  return slot == kNone ? nullptr : &impl_->state().job(slot).record;
}

std::vector<AgentView> Controller::agents(TimePoint /*now*/) const {
  return impl_->agents();
}

std::vector<AgentRecord> Controller::dead_agents() const {
  std::vector<AgentRecord> result;
  for (const auto& [id, record] : impl_->state().dead_agents()) {
    result.push_back(record);
  }
  return result;
}

std::optional<JobId> Controller::find_idempotency_key(const std::string& key) const {
  const auto& keys = impl_->state().keys();
  const auto at = keys.find(key);
  return at == keys.end() ? std::nullopt : std::optional(at->second);
}

std::int64_t Controller::live_jobs() const {
  const State& state = impl_->state();
  return state.waiting_jobs() + state.count(JobState::Assigned) + state.count(JobState::Running);
}

std::int64_t Controller::waiting_payload_bytes() const {
  return impl_->state().waiting_payload_bytes();
}

std::int64_t Controller::count(JobState state) const {
  return impl_->state().count(state);
}

std::uint64_t Controller::stale_reports() const {
  return impl_->stale_reports();
}

void Controller::check_invariants() const {
  impl_->check_invariants();
}

std::string Controller::digest() const {
  return impl_->digest();
}

}  // namespace hearth::core
