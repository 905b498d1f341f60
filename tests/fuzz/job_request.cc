// The body of a job: what is taken is within every limit, survives the wire, and is the same job
// when what a client is shown of it is submitted again.
#include "front/rest/job_request.h"

#include <algorithm>
#include <string>

#include <boost/json/serialize.hpp>

#include "base/task_limits.h"
#include "front/rest/job_json.h"
#include "front/rest/token_json.h"
#include "fuzz.h"
#include "model/language.h"
#include "net/json_reader.h"
#include "wire/job_codec.h"

namespace hearth::fuzz {
namespace {

using rest::JobRequest;
using rest::RequestKind;

bool at_most(std::size_t value, std::int64_t limit) {
  return static_cast<std::int64_t>(value) <= limit;
}

void check_error(const Error& error, std::string_view text) {
  check_says_why(error);
  const bool has_empty_name = text.find("\"\"") != std::string_view::npos;
  HEARTH_CHECK(!error.field.empty() || !error.limit.empty() || error.kind == "invalid_json" ||
                   has_empty_name,
               "an error names neither a field nor a limit");
}

std::size_t bytes_of(const std::map<std::string, std::string>& map) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : map) {
    bytes += name.size() + value.size() + 2;
  }
  return bytes;
}

void check_bounds(const JobRequest& request) {
  const ExecutionSpec& run = request.spec.execution;
  const SchedulingSpec& plan = request.spec.scheduling;
  std::size_t command = 0;
  for (const std::string& argument : run.command) {
    HEARTH_CHECK(argument.find('\0') == std::string::npos, "a NUL in the command");
    command += argument.size() + 1;
  }
  HEARTH_CHECK(run.command.empty() == run.script.has_value(), "one of command and script");
  HEARTH_CHECK(run.script || !run.command.front().empty(), "no program to run");
  HEARTH_CHECK(at_most(command, limits::kCommandBytesMax), "command_bytes_max");
  HEARTH_CHECK(at_most(bytes_of(run.env) + bytes_of(run.secret_env), limits::kEnvironmentBytesMax),
               "environment_bytes_max");
  HEARTH_CHECK(at_most(run.stdin_bytes.size(), limits::kStdinBytesMax), "stdin_bytes_max");
  HEARTH_CHECK(at_most(run.cwd.size(), limits::kCwdBytesMax), "cwd_bytes_max");
  HEARTH_CHECK(at_most(request.spec.name.size(), limits::kNameBytesMax), "name_bytes_max");
  HEARTH_CHECK(at_most(request.spec.labels.size(), limits::kLabelsMax), "labels_max");
  HEARTH_CHECK(at_most(plan.requires_labels.size(), limits::kLabelsMax), "labels_max");
  HEARTH_CHECK(at_most(plan.request.named.size(), limits::kNamedResourcesMax), "resources");
  HEARTH_CHECK(at_most(plan.after.size() + request.after_refs.size(), limits::kDependenciesMax),
               "dependencies_max");
  HEARTH_CHECK(plan.request.cpu_milli >= 1 && plan.request.cpu_milli <= limits::kCpuMilliMax,
               "cpu_milli_max");
  HEARTH_CHECK(
      plan.request.memory_bytes >= 1 && plan.request.memory_bytes <= limits::kMemoryBytesMax,
      "memory_bytes_max");
  HEARTH_CHECK(run.timeout >= Duration(1) && run.timeout <= limits::kTimeoutMax, "timeout_max");
  HEARTH_CHECK(run.grace >= Duration(0) && run.grace <= limits::kGraceMax, "grace_max");
  HEARTH_CHECK(plan.backoff.initial <= plan.backoff.max, "back-off goes down");
  HEARTH_CHECK(std::is_sorted(plan.request.named.begin(), plan.request.named.end()),
               "named resources are in order");
  if (request.array) {
    HEARTH_CHECK(request.array->to - request.array->from < limits::kArraySizeMax, "array_size_max");
  }
}

void check_script(const JobSpec& spec) {
  const ExecutionSpec& run = spec.execution;
  HEARTH_CHECK(run.image.empty() == (spec.scheduling.sandbox != SandboxLevel::Image),
               "an image and its sandbox");
  HEARTH_CHECK(run.image.empty() || is_valid_image_name(run.image), "an image's name");
  HEARTH_CHECK(spec.scheduling.features == features_of(run), "an agent must offer what it needs");
  if (!run.script) {
    return;
  }
  HEARTH_CHECK(spec.scheduling.sandbox != SandboxLevel::None, "a script without a sandbox");
  HEARTH_CHECK(is_valid_language(run.script->language), "a language's name");
  HEARTH_CHECK(canonical_language(run.script->language) == run.script->language,
               "a language has one name");
  HEARTH_CHECK(!run.script->code.empty(), "no code to run");
  HEARTH_CHECK(at_most(run.script->code.size(), limits::kScriptCodeBytesMax),
               "script_code_bytes_max");
  std::size_t arguments = 0;
  for (const std::string& argument : run.script->args) {
    HEARTH_CHECK(argument.find('\0') == std::string::npos, "a NUL in an argument");
    arguments += argument.size() + 1;
  }
  HEARTH_CHECK(at_most(arguments, limits::kCommandBytesMax), "command_bytes_max");
}

JobSpec without_secrets(JobSpec spec) {
  spec.execution.has_secrets = spec.execution.has_secrets || !spec.execution.secret_env.empty();
  spec.execution.secret_env.clear();
  return spec;
}

void check_wire(const JobSpec& spec) {
  const auto decoded = wire::decode_job_spec(wire::encode_job_spec(spec));
  HEARTH_CHECK(decoded && *decoded == without_secrets(spec), "a job changes on the wire");
  const auto secrets = wire::decode_secrets(wire::encode_secrets(spec.execution.secret_env));
  HEARTH_CHECK(secrets && *secrets == spec.execution.secret_env, "secrets change on the wire");
}

// Of the answer, the members that a request may have.
void check_submitted_again(const JobSpec& spec) {
  const std::string shown =
      rest::job_json(JobView{.record = {.id = JobId(1)}, .spec = spec, .attempts = {}});
  const auto answer = net::parse_json(shown);
  HEARTH_CHECK(answer.has_value(), "a job is shown as broken JSON");
  boost::json::object again;
  for (const std::string_view field : rest::job_request_fields()) {
    const auto* value = answer->as_object().if_contains(field);
    if (value != nullptr && !value->is_null()) {
      again[field] = *value;
    }
  }
  const auto request = rest::parse_job_request(boost::json::serialize(again), RequestKind::Single);
  HEARTH_CHECK(request.has_value(), "what is shown of a job cannot be submitted");
  JobSpec expected = without_secrets(spec);
  expected.execution.has_secrets = false;  // nobody is shown them
  HEARTH_CHECK(request->spec == expected, "what is shown of a job is another job");
}

void check_job(std::string_view text, RequestKind kind) {
  auto request = rest::parse_job_request(text, kind);
  if (!request) {
    check_error(request.error(), text);
    return;
  }
  check_bounds(*request);
  check_script(request->spec);
  check_wire(request->spec);
  if (!request->array && request->after_refs.empty()) {
    check_submitted_again(request->spec);
  }
  if (request->array) {
    const auto count = static_cast<std::size_t>(request->array->to - request->array->from + 1);
    if (count <= 8) {
      HEARTH_CHECK(rest::expand_array(std::move(*request)).size() == count, "an array's size");
    }
  }
}

void check_token(std::string_view text) {
  const auto token = rest::parse_new_token(text, time_from_ms(1'700'000'000'000));
  if (!token) {
    check_says_why(token.error());
  } else {
    HEARTH_CHECK(at_most(token->name.size(), limits::kNameBytesMax), "name_bytes_max");
    HEARTH_CHECK(token->uses_max >= 1 && token->uses_max <= limits::kJoinUsesMax, "join_uses_max");
  }
  if (const auto session = rest::parse_session_request(text); !session) {
    check_says_why(session.error());
  }
}

}  // namespace

bool run(std::string_view input) {
  check_job(input, RequestKind::Single);
  check_job(input, RequestKind::BatchItem);
  check_token(input);
  return true;
}

}  // namespace hearth::fuzz
