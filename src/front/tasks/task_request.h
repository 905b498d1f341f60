// The body of POST /tasks as a job. Pure, and as strict as that of POST /v1/jobs: behind it every
// field has its type and is within its limit.
#pragma once

#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "callbacks/callback_policy.h"
#include "model/job_spec.h"

namespace hearth::tasks {

// One result for each task, in order; `is_batch` when they stood in an array.
struct TaskRequest {
  std::vector<Result<JobSpec>> tasks;
  bool is_batch = false;
};

// Fails when it can be read as neither a task nor an array of them. That of a single task fails as
// a whole, too. A callbackUrl is taken when `policy` admits it.
Result<TaskRequest> parse_task_request(std::string_view text,
                                       const callbacks::CallbackPolicy& policy);
Result<JobSpec> read_task(const boost::json::value& value, const callbacks::CallbackPolicy& policy);

// Every field a task may have, for the tests that hold the contract against it.
std::vector<std::string_view> task_fields();

}  // namespace hearth::tasks
