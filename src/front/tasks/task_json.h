// Tasks and the agents that run them, as the clients of /tasks and /workers are shown them.
#pragma once

#include <string>

#include "api/controller_api.h"
#include "net/json_writer.h"

namespace hearth::tasks {

// What of a stream is shown.
struct ShownOutput {
  std::string bytes;
  bool truncated = false;  // there is more than that
};

// The beginning of the output of a task's latest attempt, as far as it is there.
Result<ShownOutput> read_output(api::ControllerApi& api, const JobRecord& job, StreamKind stream);

// The whole task, reading its output. NotFound for a job that is no task.
Result<std::string> task_json(api::ControllerApi& api, const JobView& job);
// Without what may be large: code and output.
void write_task_line(net::JsonWriter& json, const JobView& job);

void write_worker(net::JsonWriter& json, const AgentView& agent);

}  // namespace hearth::tasks
