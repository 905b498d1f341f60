#include "front/rest/job_request_parts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rfc3339.h"
#include "base/task_limits.h"
#include "base/upload_limits.h"
#include "front/http/script_fields.h"
#include "model/language.h"
#include "model/relative_path.h"

namespace hearth::rest {

namespace json = boost::json;

namespace {

// Thousandths of a core, at least one.
Result<std::int64_t> read_cpu(const json::value& value, const FieldPath& path) {
  HEARTH_ASSIGN(const double cores,
                read_number(value, path, 0.001, static_cast<double>(limits::kCpuMilliMax) / 1000));
  return static_cast<std::int64_t>(std::llround(cores * 1000));
}

Result<> add_dependency(const std::string& id, DependencyCondition condition, const FieldPath& path,
                        Reading& reading) {
  if (id.front() == '@') {
    if (reading.kind != RequestKind::BatchItem) {
      return invalid_field(path, path + ": a reference such as " + id.substr(0, 80) +
                                     " has a meaning only inside a batch");
    }
    reading.request.after_refs.push_back(
        {.ref = id.substr(1), .condition = condition, .field = path});
    return {};
  }
  const auto job = parse_job_id(id);
  if (!job) {
    return invalid_field(path, path + ": '" + id.substr(0, 80) + "' is not the id of a job");
  }
  reading.request.spec.scheduling.after.push_back({.job = *job, .condition = condition});
  return {};
}

}  // namespace

Result<> read_command(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::array* array, read_array(value, path));
  if (array->empty()) {
    return invalid_field(path, path + " must hold at least the program to run");
  }
  std::int64_t bytes = 0;
  std::vector<std::string>& command = reading.request.spec.execution.command;
  for (const json::value& element : *array) {
    const FieldPath where = path + "[" + std::to_string(command.size()) + "]";
    HEARTH_ASSIGN(std::string argument, read_text(element, where,
                                                  {limits::kCommandBytesMax, "command_bytes_max",
                                                   /*may_be_empty=*/!command.empty()}));
    bytes += static_cast<std::int64_t>(argument.size()) + 1;
    if (bytes > limits::kCommandBytesMax) {
      return field_too_large(path, "command_bytes_max", limits::kCommandBytesMax, "bytes");
    }
    command.push_back(std::move(argument));
  }
  return {};
}

Result<> read_resources(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  if (static_cast<std::int64_t>(object->size()) > limits::kNamedResourcesMax) {
    return field_too_large(path, "named_resources_max", limits::kNamedResourcesMax, "resources");
  }
  auto& named = reading.request.spec.scheduling.request.named;
  for (const auto& member : *object) {
    const std::string name(member.key());
    const FieldPath where = path + "." + name.substr(0, 100);
    if (!is_valid_name_id(name)) {
      return invalid_field(where, "a resource's name must be 1 to 64 of A-Z a-z 0-9 _ -");
    }
    HEARTH_ASSIGN(const std::int64_t amount,
                  read_integer(member.value(), where, 1, limits::kNamedAmountMax));
    named.emplace_back(name, amount);
  }
  std::sort(named.begin(), named.end());
  return {};
}

Result<> read_backoff(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  Backoff& backoff = reading.request.spec.scheduling.backoff;
  for (const auto& member : *object) {
    const FieldPath where = path + "." + std::string(member.key());
    if (member.key() == "initialMs") {
      HEARTH_ASSIGN(backoff.initial,
                    read_milliseconds(member.value(), where, Duration(0), limits::kTimeoutMax));
    } else if (member.key() == "factor") {
      HEARTH_ASSIGN(backoff.factor, read_number(member.value(), where, 1, 100));
    } else if (member.key() == "maxMs") {
      HEARTH_ASSIGN(backoff.max,
                    read_milliseconds(member.value(), where, Duration(0), limits::kTimeoutMax));
    } else {
      return unknown_field(where);
    }
  }
  if (backoff.max < backoff.initial) {
    return invalid_field(path + ".maxMs", path + ".maxMs must not be below " + path + ".initialMs");
  }
  return {};
}

Result<> read_retry_on(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  RetryOn& retry_on = reading.request.spec.scheduling.retry_on;
  for (const auto& member : *object) {
    const FieldPath where = path + "." + std::string(member.key());
    const bool codes = member.key() == "exitCodes";
    if (!codes && member.key() != "reasons") {
      return unknown_field(where);
    }
    HEARTH_ASSIGN(const json::array* array, read_array(member.value(), where));
    if (array->size() > 256) {
      return invalid_field(where, where + " must hold at most 256 entries");
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
      const FieldPath at = where + "[" + std::to_string(i) + "]";
      if (codes) {
        HEARTH_ASSIGN(const std::int64_t code, read_integer((*array)[i], at, 0, 255));
        retry_on.exit_codes.push_back(static_cast<std::int32_t>(code));
        continue;
      }
      HEARTH_ASSIGN(const std::string text, read_text((*array)[i], at, kNameRule));
      const auto reason = parse_reason(text);
      if (!reason || *reason == Reason::None) {
        return invalid_field(at, at + ": there is no reason '" + text + "'");
      }
      retry_on.reasons.push_back(*reason);
    }
  }
  return {};
}

Result<> read_after(const json::value& value, const FieldPath& path, Reading& reading) {
  static constexpr std::array<DependencyCondition, 3> kConditions = {
      DependencyCondition::Ok, DependencyCondition::Any, DependencyCondition::NotOk};
  HEARTH_ASSIGN(const json::array* array, read_array(value, path));
  if (static_cast<std::int64_t>(array->size()) > limits::kDependenciesMax) {
    return field_too_large(path, "dependencies_max", limits::kDependenciesMax, "dependencies");
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const json::value& element = (*array)[i];
    const FieldPath where = path + "[" + std::to_string(i) + "]";
    if (element.is_string()) {
      HEARTH_ASSIGN(const std::string id, read_text(element, where, kNameRule));
      HEARTH_TRY(add_dependency(id, DependencyCondition::Ok, where, reading));
      continue;
    }
    HEARTH_ASSIGN(const json::object* object, read_object(element, where));
    std::string id;
    DependencyCondition condition = DependencyCondition::Ok;
    for (const auto& member : *object) {
      const FieldPath at = where + "." + std::string(member.key());
      if (member.key() == "id") {
        HEARTH_ASSIGN(id, read_text(member.value(), at, kNameRule));
      } else if (member.key() == "on") {
        HEARTH_ASSIGN(const std::size_t index,
                      read_word(member.value(), at, {"ok", "any", "notok"}));
        condition = kConditions.at(index);
      } else {
        return unknown_field(at);
      }
    }
    if (id.empty()) {
      return invalid_field(where + ".id", where + " must name a job with 'id'");
    }
    HEARTH_TRY(add_dependency(id, condition, where, reading));
  }
  return {};
}

Result<> read_range(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
  for (const auto& member : *object) {
    const FieldPath where = path + "." + std::string(member.key());
    if (member.key() != "from" && member.key() != "to") {
      return unknown_field(where);
    }
    HEARTH_ASSIGN(const std::int64_t number,
                  read_integer(member.value(), where, 0, limits::kArrayIndexMax));
    (member.key() == "from" ? from : to) = number;
  }
  if (!from || !to) {
    return invalid_field(path + (from ? ".to" : ".from"),
                         path + " must have 'from' and 'to'; both ends belong to it");
  }
  if (*to < *from) {
    return invalid_field(path + ".to", path + ".to must not be below " + path + ".from");
  }
  if (*to - *from >= limits::kArraySizeMax) {
    return field_too_large(path, "array_size_max", limits::kArraySizeMax, "elements");
  }
  reading.request.array = ArrayRange{.from = *from, .to = *to};
  return {};
}

Result<> read_not_before(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const std::string text, read_text(value, path, kNameRule));
  const auto time = parse_rfc3339(text);
  if (!time) {
    return invalid_field(path, path + " must be a time such as 2026-11-22T08:00:00Z, not '" +
                                   text.substr(0, 80) + "'");
  }
  reading.request.spec.scheduling.not_before = *time;
  return {};
}

Result<> read_idempotency_key(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(
      reading.request.spec.idempotency_key,
      read_text(value, path, {limits::kIdempotencyKeyBytesMax, "idempotency_key_bytes_max"}));
  return {};
}

Result<> read_sandbox(const json::value& value, const FieldPath& path, Reading& reading) {
  static constexpr std::array<SandboxLevel, 3> kLevels = {SandboxLevel::None, SandboxLevel::Process,
                                                          SandboxLevel::Image};
  HEARTH_ASSIGN(const std::size_t index, read_word(value, path, {"none", "process", "image"}));
  reading.request.spec.scheduling.sandbox = kLevels.at(index);
  reading.has_sandbox = true;
  return {};
}

Result<> read_script(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  ScriptSpec script;
  for (const auto& member : *object) {
    const FieldPath where = path + "." + std::string(member.key());
    if (member.key() == "language") {
      HEARTH_ASSIGN(script.language, front::read_language(member.value(), where));
    } else if (member.key() == "code") {
      HEARTH_ASSIGN(script.code, front::read_code(member.value(), where));
    } else if (member.key() == "args") {
      HEARTH_ASSIGN(script.args, front::read_arguments(member.value(), where));
    } else {
      return unknown_field(where);
    }
  }
  for (const char* needed : {"language", "code"}) {
    if (!object->contains(needed)) {
      const FieldPath where = path + "." + needed;
      return invalid_field(where, path + " must have '" + needed +
                                      "', such as {\"language\": \"js\", \"code\": \"…\"}");
    }
  }
  reading.request.spec.execution.script = std::move(script);
  return {};
}

Result<> read_image(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(std::string name,
                read_text(value, path, {limits::kImageNameBytesMax, "image_name_bytes_max"}));
  if (!is_valid_image_name(name)) {
    return invalid_field(path, path +
                                   " must be the name that agents give to an image, of A-Z a-z 0-9 "
                                   ". _ : @ - and no path; /v1/agents shows which there are");
  }
  reading.request.spec.execution.image = std::move(name);
  return {};
}

Result<> read_grace(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(reading.request.spec.execution.grace,
                read_milliseconds(value, path, Duration(0), limits::kGraceMax));
  reading.has_grace = true;
  return {};
}

Result<> read_upload(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(std::string id, read_text(value, path, kNameRule));
  if (!is_valid_name_id(id)) {
    return invalid_field(path, path + " must be the id that POST /v1/uploads answered with");
  }
  reading.request.spec.execution.upload = std::move(id);
  return {};
}

Result<> read_results(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const json::array* array, read_array(value, path));
  if (std::ssize(*array) > limits::kResultPathsMax) {
    return field_too_large(path, "result_paths_max", limits::kResultPathsMax, "paths");
  }
  for (const json::value& element : *array) {
    std::vector<std::string>& results = reading.request.spec.execution.results;
    const FieldPath where = path + "[" + std::to_string(results.size()) + "]";
    HEARTH_ASSIGN(
        std::string result,
        read_text(element, where, {limits::kResultPathBytesMax, "result_path_bytes_max"}));
    if (!is_path_below(result)) {
      return invalid_field(where, where +
                                      " must be the path of a file or a directory below the "
                                      "working directory, such as out/report.json: no '/' in front "
                                      "or behind, no '.', no '..', no pattern");
    }
    results.push_back(std::move(result));
  }
  return {};
}

Result<> read_required_cpu(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(reading.request.spec.scheduling.request.cpu_milli, read_cpu(value, path));
  return {};
}

Result<> read_cpu_limit(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(reading.request.spec.execution.cpu_limit_milli, read_cpu(value, path));
  reading.has_cpu_limit = true;
  return {};
}

Result<> read_cwd(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(reading.request.spec.execution.cwd,
                read_text(value, path, {limits::kCwdBytesMax, "cwd_bytes_max"}));
  return {};
}

Result<> read_stdin(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(reading.request.spec.execution.stdin_bytes,
                read_text(value, path,
                          {limits::kStdinBytesMax, "stdin_bytes_max", /*may_be_empty=*/true,
                           /*may_hold_nul=*/true}));
  return {};
}

Result<> read_on_infeasible(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const std::size_t index, read_word(value, path, {"wait", "reject"}));
  reading.request.spec.scheduling.on_infeasible =
      index == 0 ? OnInfeasible::Wait : OnInfeasible::Reject;
  return {};
}

Result<> read_on_output_limit(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const std::size_t index, read_word(value, path, {"truncate", "kill"}));
  reading.request.spec.execution.on_output_limit =
      index == 0 ? OnOutputLimit::Truncate : OnOutputLimit::Kill;
  return {};
}

}  // namespace hearth::rest
