#include "front/rest/job_json.h"

#include <array>

#include "base/rfc3339.h"
#include "front/http/json_members.h"

namespace hearth::rest {

namespace {

using front::write_text_or_null;
using front::write_time;
using net::JsonWriter;

void write_map(JsonWriter& json, std::string_view name,
               const std::map<std::string, std::string>& map) {
  json.key(name).begin_object();
  for (const auto& [key, value] : map) {
    json.member(key, value);
  }
  json.end_object();
}

double cores(std::int64_t milli) {
  return static_cast<double>(milli) / 1000.0;
}

void write_named(JsonWriter& json, const ResourceVector& resources) {
  json.key("resources").begin_object();
  for (const auto& [name, amount] : resources.named) {
    json.member(name, amount);
  }
  json.end_object();
}

void write_capacity(JsonWriter& json, std::string_view name, const ResourceVector& resources) {
  json.key(name).begin_object();
  json.member_number("cpu", cores(resources.cpu_milli));
  json.member("ramMb", resources.memory_bytes / limits::kMiB);
  json.member("gpus", resources.gpus);
  write_named(json, resources);
  json.end_object();
}

void write_dependencies(JsonWriter& json, const std::vector<Dependency>& after) {
  json.key("after").begin_array();
  for (const Dependency& dependency : after) {
    json.begin_object()
        .member("id", to_string(dependency.job))
        .member("on", to_string(dependency.condition))
        .end_object();
  }
  json.end_array();
}

void write_retries(JsonWriter& json, const SchedulingSpec& spec) {
  json.member("maxRetries", spec.max_retries);
  json.key("backoff").begin_object().member("initialMs", spec.backoff.initial.count());
  json.member_number("factor", spec.backoff.factor);
  json.member("maxMs", spec.backoff.max.count()).end_object();
  json.key("retryOn").begin_object().key("exitCodes").begin_array();
  for (const std::int32_t code : spec.retry_on.exit_codes) {
    json.integer(code);
  }
  json.end_array().key("reasons").begin_array();
  for (const Reason reason : spec.retry_on.reasons) {
    json.string(to_string(reason));
  }
  json.end_array().end_object();
  json.member("maxLost", spec.max_lost);
}

void write_scheduling(JsonWriter& json, const SchedulingSpec& spec) {
  json.member("queue", spec.queue);
  write_map(json, "requires", spec.requires_labels);
  json.member_number("requiredCpu", cores(spec.request.cpu_milli));
  json.member("requiredRamMb", spec.request.memory_bytes / limits::kMiB);
  json.member("gpus", spec.request.gpus);
  write_named(json, spec.request);
  json.member("priority", spec.priority);
  json.member("sandbox", to_string(spec.sandbox));
  write_retries(json, spec);
  write_dependencies(json, spec.after);
  write_text_or_null(json, "group", spec.group);
  if (spec.group_limit > 0) {
    json.member("groupLimit", spec.group_limit);
  } else {
    json.member_null("groupLimit");
  }
  write_time(json, "notBefore", spec.not_before);
  if (spec.max_queue) {
    json.member("maxQueueMs", spec.max_queue->count());
  } else {
    json.member_null("maxQueueMs");
  }
  json.member("onInfeasible", to_string(spec.on_infeasible));
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const std::string& text : texts) {
    json.string(text);
  }
  json.end_array();
}

// One of the two, and null for the other.
void write_command_or_script(JsonWriter& json, const ExecutionSpec& spec) {
  if (!spec.script) {
    write_texts(json, "command", spec.command);
    json.member_null("script");
    return;
  }
  json.member_null("command").key("script").begin_object();
  json.member("language", spec.script->language).member("code", spec.script->code);
  write_texts(json, "args", spec.script->args);
  json.end_object();
}

void write_execution(JsonWriter& json, const ExecutionSpec& spec) {
  write_command_or_script(json, spec);
  write_text_or_null(json, "image", spec.image);
  write_text_or_null(json, "upload", spec.upload);
  write_texts(json, "results", spec.results);
  write_map(json, "env", spec.env);
  write_text_or_null(json, "cwd", spec.cwd);
  write_text_or_null(json, "stdin", spec.stdin_bytes);
  json.member_number("cpuLimit", cores(spec.cpu_limit_milli));
  json.member("timeoutMs", spec.timeout.count());
  json.member("graceMs", spec.grace.count());
  json.member("onOutputLimit", to_string(spec.on_output_limit));
}

void write_attempt(JsonWriter& json, const Attempt& attempt) {
  const bool ended = attempt.ended_at.has_value();
  const AttemptResult& result = attempt.result;
  json.begin_object()
      .member("number", attempt.number)
      .member("agentId", attempt.agent.value())
      .member("epoch", attempt.epoch)
      .member("state", to_string(attempt.state));
  write_text_or_null(json, "reason", ended ? to_string(result.reason) : "");
  write_text_or_null(json, "message", ended ? std::string_view(result.message) : "");
  json.member("exitCode", ended ? result.exit_code : std::nullopt);
  json.member("signal", ended ? result.signal : std::nullopt);
  json.member("assignedAt", to_rfc3339(attempt.assigned_at));
  write_time(json, "startedAt", attempt.started_at);
  write_time(json, "endedAt", attempt.ended_at);
  const auto figure = [&json, ended](std::string_view name, std::int64_t value) {
    json.member(name, ended ? std::optional(value) : std::nullopt);
  };
  figure("wallMs", result.wall_ms);
  figure("cpuMs", result.cpu_ms);
  figure("memoryPeakBytes", result.memory_peak_bytes);
  figure("stdoutBytes", result.stdout_bytes);
  figure("stderrBytes", result.stderr_bytes);
  figure("resultsBytes", result.results_bytes);
  json.member("truncated", ended ? std::optional(result.truncated) : std::nullopt).end_object();
}

// The members of a record, into an object that is open.
void write_record_members(JsonWriter& json, const JobRecord& record) {
  json.member("id", to_string(record.id)).member("state", to_string(record.state));
  write_text_or_null(json, "reason", to_string(record.reason));
  write_text_or_null(json, "message", record.message);
  json.member("exitCode", record.exit_code).member("signal", record.signal);
  json.member("attempt", record.attempt);
  write_text_or_null(json, "agentId", record.agent.value());
  json.member("createdAt", to_rfc3339(record.created_at));
  write_time(json, "queuedAt", record.queued_at);
  write_time(json, "assignedAt", record.assigned_at);
  write_time(json, "startedAt", record.started_at);
  write_time(json, "completedAt", record.completed_at);
  write_time(json, "cancelRequestedAt", record.cancel_requested_at);
  write_time(json, "eligibleAt", record.eligible_at);
  json.member("failures", record.failures).member("losses", record.losses);
  if (record.progress_percent < 0) {
    json.member_null("progress");
  } else {
    json.key("progress").begin_object().member("percent", record.progress_percent);
    json.member("text", record.progress_text).end_object();
  }
}

}  // namespace

void write_job(JsonWriter& json, const JobView& job) {
  json.begin_object();
  write_record_members(json, job.record);
  write_text_or_null(json, "name", job.spec.name);
  write_text_or_null(json, "prompt", job.spec.prompt);
  write_map(json, "labels", job.spec.labels);
  write_execution(json, job.spec.execution);
  write_scheduling(json, job.spec.scheduling);
  write_text_or_null(json, "idempotencyKey", job.spec.idempotency_key);
  json.member("arrayIndex", job.spec.array_index);
  write_text_or_null(json, "retryOf",
                     job.spec.retry_of.empty() ? "" : to_string(job.spec.retry_of));
  json.key("attempts").begin_array();
  for (const Attempt& attempt : job.attempts) {
    write_attempt(json, attempt);
  }
  json.end_array().end_object();
}

void write_job_event(JsonWriter& json, const JobEvent& event) {
  json.begin_object().member("event", to_string(event.kind)).member("at", to_rfc3339(event.at));
  write_record_members(json, event.after);
  json.end_object();
}

void write_agent(JsonWriter& json, const AgentView& agent) {
  const AgentInfo& info = agent.record.info;
  json.begin_object().member("id", info.id.value());
  write_text_or_null(json, "type", info.type);
  json.member("status", to_string(agent.record.status))
      .member("draining", agent.record.draining)
      .member("incarnation", info.incarnation)
      .member("hostname", info.hostname)
      .member("version", info.version);
  write_map(json, "labels", info.labels);
  write_capacity(json, "capacity", info.capacity);
  write_capacity(json, "reserved", agent.reserved);
  json.key("usage").begin_object();
  if (agent.usage.cpu_percent) {
    json.member_number("cpuPercent", *agent.usage.cpu_percent);
  } else {
    json.member_null("cpuPercent");
  }
  json.member("memoryBytes", agent.usage.memory_bytes).end_object();
  json.member("maxParallelJobs", info.max_parallel_jobs)
      .member("enforcement", to_string(info.enforcement));
  json.key("sandboxes").begin_array();
  for (const SandboxLevel level : info.sandboxes) {
    json.string(to_string(level));
  }
  json.end_array();
  write_texts(json, "features", info.features);
  json.member("firstSeenAt", to_rfc3339(agent.record.first_seen_at))
      .member("lastHeartbeatAt", to_rfc3339(agent.record.last_heartbeat_at));
  const std::optional<Duration>& interval = agent.usage.heartbeat_interval;
  json.member("heartbeatIntervalMs",
              interval ? std::optional<std::int64_t>(interval->count()) : std::nullopt)
      .member("running", agent.running)
      .member("done", agent.record.done)
      .member("failed", agent.record.failed)
      .member("busyMs", agent.record.busy_ms)
      .end_object();
}

void write_explanation(JsonWriter& json, const core::Explanation& explanation) {
  json.begin_object()
      .member("id", to_string(explanation.job))
      .member("state", to_string(explanation.state))
      .member("since", to_rfc3339(explanation.since))
      .member("summary", explanation.summary);
  json.key("reasons").begin_array();
  for (const core::WaitReason& reason : explanation.reasons) {
    json.begin_object().member("code", reason.code).member("sentence", reason.sentence);
    write_text_or_null(json, "agentId", reason.agent.value());
    write_text_or_null(json, "resource", reason.resource);
    const bool counted = !reason.resource.empty();
    json.member("required", counted ? std::optional(reason.required) : std::nullopt)
        .member("available", counted ? std::optional(reason.available) : std::nullopt);
    write_time(json, "since", reason.since);
    json.end_object();
  }
  json.end_array().end_object();
}

std::string job_json(const JobView& job) {
  std::string out;
  out.reserve(2048);
  JsonWriter json(out);
  write_job(json, job);
  return out;
}

}  // namespace hearth::rest
