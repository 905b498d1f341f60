// Makes change sets as the core would, for tests and benchmarks of stores: jobs by name of what
// happens to them, with dense seqs and growing ids and times.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/change_set.h"

namespace hearth::store::testing {

struct JobTraits {
  std::string queue = "default";
  std::string name;
  Labels labels;
  std::string idempotency_key;
  std::string spec = "a spec";
  std::string secrets;
  std::vector<Dependency> after_in_batch;
  bool has_callback = false;
};

class ChangeBuilder {
 public:
  explicit ChangeBuilder(EventSeq last_seq = {}, JobId last_job = {},
                         TimePoint now = time_from_ms(1'700'000'000'000))
      : last_seq_(last_seq), last_job_(last_job), now_(now) {}

  JobId submit(const JobTraits& traits = {});  // Submitted, then Queued
  void assign(JobId job, const std::string& agent = "a1");
  void start(JobId job);
  void requeue(JobId job);
  void progress(JobId job, std::int32_t percent);
  void end(JobId job, JobState state = JobState::Completed);
  void output(JobId job, StreamKind stream, std::string bytes);
  // What the job's attempt will say at its end.
  void wrote(JobId job, std::int64_t stdout_bytes, std::int64_t stderr_bytes);
  void agent(const std::string& id, AgentStatus status = AgentStatus::Idle);

  // Forgets what has ended and was taken.
  void forget_ended();
  // What happened since the last take.
  ChangeSet take();

  // What the store must hold once everything taken is appended.
  [[nodiscard]] const std::map<JobId, JobRecord>& jobs() const { return jobs_; }
  [[nodiscard]] const JobRecord& job(JobId id) const { return jobs_.at(id); }
  [[nodiscard]] EventSeq last_seq() const { return last_seq_; }
  [[nodiscard]] JobId last_job() const { return last_job_; }
  [[nodiscard]] TimePoint now() const { return now_; }

 private:
  void event(JobEventKind kind, JobRecord& job);
  void attempt(const JobRecord& job);

  EventSeq last_seq_;
  JobId last_job_;
  TimePoint now_;
  std::map<JobId, JobRecord> jobs_;
  std::map<JobId, Attempt> attempts_;  // the latest of each
  std::map<JobId, std::pair<std::int64_t, std::int64_t>> wrote_;
  ChangeSet changes_;
};

}  // namespace hearth::store::testing
