// What one decided turn asks the store to make durable, in one transaction: the core fills it, a
// store persists it, nothing in between interprets it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/agent.h"
#include "model/job.h"

namespace hearth {

// The serialized JobSpec (wire/job_codec.h) passes through the core untouched: it lives in the
// store, never in the core's memory. `secrets` is erased from the store when the job ends.
struct JobPayload {
  std::string spec;
  std::string secrets;
  std::string name;
  Labels labels;
  std::string upload;  // the one that it names, if any
  bool has_callback = false;
};

struct NewJob {
  JobId id;
  std::string queue;
  std::string idempotency_key;  // empty: none; unique among all jobs kept
  JobId retry_of;
  std::shared_ptr<const JobPayload> payload;
  // What the item's after_refs turned into. The payload was serialized before these ids existed, so
  // a store keeps them beside it and gives them back in the spec's `after`: else a restart would
  // lose the edges of a batch.
  std::vector<Dependency> after_in_batch;
};

struct AttemptChange {
  JobId job;
  Attempt attempt;
};

// Small output, stored in the transaction that ends its attempt. At most kOutputInlineBytesMax
// each.
struct InlineOutput {
  JobId job;
  std::uint32_t attempt = 0;
  StreamKind stream = StreamKind::Stdout;
  std::string bytes;
};

// `events` is in seq order; the `after` of a job's last event is its new row.
struct ChangeSet {
  std::vector<NewJob> new_jobs;
  std::vector<JobEvent> events;
  std::vector<AttemptChange> attempts;
  std::vector<AgentRecord> agents;
  std::vector<InlineOutput> outputs;

  [[nodiscard]] bool empty() const {
    return new_jobs.empty() && events.empty() && attempts.empty() && agents.empty() &&
           outputs.empty();
  }
};

}  // namespace hearth
