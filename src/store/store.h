// The durable truth. One writer thread appends; any thread may read through a Reader of its own.
//
// Implementations: sqlite/ (embedded default), memory/ (tests, simulator). All pass the contract
// suite in store/testing/store_contract.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "base/result.h"
#include "model/agent.h"
#include "model/change_set.h"
#include "model/job.h"
#include "model/retention.h"
#include "store/token_store.h"

namespace hearth::store {

// A job that has not ended, as recovery needs it. `spec` is JobPayload::spec.
struct LiveJobRow {
  JobRecord record;
  std::string spec;
  std::string idempotency_key;
};

struct Recovery {
  std::uint64_t controller_epoch = 0;  // already raised and durable
  EventSeq last_seq;
  JobId last_job_id;
  std::vector<LiveJobRow> jobs;
  std::vector<AgentRecord> agents;
};

// What an agent is sent: read in batches when attempts are assigned.
struct StoredPayload {
  JobId id;
  std::string spec;
  std::string secrets;
};

struct StoredJob {
  JobRecord record;
  std::string spec;
  std::vector<Attempt> attempts;
};

// All fields are filters that must hold together; empty ones do not filter. Newest first.
struct JobQuery {
  std::vector<JobState> states;
  std::map<std::string, std::string> labels;
  std::string queue;
  std::string name;
  std::optional<JobId> below;  // cursor: only ids below this one
  std::int64_t limit = limits::kListLimitDefault;
};

struct JobListRow {
  JobRecord record;
  std::string spec;
};

// Thread-compatible: one Reader per thread. Sees every append that was acknowledged before the
// call.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual Result<std::optional<StoredJob>> job(JobId id) = 0;
  virtual Result<std::vector<JobListRow>> list(const JobQuery& query) = 0;
  virtual Result<std::vector<StoredPayload>> payloads(const std::vector<JobId>& ids) = 0;
  // The jobs of those keys that are known.
  virtual Result<std::map<std::string, JobId>> find_idempotency_keys(
      const std::vector<std::string>& keys) = 0;
  virtual Result<std::map<JobId, JobState>> states(const std::vector<JobId>& ids) = 0;
  // Events after `after` in seq order, of one job or of all (job empty), at most `limit`.
  virtual Result<std::vector<JobEvent>> events(JobId job, EventSeq after, std::int64_t limit) = 0;
  // The oldest seq still kept or, when none is, the next to come: who has seen less than the one
  // before it has missed something.
  virtual Result<EventSeq> oldest_event() = 0;
  virtual Result<std::optional<std::string>> inline_output(JobId job, std::uint32_t attempt,
                                                           StreamKind stream) = 0;
  virtual Result<std::map<JobState, std::int64_t>> counts() = 0;
  // Jobs that have ended and whose callback is owed still (JobRecord::has_callback), above `after`,
  // in order, at most `limit`.
  virtual Result<std::vector<JobId>> owed_callbacks(JobId after, std::int64_t limit) = 0;
  // With at most so many of the oldest finished jobs and events.
  virtual Result<Past> past(std::int64_t jobs_max, std::int64_t events_max) = 0;
};

// What a store counts about itself since its start; zero where that means nothing.
struct StoreStats {
  std::uint64_t commits = 0;     // appends and removals that became durable
  std::uint64_t rows = 0;        // that they changed
  HistogramSnapshot checkpoint;  // moving the log into the database
  std::int64_t database_bytes = 0;
  std::int64_t log_bytes = 0;  // of the write-ahead log's file
};

struct RemovedJob {
  JobId id;
  JobState state = JobState::Completed;
};

struct RemoveOutcome {
  AppendOutcome outcome;
  std::vector<RemovedJob> jobs;  // durably gone
};

class Store {
 public:
  virtual ~Store() = default;
  // Raises the controller epoch durably and loads what is alive. Called once, before append.
  virtual Result<Recovery> recover() = 0;
  // One transaction; blocks until durable. The change sets are one turn's and its pipelined
  // followers'.
  virtual AppendOutcome append(const std::vector<const ChangeSet*>& changes) = 0;
  // One transaction, by the thread that appends: each job with all that hangs on it but its events,
  // and events by their own rule. Jobs that are not there are passed over; one that has not ended
  // is Fatal.
  virtual RemoveOutcome remove(const Removal& removal) = 0;
  virtual Result<std::unique_ptr<Reader>> reader() = 0;
  // Any thread.
  [[nodiscard]] virtual StoreStats stats() const { return {}; }
  // May be called from any thread; must not outlive the store.
  virtual Result<std::unique_ptr<TokenStore>> tokens() = 0;
};

}  // namespace hearth::store
