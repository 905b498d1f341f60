#include "api/views.h"

#include <optional>
#include <utility>

#include "wire/job_codec.h"

namespace hearth::api {

Result<JobView> to_view(store::StoredJob&& stored) {
  HEARTH_ASSIGN(JobSpec spec, wire::decode_job_spec(stored.spec));
  return JobView{.record = std::move(stored.record),
                 .spec = std::move(spec),
                 .attempts = std::move(stored.attempts)};
}

Result<JobView> to_view(store::JobListRow&& row) {
  HEARTH_ASSIGN(JobSpec spec, wire::decode_job_spec(row.spec));
  return JobView{.record = std::move(row.record), .spec = std::move(spec), .attempts = {}};
}

Result<JobView> read_view(store::Reader& reader, JobId job) {
  HEARTH_ASSIGN(std::optional<store::StoredJob> stored, reader.job(job));
  if (!stored) {
    return no_such_job(job);
  }
  return to_view(std::move(*stored));
}

Error no_such_job(JobId job) {
  return not_found("there is no job " + to_string(job) +
                   ": it never was, or it ended so long ago that its record was removed "
                   "(settings retention_age, retention_jobs, retention_output)");
}

}  // namespace hearth::api
