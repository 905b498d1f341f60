// The change sets of one append as one dense batch: a job that went through five events in it is
// one row to write. Shared by the stores, so that they agree on what a batch means.
//
// Points into the change sets it was made from; they must outlive it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/change_set.h"

namespace hearth::store {

struct MergedJob {
  JobId id;
  const NewJob* created = nullptr;  // null: the job is stored already
  const JobRecord* record = nullptr;
  std::size_t last_event = 0;  // index in MergedChanges::events; `record` is its `after`
};

struct MergedChanges {
  std::vector<MergedJob> jobs;                 // by id
  std::vector<const JobEvent*> events;         // by seq
  std::vector<const AttemptChange*> attempts;  // the last of each, by job and number
  std::vector<const AgentRecord*> agents;      // the last of each, by id
  std::vector<const InlineOutput*> outputs;

  [[nodiscard]] bool empty() const {
    return events.empty() && attempts.empty() && agents.empty() && outputs.empty();
  }
};

// The spec as it is kept: what the client gave and the edges that its batch turned into.
std::string stored_spec(const NewJob& job);

// Fails with Internal on what the core never makes: events out of order or of job 0, a new job
// without an event, the same new job twice.
Result<MergedChanges> merge(const std::vector<const ChangeSet*>& changes);

}  // namespace hearth::store
