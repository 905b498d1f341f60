// The rows a store would hold: change sets folded in, snapshots given back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/controller.h"

namespace hearth::core::testing {

class Rows {
 public:
  // The specs of the items of a Submit, in order: a real store decodes them from the payload.
  void remember_spec(JobId job, const SchedulingSpec& spec, std::int64_t payload_bytes);
  void fold(const ChangeSet& changes);

  [[nodiscard]] Snapshot snapshot(std::uint64_t controller_epoch) const;
  [[nodiscard]] const std::map<JobId, JobRecord>& jobs() const { return jobs_; }
  [[nodiscard]] const std::vector<JobEvent>& events() const { return events_; }
  [[nodiscard]] const std::map<std::pair<JobId, std::uint32_t>, Attempt>& attempts() const {
    return attempts_;
  }
  [[nodiscard]] const std::map<AgentId, AgentRecord>& agents() const { return agents_; }

 private:
  struct Extra {
    SchedulingSpec spec;
    std::int64_t payload_bytes = 0;
    std::string idempotency_key;
  };

  std::map<JobId, JobRecord> jobs_;
  std::map<JobId, Extra> extras_;
  std::vector<JobEvent> events_;
  std::map<std::pair<JobId, std::uint32_t>, Attempt> attempts_;
  std::map<AgentId, AgentRecord> agents_;
  EventSeq last_seq_;
};

}  // namespace hearth::core::testing
