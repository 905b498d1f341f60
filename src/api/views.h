// Rows of the store as clients are shown them. Internal to api/.
#pragma once

#include "base/result.h"
#include "model/job.h"
#include "store/store.h"

namespace hearth::api {

Result<JobView> to_view(store::StoredJob&& stored);
Result<JobView> to_view(store::JobListRow&& row);
// NotFound when there is no such job.
Result<JobView> read_view(store::Reader& reader, JobId job);
Error no_such_job(JobId job);

}  // namespace hearth::api
