#include "front/rest/job_request.h"

#include <algorithm>
#include <array>
#include <limits>

#include "front/rest/job_request_parts.h"
#include "model/language.h"
#include "net/json_reader.h"

namespace hearth::rest {

namespace json = boost::json;

namespace {

using Read = Result<> (*)(const json::value&, const FieldPath&, Reading&);

struct Field {
  std::string_view name;
  Read read;
};

// The shapes most fields have, so that the table below says all there is to say of each.
template <auto Target>
Result<> text_field(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(Target(reading), read_text(value, path, kNameRule));
  return {};
}

template <auto Target, std::int64_t Min, std::int64_t Max, std::int64_t Factor = 1>
Result<> integer_field(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(const std::int64_t number, read_integer(value, path, Min, Max));
  using Member = std::remove_reference_t<decltype(Target(reading))>;
  Target(reading) = static_cast<Member>(number * Factor);
  return {};
}

template <auto Target, Duration::rep Min, Duration::rep Max>
Result<> duration_field(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(Target(reading), read_milliseconds(value, path, Duration(Min), Duration(Max)));
  return {};
}

template <auto Target>
Result<> labels_field(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(Target(reading), read_labels(value, path));
  return {};
}

template <auto Target>
Result<> environment_field(const json::value& value, const FieldPath& path, Reading& reading) {
  HEARTH_ASSIGN(Target(reading), read_environment(value, path, reading.environment_bytes));
  return {};
}

constexpr SchedulingSpec& scheduling(Reading& r) {
  return r.request.spec.scheduling;
}
constexpr ExecutionSpec& execution(Reading& r) {
  return r.request.spec.execution;
}

// Where the plain fields go.
constexpr auto kToName = [](Reading & r) -> auto& {
  return r.request.spec.name;
};
constexpr auto kToLabels = [](Reading & r) -> auto& {
  return r.request.spec.labels;
};
constexpr auto kToQueue = [](Reading & r) -> auto& {
  return scheduling(r).queue;
};
constexpr auto kToRequires = [](Reading & r) -> auto& {
  return scheduling(r).requires_labels;
};
constexpr auto kToMemory = [](Reading & r) -> auto& {
  return scheduling(r).request.memory_bytes;
};
constexpr auto kToGpus = [](Reading & r) -> auto& {
  return scheduling(r).request.gpus;
};
constexpr auto kToPriority = [](Reading & r) -> auto& {
  return scheduling(r).priority;
};
constexpr auto kToMaxRetries = [](Reading & r) -> auto& {
  return scheduling(r).max_retries;
};
constexpr auto kToMaxLost = [](Reading & r) -> auto& {
  return scheduling(r).max_lost;
};
constexpr auto kToGroup = [](Reading & r) -> auto& {
  return scheduling(r).group;
};
constexpr auto kToGroupLimit = [](Reading & r) -> auto& {
  return scheduling(r).group_limit;
};
constexpr auto kToMaxQueue = [](Reading & r) -> auto& {
  return scheduling(r).max_queue;
};
constexpr auto kToTimeout = [](Reading & r) -> auto& {
  return execution(r).timeout;
};
constexpr auto kToEnv = [](Reading & r) -> auto& {
  return execution(r).env;
};
constexpr auto kToSecretEnv = [](Reading & r) -> auto& {
  return execution(r).secret_env;
};

constexpr std::int64_t kInt32Min = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kRamMbMax = limits::kMemoryBytesMax / limits::kMiB;
constexpr Duration::rep kTimeoutMsMax = limits::kTimeoutMax.count();
constexpr Duration::rep kQueueMsMax = limits::kQueueTimeMax.count();

// All there is to say of each field; what is more than one value is in job_request_parts.cc.
constexpr auto kFields = std::to_array<Field>({
    {"command", read_command},
    {"script", read_script},
    {"image", read_image},
    {"upload", read_upload},
    {"results", read_results},
    {"name", text_field<kToName>},
    {"queue", text_field<kToQueue>},
    {"labels", labels_field<kToLabels>},
    {"requires", labels_field<kToRequires>},
    {"requiredCpu", read_required_cpu},
    {"cpuLimit", read_cpu_limit},
    {"requiredRamMb", integer_field<kToMemory, 1, kRamMbMax, limits::kMiB>},
    {"gpus", integer_field<kToGpus, 0, limits::kGpusMax>},
    {"resources", read_resources},
    {"timeoutMs", duration_field<kToTimeout, 1, kTimeoutMsMax>},
    {"graceMs", read_grace},
    {"priority", integer_field<kToPriority, kInt32Min, kInt32Max>},
    {"env", environment_field<kToEnv>},
    {"secretEnv", environment_field<kToSecretEnv>},
    {"cwd", read_cwd},
    {"stdin", read_stdin},
    {"sandbox", read_sandbox},
    {"maxRetries", integer_field<kToMaxRetries, 0, limits::kRetriesMax>},
    {"backoff", read_backoff},
    {"retryOn", read_retry_on},
    {"maxLost", integer_field<kToMaxLost, 0, limits::kRetriesMax>},
    {"after", read_after},
    {"group", text_field<kToGroup>},
    {"groupLimit", integer_field<kToGroupLimit, 1, limits::kQueueJobsMax>},
    {"notBefore", read_not_before},
    {"maxQueueMs", duration_field<kToMaxQueue, 1, kQueueMsMax>},
    {"onInfeasible", read_on_infeasible},
    {"onOutputLimit", read_on_output_limit},
    {"array", read_range},
    {"idempotencyKey", read_idempotency_key},
});

// What runs code of strangers is never without a sandbox unless it is asked for by name, and a
// script not even then: it is written by people who have no business on the machine.
Result<> settle_sandbox(Reading& reading) {
  const ExecutionSpec& run = execution(reading);
  SandboxLevel& level = scheduling(reading).sandbox;
  if (!reading.has_sandbox) {
    level = !run.image.empty()                  ? SandboxLevel::Image
            : run.script || !run.upload.empty() ? SandboxLevel::Process
                                                : SandboxLevel::None;
  }
  if (!run.upload.empty() && level == SandboxLevel::None) {
    return invalid_field(
        "sandbox",
        "the files of an upload are unpacked in a sandbox only: leave 'sandbox' out "
        "for \"process\"");
  }
  if (run.script && level == SandboxLevel::None) {
    return invalid_field("sandbox",
                         "a script runs in a sandbox only: leave 'sandbox' out for \"process\", or "
                         "give the interpreter and the code as a 'command'");
  }
  if (!run.image.empty() && level != SandboxLevel::Image) {
    return invalid_field("sandbox",
                         "with an 'image' the sandbox is \"image\"; leave 'sandbox' out");
  }
  if (run.image.empty() && level == SandboxLevel::Image) {
    return invalid_field("image", "the sandbox \"image\" needs 'image', the name of one");
  }
  return {};
}

// Without a sandbox a directory of the job's choice is anybody's, and the agent may read more than
// the job may.
Result<> check_results(const Reading& reading) {
  const JobSpec& spec = reading.request.spec;
  if (!spec.execution.results.empty() && !spec.execution.cwd.empty() &&
      spec.scheduling.sandbox == SandboxLevel::None) {
    return invalid_field("results",
                         "results are taken from the directory that each attempt is given; leave "
                         "'cwd' out, or run in a sandbox");
  }
  return {};
}

// Rules that span fields.
Result<> check_whole(const json::object& object, Reading& reading) {
  const ExecutionSpec& run = execution(reading);
  if (run.command.empty() && !run.script) {
    return invalid_field("command",
                         "a job must have 'command', an array such as [\"echo\", \"hi\"], or a "
                         "'script' such as {\"language\": \"js\", \"code\": \"…\"}");
  }
  HEARTH_TRY(settle_sandbox(reading));
  HEARTH_TRY(check_results(reading));
  if (run.script && !reading.has_grace) {
    execution(reading).grace = Duration(0);
  }
  scheduling(reading).features = features_of(run);
  for (const auto& [name, value] : run.secret_env) {
    if (run.env.contains(name)) {
      return invalid_field("secretEnv." + name, name + " is in env and in secretEnv; give it once");
    }
  }
  if (object.contains("groupLimit") && !object.contains("group")) {
    return invalid_field("groupLimit", "groupLimit has a meaning only with 'group'");
  }
  if (reading.request.array) {
    const std::int64_t count = reading.request.array->to - reading.request.array->from + 1;
    if (payload_bytes(reading.request.spec) > limits::kBatchBodyBytesMax / count) {
      return field_too_large(
          "array", "batch_body_bytes_max", limits::kBatchBodyBytesMax,
          "bytes of commands, scripts, environments and inputs in all its elements");
    }
  }
  if (!reading.has_cpu_limit) {
    execution(reading).cpu_limit_milli =
        std::max(limits::kCpuLimitMilliDefault, scheduling(reading).request.cpu_milli);
  }
  return {};
}

}  // namespace

Result<JobRequest> parse_job_request(std::string_view text, RequestKind kind) {
  HEARTH_ASSIGN(const json::value value, net::parse_json(text));
  return read_job_request(value, kind);
}

Result<JobRequest> read_job_request(const json::value& value, RequestKind kind) {
  const json::object* object = value.if_object();
  if (object == nullptr) {
    return Error{.code = ErrorCode::InvalidArgument,
                 .message = "a job must be a JSON object",
                 .kind = "invalid_json"};
  }
  Reading reading{.kind = kind};
  if (object->contains("command") && object->contains("script")) {
    return invalid_field("script", "a job must have one of 'command' and 'script', not both");
  }
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    const auto* field = std::find_if(kFields.begin(), kFields.end(),
                                     [name](const Field& entry) { return entry.name == name; });
    if (field != kFields.end()) {
      HEARTH_TRY(field->read(member.value(), std::string(name), reading));
    } else if (kind == RequestKind::BatchItem && name == "ref") {
      HEARTH_ASSIGN(reading.request.ref, read_text(member.value(), "ref", kNameRule));
    } else {
      return unknown_field(std::string(name));
    }
  }
  HEARTH_TRY(check_whole(*object, reading));
  return std::move(reading.request);
}

std::int64_t payload_bytes(const JobSpec& spec) {
  const ExecutionSpec& run = spec.execution;
  std::size_t bytes = run.stdin_bytes.size() + run.cwd.size() + run.image.size() +
                      run.upload.size() + spec.prompt.size() + spec.callback_url.size();
  for (const std::string& path : run.results) {
    bytes += path.size() + 1;
  }
  for (const std::string& argument : run.command) {
    bytes += argument.size() + 1;
  }
  if (run.script) {
    bytes += run.script->code.size();
    for (const std::string& argument : run.script->args) {
      bytes += argument.size() + 1;
    }
  }
  bytes += spec.scheduling.after.size() * sizeof(Dependency);
  for (const auto* map :
       {&run.env, &run.secret_env, &spec.labels, &spec.scheduling.requires_labels}) {
    for (const auto& [name, value] : *map) {
      bytes += name.size() + value.size() + 2;
    }
  }
  return static_cast<std::int64_t>(bytes);
}

std::vector<JobSpec> expand_array(JobRequest request) {
  std::vector<JobSpec> specs;
  if (!request.array) {
    specs.push_back(std::move(request.spec));
    return specs;
  }
  specs.reserve(static_cast<std::size_t>(request.array->to - request.array->from + 1));
  for (std::int64_t index = request.array->from; index <= request.array->to; ++index) {
    JobSpec& spec = specs.emplace_back(request.spec);
    spec.array_index = index;
    if (!spec.idempotency_key.empty()) {
      spec.idempotency_key += ":" + std::to_string(index);
    }
  }
  return specs;
}

std::vector<std::string_view> job_request_fields() {
  std::vector<std::string_view> names;
  for (const Field& field : kFields) {
    names.push_back(field.name);
  }
  return names;
}

}  // namespace hearth::rest
