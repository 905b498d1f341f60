#include <algorithm>
#include <set>

#include "base/mutate.h"
#include "core/controller_impl.h"
#include "core/messages.h"
#include "core/shortfall.h"

namespace hearth::core {
namespace {

Error queue_full(const char* limit, std::int64_t value, std::string message) {
  Error error = limit_exceeded(limit, value, std::move(message));
  error.kind = "queue_full";
  return error;
}

// Front doors validate; this guards the invariants of the core against any of them.
Result<> check_amounts(const SchedulingSpec& spec) {
  const auto negative = [](const char* field) {
    return invalid_field(field, std::string(field) + " must not be negative.");
  };
  if (spec.request.cpu_milli < 0) {
    return negative("requiredCpu");
  }
  if (spec.request.memory_bytes < 0) {
    return negative("requiredRamMb");
  }
  if (spec.request.gpus < 0) {
    return negative("gpus");
  }
  if (std::any_of(spec.request.named.begin(), spec.request.named.end(),
                  [](const auto& entry) { return entry.second < 0; })) {
    return negative("resources");
  }
  if (spec.group_limit < 0) {
    return negative("groupLimit");
  }
  return {};
}

// Sorted, without duplicates or zeros, whatever the front door made of it.
SchedulingSpec canonical(const SchedulingSpec& spec) {
  SchedulingSpec copy = spec;
  ResourceVector named;
  named.add({.cpu_milli = 0, .memory_bytes = 0, .gpus = 0, .named = spec.request.named});
  copy.request.named = std::move(named.named);
  return copy;
}

}  // namespace

void Controller::Impl::on(const Submit& command) {
  ReplySubmit reply{.token = command.token, .outcomes = {}};
  reply.outcomes.reserve(command.items.size());
  for (const SubmitItem& item : command.items) {
    reply.outcomes.push_back(submit_item(item, reply.outcomes));
    settle_dependents();
  }
  effect(std::move(reply));
}

Result<SubmitOutcome> Controller::Impl::submit_item(
    const SubmitItem& item, const std::vector<Result<SubmitOutcome>>& earlier) {
  if (auto replay = replay_of(item)) {
    return *replay;
  }
  HEARTH_TRY(check_amounts(item.spec));
  HEARTH_TRY(check_admission(item));
  HEARTH_TRY(check_feasibility(item.spec));
  std::optional<Settled> broken;
  HEARTH_ASSIGN(const auto open, open_dependencies(item, earlier, broken));
  std::vector<Dependency> in_batch;
  for (const auto& [index, condition] : item.after_refs) {
    in_batch.push_back({earlier[index]->id, condition});
  }
  return admit(item, open, std::move(in_batch), broken);
}

std::optional<SubmitOutcome> Controller::Impl::replay_of(const SubmitItem& item) const {
  if (item.idempotency_key.empty() || HEARTH_MUTATE(idempotency_ignored)) {
    return std::nullopt;
  }
  const auto live = state_.keys().find(item.idempotency_key);
  if (live != state_.keys().end()) {
    return SubmitOutcome{live->second, record(state_.find_job(live->second)).state, true};
  }
  if (item.existing) {
    return SubmitOutcome{*item.existing, item.existing_state.value_or(JobState::Submitted), true};
  }
  return std::nullopt;
}

Result<> Controller::Impl::check_admission(const SubmitItem& item) const {
  if (state_.waiting_jobs() >= options_.queue_jobs_max) {
    return queue_full("queue_jobs_max", options_.queue_jobs_max,
                      "The queue holds its limit of " + std::to_string(options_.queue_jobs_max) +
                          " jobs; try again when some have run.");
  }
  if (state_.waiting_payload_bytes() + item.payload_bytes > options_.queue_payload_bytes_max) {
    return queue_full("queue_payload_bytes_max", options_.queue_payload_bytes_max,
                      "The waiting jobs would hold more than the limit of " +
                          std::to_string(options_.queue_payload_bytes_max) +
                          " bytes of payload; try again when some have run, or send less.");
  }
  return {};
}

Result<> Controller::Impl::check_feasibility(const SchedulingSpec& spec) const {
  if (state_.agent_slots().empty()) {
    return {};
  }
  if (spec.sandbox != SandboxLevel::None &&
      std::none_of(
          state_.agent_slots().begin(), state_.agent_slots().end(), [&](const auto& entry) {
            return sched::offers_sandbox(state_.agent(entry.second).record.info, spec.sandbox);
          })) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "No registered agent offers the sandbox level \"" +
                            std::string(to_string(spec.sandbox)) +
                            "\"; enable it on an agent or ask for another level.",
                 .kind = "sandbox_unavailable",
                 .field = "sandbox"};
  }
  HEARTH_TRY(check_features(spec));
  const sched::ClassKey key = sched::class_key_of(canonical(spec));
  if (spec.on_infeasible == OnInfeasible::Wait || state_.scheduler().is_feasible(key)) {
    return {};
  }
  return Error{.code = ErrorCode::FailedPrecondition,
               .message = infeasible_message(state_, key),
               .kind = "infeasible"};
}

// A language or an image that no agent has is more often misspelt than yet to come.
Result<> Controller::Impl::check_features(const SchedulingSpec& spec) const {
  for (const std::string& feature : spec.features) {
    std::set<std::string> of_its_kind;
    const std::string kind = feature.substr(0, feature.find(':') + 1);
    for (const auto& [id, slot] : state_.agent_slots()) {
      for (const std::string& offered : state_.scheduler().fleet().at(slot).features) {
        if (offered.starts_with(kind)) {
          of_its_kind.insert(offered.substr(kind.size()));
        }
      }
    }
    if (of_its_kind.contains(feature.substr(kind.size()))) {
      continue;
    }
    std::string offers;
    for (const std::string& name : of_its_kind) {
      offers += (offers.empty() ? "" : ", ") + name;
    }
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "No registered agent offers " + feature_text(feature) + "; there is " +
                            (offers.empty() ? "none at all" : offers) + ".",
                 .kind = "not_supported",
                 .field = kind == "lang:" ? "script.language" : "image"};
  }
  return {};
}

// The dependencies that still run. One that has ended as it should is met already; one that has not
// is `broken`.
Result<std::vector<Dependency>> Controller::Impl::open_dependencies(
    const SubmitItem& item, const std::vector<Result<SubmitOutcome>>& earlier,
    std::optional<Settled>& broken) const {
  std::vector<Dependency> open;
  const auto consider = [&](const Dependency& on, std::optional<JobState> known) -> Result<> {
    const JobSlot slot = state_.find_job(on.job);
    const std::optional<JobState> state = slot == kNone ? known : record(slot).state;
    if (!state || (slot == kNone && !is_final(*state))) {
      return invalid_field("after", "No job has the id " + to_string(on.job) +
                                        " that stands in \"after\"; name jobs that exist.");
    }
    if (!is_final(*state) && !HEARTH_MUTATE(edge_lost)) {
      open.push_back(on);
    } else if (!is_met(on.condition, *state) && !broken) {
      broken = Settled{JobId(), on.condition, on.job, *state};
    }
    return {};
  };
  for (const Dependency& on : item.spec.after) {
    const auto ended = item.ended_dependencies.find(on.job);
    HEARTH_TRY(consider(
        on, ended == item.ended_dependencies.end() ? std::nullopt : std::optional(ended->second)));
  }
  for (const auto& [index, condition] : item.after_refs) {
    if (index >= earlier.size()) {
      return invalid_field("after", "\"after\" may name only earlier items of the same batch.");
    }
    if (!earlier[index]) {
      return invalid_field("after", "Item " + std::to_string(index) +
                                        " of the batch, which this one waits for, was refused: " +
                                        earlier[index].error().message);
    }
    HEARTH_TRY(consider({earlier[index]->id, condition}, earlier[index]->state));
  }
  return open;
}

SubmitOutcome Controller::Impl::admit(const SubmitItem& item, const std::vector<Dependency>& open,
                                      std::vector<Dependency> in_batch,
                                      const std::optional<Settled>& broken) {
  const SchedulingSpec spec = canonical(item.spec);
  JobRecord record;
  record.id = next_job_id(last_job_id_, wall_);
  record.created_at = wall_;
  record.has_callback = item.payload && item.payload->has_callback;
  if (spec.not_before && *spec.not_before > wall_ && !HEARTH_MUTATE(not_before_ignored)) {
    record.eligible_at = spec.not_before;
  }
  last_job_id_ = record.id;
  state_.apply(JobAdmitted{record, spec, item.idempotency_key, item.payload_bytes, open});
  decision_->changes.new_jobs.push_back({.id = record.id,
                                         .queue = spec.queue,
                                         .idempotency_key = item.idempotency_key,
                                         .retry_of = item.retry_of,
                                         .payload = item.payload,
                                         .after_in_batch = std::move(in_batch)});
  const JobSlot slot = state_.find_job(record.id);
  this->open(slot, JobEventKind::Submitted);  // the record is in place already
  if (broken) {
    end(slot, JobState::Failed, Reason::DependencyFailed,
        dependency_failed_message(broken->ended, broken->condition, broken->state), nullptr);
  } else if (open.empty() && !record.eligible_at) {
    queue(slot, JobEventKind::Queued);
  }
  return {record.id, this->record(slot).state, false};
}

}  // namespace hearth::core
