#include "store/memory/memory_store.h"

#include <algorithm>
#include <utility>

#include "store/memory/memory_disk.h"

namespace hearth::store {

Recovery MemoryDisk::State::recover() {
  const MutexLock lock(mutex_);
  ++rows_.controller_epoch;
  Recovery recovery{.controller_epoch = rows_.controller_epoch,
                    .last_seq = rows_.last_seq,
                    .last_job_id = rows_.last_job_id,
                    .jobs = {},
                    .agents = {}};
  for (const auto& [id, row] : rows_.jobs) {
    if (!is_final(row.record.state)) {
      recovery.jobs.push_back({.record = row.record,
                               .spec = row.payload->spec,
                               .idempotency_key = row.idempotency_key});
    }
  }
  for (const auto& [id, agent] : rows_.agents) {
    recovery.agents.push_back(agent);
  }
  return recovery;
}

std::optional<MemoryDisk::Fault> MemoryDisk::State::next_fault() {
  if (full_) {
    return Fault::NotDone;
  }
  if (fault_ && fault_skip_ == 0) {
    return std::exchange(fault_, std::nullopt);
  }
  if (fault_) {
    --fault_skip_;
  }
  return std::nullopt;
}

AppendOutcome MemoryDisk::State::append(const MergedChanges& changes, bool& broken) {
  const MutexLock lock(mutex_);
  const std::optional<Fault> fault = next_fault();
  if (fault == Fault::NotDone) {
    return {.status = AppendStatus::NotDone,
            .error = unavailable("append: injected: the memory disk is full")};
  }
  broken = fault.has_value();
  if (fault == Fault::FatalLost) {
    return {.status = AppendStatus::Fatal,
            .error = internal_error("append: injected: the batch is lost")};
  }
  if (Result<> checked = rows_.check(changes); !checked) {
    broken = true;
    return {.status = AppendStatus::Fatal, .error = std::move(checked).error()};
  }
  rows_.apply(changes);
  if (fault == Fault::FatalCommitted) {
    return {.status = AppendStatus::Fatal,
            .error = internal_error("append: injected: the outcome is unknown")};
  }
  ++appends_;
  return {};
}

RemoveOutcome MemoryDisk::State::remove(const Removal& removal, bool& broken) {
  const MutexLock lock(mutex_);
  const std::optional<Fault> fault = next_fault();
  if (fault == Fault::NotDone) {
    return {.outcome = {.status = AppendStatus::NotDone,
                        .error = unavailable("remove: injected: the memory disk is full")},
            .jobs = {}};
  }
  Result<> checked = rows_.check(removal);
  broken = fault.has_value() || !checked;
  if (checked && fault == Fault::FatalCommitted) {
    rows_.apply(removal);
  }
  if (broken) {
    Error error = checked ? internal_error("remove: injected: the outcome is unknown")
                          : std::move(checked).error();
    return {.outcome = {.status = AppendStatus::Fatal, .error = std::move(error)}, .jobs = {}};
  }
  return {.outcome = {}, .jobs = rows_.apply(removal)};
}

AppendOutcome MemoryDisk::State::write_tokens(const auth::TokenChanges& changes, bool& broken) {
  const MutexLock lock(mutex_);
  const std::optional<Fault> fault = next_fault();
  if (fault == Fault::NotDone) {
    return {.status = AppendStatus::NotDone,
            .error = unavailable("write tokens: injected: the memory disk is full")};
  }
  broken = fault.has_value();
  if (fault != Fault::FatalLost) {
    for (const auth::TokenId& id : changes.erase) {
      rows_.tokens.erase(id);
    }
    for (const auth::TokenRecord& token : changes.put) {
      rows_.tokens[token.id] = token;
    }
  }
  if (broken) {
    return {.status = AppendStatus::Fatal,
            .error = internal_error("write tokens: injected: the outcome is unknown")};
  }
  return {};
}

void MemoryDisk::State::inject(Fault fault, std::uint64_t skip) {
  const MutexLock lock(mutex_);
  fault_ = fault;
  fault_skip_ = skip;
}

void MemoryDisk::State::set_full(bool full) {
  const MutexLock lock(mutex_);
  full_ = full;
}

std::uint64_t MemoryDisk::State::appends() {
  const MutexLock lock(mutex_);
  return appends_;
}

Result<> MemoryRows::check(const MergedChanges& changes) const {
  if (!changes.events.empty() && changes.events.front()->seq <= last_seq) {
    return internal_error("append: event " + std::to_string(changes.events.front()->seq.value()) +
                          " is stored already");
  }
  for (const MergedJob& job : changes.jobs) {
    if (jobs.contains(job.id) == (job.created != nullptr)) {
      return internal_error("append: job " + to_string(job.id) +
                            (job.created != nullptr ? " is stored already" : " is not stored"));
    }
    if (job.created != nullptr && !job.created->idempotency_key.empty() &&
        keys.contains(job.created->idempotency_key)) {
      return internal_error("append: the idempotency key of job " + to_string(job.id) +
                            " is another job's");
    }
  }
  const auto known = [&](JobId id) {
    return jobs.contains(id) || std::ranges::binary_search(changes.jobs, id, {}, &MergedJob::id);
  };
  for (const AttemptChange* attempt : changes.attempts) {
    if (!known(attempt->job)) {
      return internal_error("append: an attempt of job " + to_string(attempt->job) +
                            ", which is not stored");
    }
  }
  return {};
}

void MemoryRows::apply(const MergedChanges& changes) {
  for (const MergedJob& job : changes.jobs) {
    Job& row = jobs[job.id];
    if (job.created != nullptr) {
      row.queue = job.created->queue;
      row.idempotency_key = job.created->idempotency_key;
      row.payload = job.created->payload;
      if (!job.created->after_in_batch.empty()) {
        auto payload = *job.created->payload;
        payload.spec = stored_spec(*job.created);
        row.payload = std::make_shared<const JobPayload>(std::move(payload));
      }
      row.secrets = job.created->payload->secrets;
      if (!row.idempotency_key.empty()) {
        keys[row.idempotency_key] = job.id;
      }
      last_job_id = std::max(last_job_id, job.id);
    }
    row.record = *job.record;
    if (is_final(row.record.state)) {
      row.secrets.clear();
    }
  }
  for (const JobEvent* event : changes.events) {
    events[event->seq] = *event;
    jobs[event->after.id].events.push_back(event->seq);
    last_seq = event->seq;
  }
  for (const AttemptChange* attempt : changes.attempts) {
    jobs[attempt->job].attempts[attempt->attempt.number] = attempt->attempt;
  }
  for (const AgentRecord* agent : changes.agents) {
    agents[agent->info.id] = *agent;
  }
  for (const InlineOutput* output : changes.outputs) {
    outputs[{output->job, output->attempt, output->stream}] = output->bytes;
  }
  for (const MergedJob& job : changes.jobs) {
    if (is_final(job.record->state)) {
      const JobEvent& end = *changes.events.at(job.last_event);
      FinishedJob& made = finished[end.seq];
      made = {.seq = end.seq, .id = job.id, .ended_at = end.at};
      if (job.record->has_callback) {
        owed_callbacks.insert(job.id);
      }
      for (const auto& [number, attempt] : jobs[job.id].attempts) {
        made.output_bytes += kept_output_bytes(attempt);
      }
    }
  }
}

Result<> MemoryRows::check(const Removal& removal) const {
  for (const FinishedJob& job : removal.jobs) {
    const auto row = jobs.find(job.id);
    if (row != jobs.end() && !is_final(row->second.record.state)) {
      return internal_error("remove: job " + to_string(job.id) + " has not ended");
    }
  }
  return {};
}

std::vector<RemovedJob> MemoryRows::apply(const Removal& removal) {
  std::vector<RemovedJob> removed;
  for (const FinishedJob& job : removal.jobs) {
    finished.erase(job.seq);
    const auto row = jobs.find(job.id);
    if (row == jobs.end()) {
      continue;
    }
    removed.push_back({.id = job.id, .state = row->second.record.state});
    keys.erase(row->second.idempotency_key);
    outputs.erase(outputs.lower_bound({job.id, 0, StreamKind::Stdout}),
                  outputs.lower_bound({JobId(job.id.value() + 1), 0, StreamKind::Stdout}));
    owed_callbacks.erase(job.id);
    jobs.erase(row);
  }
  for (const JobId job : removal.callbacks) {
    owed_callbacks.erase(job);
  }
  events_removed = std::max(events_removed, removal.events_through);
  while (!events.empty() && events.begin()->first <= removal.events_through) {
    const JobEvent& event = events.begin()->second;
    if (const auto row = jobs.find(event.after.id); row != jobs.end()) {
      std::erase(row->second.events, event.seq);
    }
    events.erase(events.begin());
  }
  return removed;
}

namespace {

class MemoryTokenStore final : public TokenStore {
 public:
  explicit MemoryTokenStore(std::shared_ptr<MemoryDisk::State> state) : state_(std::move(state)) {}

  Result<std::vector<auth::TokenRecord>> load() override {
    return state_->with([](const MemoryRows& rows) {
      std::vector<auth::TokenRecord> tokens;
      for (const auto& [id, token] : rows.tokens) {
        tokens.push_back(token);
      }
      return tokens;
    });
  }
  AppendOutcome write(const auth::TokenChanges& changes) override {
    if (broken_) {
      return {.status = AppendStatus::Fatal,
              .error = internal_error("write tokens: this store failed before")};
    }
    return changes.empty() ? AppendOutcome{} : state_->write_tokens(changes, broken_);
  }

 private:
  std::shared_ptr<MemoryDisk::State> state_;
  bool broken_ = false;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryDisk::State> state) : state_(std::move(state)) {}

  Result<Recovery> recover() override { return state_->recover(); }

  AppendOutcome append(const std::vector<const ChangeSet*>& changes) override {
    if (broken_) {
      return {.status = AppendStatus::Fatal,
              .error = internal_error("append: this store failed before and must be opened again")};
    }
    Result<MergedChanges> merged = merge(changes);
    if (!merged) {
      broken_ = true;
      return {.status = AppendStatus::Fatal, .error = std::move(merged).error()};
    }
    return state_->append(*merged, broken_);
  }
  RemoveOutcome remove(const Removal& removal) override {
    if (broken_) {
      return {.outcome = {.status = AppendStatus::Fatal,
                          .error = internal_error("remove: this store failed before")},
              .jobs = {}};
    }
    return state_->remove(removal, broken_);
  }

  Result<std::unique_ptr<Reader>> reader() override { return open_memory_reader(state_); }
  Result<std::unique_ptr<TokenStore>> tokens() override {
    return std::unique_ptr<TokenStore>(std::make_unique<MemoryTokenStore>(state_));
  }

 private:
  std::shared_ptr<MemoryDisk::State> state_;
  bool broken_ = false;
};

}  // namespace

MemoryDisk::MemoryDisk() : state_(std::make_shared<State>()) {}
MemoryDisk::~MemoryDisk() = default;

void MemoryDisk::inject(Fault fault, std::uint64_t skip) {
  state_->inject(fault, skip);
}

void MemoryDisk::set_full(bool full) {
  state_->set_full(full);
}

std::uint64_t MemoryDisk::appends() const {
  return state_->appends();
}

std::unique_ptr<Store> open_memory_store(const std::shared_ptr<MemoryDisk>& disk) {
  return std::make_unique<MemoryStore>(disk->state());
}

}  // namespace hearth::store
