// The core and the agents speak of jobs and of the fields that POST /v1/jobs has. What of that
// clients of /tasks read is told in words of tasks. Pure.
#pragma once

#include <string>

#include "api/controller_api.h"
#include "base/error.h"

namespace hearth::tasks {

// A refusal of what POST /tasks asked for.
Error in_words_of_tasks(Error error);

// Why the task did not complete, in a sentence; empty while it has not ended and when it did.
std::string failure_of(const JobView& job);

}  // namespace hearth::tasks
