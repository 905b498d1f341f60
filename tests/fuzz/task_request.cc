// The body of POST /tasks: what is taken is a sandboxed script within every limit that survives the
// wire; what is refused says why. The parameters of /tasks likewise.
#include "front/tasks/task_request.h"

#include <string>

#include "base/task_limits.h"
#include "front/tasks/task_query.h"
#include "fuzz.h"
#include "model/language.h"
#include "wire/job_codec.h"

namespace hearth::fuzz {
namespace {

// Some are admitted, most are not.
const callbacks::CallbackPolicy& policy() {
  static const callbacks::CallbackPolicy parsed =
      callbacks::CallbackPolicy::parse("hooks.example,*.wild.example:*,http://10.0.0.1/in/")
          .value();
  return parsed;
}

bool at_most(std::size_t value, std::int64_t limit) {
  return static_cast<std::int64_t>(value) <= limit;
}

void check_task(const JobSpec& spec) {
  const ExecutionSpec& run = spec.execution;
  HEARTH_CHECK(run.script && run.command.empty(), "a task is a script");
  HEARTH_CHECK(
      !run.script->code.empty() && at_most(run.script->code.size(), limits::kScriptCodeBytesMax),
      "script_code_bytes_max");
  HEARTH_CHECK(is_valid_language(run.script->language) &&
                   canonical_language(run.script->language) == run.script->language,
               "a language has one name");
  HEARTH_CHECK(at_most(spec.prompt.size(), limits::kPromptBytesMax), "prompt_bytes_max");
  HEARTH_CHECK(run.timeout >= Duration(1) && run.timeout <= limits::kTimeoutMax, "timeout_max");
  HEARTH_CHECK(at_most(run.stdin_bytes.size(), limits::kStdinBytesMax), "stdin_bytes_max");
  if (!spec.callback_url.empty()) {
    const auto url = callbacks::parse_callback_url(spec.callback_url);
    HEARTH_CHECK(url && policy().admits(*url), "a callback to whom the operator did not list");
    const auto again = callbacks::parse_callback_url(url->origin() + url->target);
    HEARTH_CHECK(again && *again == *url, "a URL reads otherwise once it is written");
  }
  HEARTH_CHECK(spec.scheduling.sandbox == SandboxLevel::Process, "a task without a sandbox");
  HEARTH_CHECK(spec.scheduling.features == features_of(run), "an agent must offer what it needs");
  const auto decoded = wire::decode_job_spec(wire::encode_job_spec(spec));
  HEARTH_CHECK(decoded && *decoded == spec, "a task changes on the wire");
}

void check_query(std::string_view text) {
  const auto query = net::parse_query(text);
  if (!query) {
    return;
  }
  if (const auto wait = tasks::read_wait(*query); !wait) {
    check_says_why(wait.error());
  } else if (*wait) {
    HEARTH_CHECK(**wait >= 1 && **wait <= static_cast<std::uint64_t>(limits::kTaskWaitSecondsMax),
                 "task_wait_seconds_max");
  }
  if (const auto list = tasks::read_list(*query); !list) {
    check_says_why(list.error());
  } else {
    HEARTH_CHECK(list->limit >= 1 && list->limit <= limits::kListLimitMax, "list_limit_max");
  }
}

}  // namespace

bool run(std::string_view input) {
  const auto request = tasks::parse_task_request(input, policy());
  if (!request) {
    check_says_why(request.error());
  } else {
    HEARTH_CHECK(
        !request->tasks.empty() && at_most(request->tasks.size(), limits::kTaskBatchItemsMax),
        "task_batch_items_max");
    HEARTH_CHECK(request->is_batch || request->tasks.size() == 1, "one task is one");
    for (const Result<JobSpec>& task : request->tasks) {
      if (task) {
        check_task(*task);
      } else {
        check_says_why(task.error());
      }
    }
  }
  check_query(input);
  return true;
}

}  // namespace hearth::fuzz
