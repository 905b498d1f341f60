#include "front/tasks/task_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <boost/json/value.hpp>

#include "base/task_limits.h"
#include "front/http/json_fields.h"
#include "front/http/script_fields.h"
#include "model/language.h"
#include "net/json_reader.h"

namespace hearth::tasks {

namespace json = boost::json;

namespace {

using front::FieldPath;

constexpr double kMsPerSecond = 1'000;
constexpr std::string_view kCallbackField = "callbackUrl";

Result<> read_code_field(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(spec.execution.script->code, front::read_code(value, path));
  return {};
}

Result<> read_language_field(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(spec.execution.script->language, front::read_language(value, path));
  return {};
}

Result<> read_args_field(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(spec.execution.script->args, front::read_arguments(value, path));
  return {};
}

Result<> read_prompt(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(spec.prompt, front::read_text(value, path,
                                              {limits::kPromptBytesMax, "prompt_bytes_max",
                                               /*may_be_empty=*/true, /*may_hold_nul=*/true}));
  return {};
}

// Seconds, to the millisecond.
Result<> read_timeout(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(
      const double seconds,
      front::read_number(value, path, 1 / kMsPerSecond,
                         static_cast<double>(limits::kTimeoutMax.count()) / kMsPerSecond));
  spec.execution.timeout = Duration(std::llround(seconds * kMsPerSecond));
  return {};
}

Result<> read_stdin(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(spec.execution.stdin_bytes,
                front::read_text(value, path,
                                 {limits::kStdinBytesMax, "stdin_bytes_max", /*may_be_empty=*/true,
                                  /*may_hold_nul=*/true}));
  return {};
}

Result<> read_env(const json::value& value, const FieldPath& path, JobSpec& spec) {
  std::int64_t bytes = 0;
  HEARTH_ASSIGN(spec.execution.env, front::read_environment(value, path, bytes));
  return {};
}

Result<> read_callback_url(const json::value& value, const FieldPath& path, JobSpec& spec) {
  HEARTH_ASSIGN(
      std::string text,
      front::read_text(value, path, {limits::kCallbackUrlBytesMax, "callback_url_bytes_max"}));
  if (const auto url = callbacks::parse_callback_url(text); !url) {
    return invalid_field(path, path + " " + url.error().message);
  }
  spec.callback_url = std::move(text);
  return {};
}

struct Field {
  std::string_view name;
  Result<> (*read)(const json::value&, const FieldPath&, JobSpec&);
};

constexpr auto kFields = std::to_array<Field>({
    {"code", read_code_field},
    {"prompt", read_prompt},
    {"timeout", read_timeout},
    {"language", read_language_field},
    {"args", read_args_field},
    {"stdin", read_stdin},
    {"env", read_env},
    {kCallbackField, read_callback_url},
});

}  // namespace

Result<JobSpec> read_task(const json::value& value, const callbacks::CallbackPolicy& policy) {
  const json::object* object = value.if_object();
  if (object == nullptr) {
    return Error{.code = ErrorCode::InvalidArgument,
                 .message = "a task must be a JSON object such as {\"code\": \"console.log(2+2)\"}",
                 .kind = "invalid_json"};
  }
  JobSpec spec;
  spec.execution.script =
      ScriptSpec{.language = std::string(kDefaultLanguage), .code = {}, .args = {}};
  spec.execution.timeout = limits::kTaskTimeoutDefault;
  spec.execution.grace = Duration(0);
  spec.scheduling.sandbox = SandboxLevel::Process;
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    const auto* const field = std::ranges::find(kFields, name, &Field::name);
    if (field == kFields.end()) {
      return front::unknown_field(std::string(name));
    }
    HEARTH_TRY(field->read(member.value(), std::string(name), spec));
  }
  if (!object->contains("code")) {
    return invalid_field("code", "a task must have 'code', the text of the program to run");
  }
  if (!spec.callback_url.empty()) {
    HEARTH_ASSIGN(const callbacks::CallbackUrl url,
                  callbacks::parse_callback_url(spec.callback_url));
    if (const Result<> admitted = policy.admits(url); !admitted) {
      return invalid_field(std::string(kCallbackField),
                           std::string(kCallbackField) + ": " + admitted.error().message);
    }
  }
  spec.scheduling.features = features_of(spec.execution);
  return spec;
}

Result<TaskRequest> parse_task_request(std::string_view text,
                                       const callbacks::CallbackPolicy& policy) {
  HEARTH_ASSIGN(const json::value value, net::parse_json(text));
  TaskRequest request;
  const json::array* array = value.if_array();
  if (array == nullptr) {
    HEARTH_ASSIGN(JobSpec spec, read_task(value, policy));
    request.tasks.emplace_back(std::move(spec));
    return request;
  }
  request.is_batch = true;
  if (array->empty()) {
    return Error{.code = ErrorCode::InvalidArgument,
                 .message = "an array of tasks must hold at least one",
                 .kind = "invalid_request"};
  }
  if (static_cast<std::int64_t>(array->size()) > limits::kTaskBatchItemsMax) {
    return limit_exceeded("task_batch_items_max", limits::kTaskBatchItemsMax,
                          "more than " + std::to_string(limits::kTaskBatchItemsMax) +
                              " tasks in one request; send them in parts");
  }
  for (const json::value& element : *array) {
    request.tasks.push_back(read_task(element, policy));
  }
  return request;
}

std::vector<std::string_view> task_fields() {
  std::vector<std::string_view> names;
  for (const Field& field : kFields) {
    names.push_back(field.name);
  }
  return names;
}

}  // namespace hearth::tasks
