#include "wire/job_codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cmath>
#include <limits>
#include <utility>

#include "hearth/job.pb.h"
#include "wire/proto_convert.h"

namespace hearth::wire {
namespace {

// Equal values give equal bytes, also where the message holds a map.
std::string serialize(const google::protobuf::MessageLite& message) {
  std::string bytes;
  bytes.reserve(message.ByteSizeLong());
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeWithCachedSizes(&coded);
  }
  return bytes;
}

template <class Message>
Result<Message> parse(std::string_view bytes) {
  Message message;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Error{.code = ErrorCode::DataLoss, .message = "not a protobuf message of this type"};
  }
  return message;
}

template <class T>
Result<T> named(std::string_view what, std::string_view bytes, Result<T> result) {
  if (result) {
    return result;
  }
  return result.error().with_context("decode " + std::string(what) + " (" +
                                     std::to_string(bytes.size()) + " bytes)");
}

void write_env(const std::map<std::string, std::string>& env,
               google::protobuf::RepeatedPtrField<v1::EnvEntry>& out) {
  for (const auto& [name, value] : env) {
    v1::EnvEntry& entry = *out.Add();
    entry.set_name(name);
    entry.set_value(value);
  }
}

Result<std::map<std::string, std::string>> read_env(
    const google::protobuf::RepeatedPtrField<v1::EnvEntry>& in) {
  std::map<std::string, std::string> env;
  for (const v1::EnvEntry& entry : in) {
    if (!env.emplace(entry.name(), entry.value()).second) {
      return bad_field("env", "the same name twice");
    }
  }
  return env;
}

void write_after(const std::vector<Dependency>& after, v1::JobSpecProto& out) {
  for (const Dependency& dependency : after) {
    v1::DependencyProto& entry = *out.add_after();
    entry.set_job(dependency.job.value());
    entry.set_condition(static_cast<std::uint32_t>(dependency.condition));
  }
}

void write_scheduling(const SchedulingSpec& spec, v1::JobSpecProto& out) {
  out.set_queue(spec.queue);
  write_resources(spec.request, *out.mutable_request());
  write_labels(spec.requires_labels, *out.mutable_requires_labels());
  out.set_sandbox(static_cast<std::uint32_t>(spec.sandbox));
  out.mutable_features()->Assign(spec.features.begin(), spec.features.end());
  out.set_priority(spec.priority);
  out.set_group(spec.group);
  out.set_group_limit(spec.group_limit);
  out.set_max_retries(spec.max_retries);
  out.set_max_lost(spec.max_lost);
  out.set_backoff_initial_ms(spec.backoff.initial.count());
  out.set_backoff_factor(spec.backoff.factor);
  out.set_backoff_max_ms(spec.backoff.max.count());
  for (const std::int32_t code : spec.retry_on.exit_codes) {
    out.add_retry_exit_codes(code);
  }
  for (const Reason reason : spec.retry_on.reasons) {
    out.add_retry_reasons(static_cast<std::uint32_t>(reason));
  }
  write_after(spec.after, out);
  if (spec.not_before) {
    out.set_not_before_ms(to_ms(*spec.not_before));
  }
  if (spec.max_queue) {
    out.set_max_queue_ms(spec.max_queue->count());
  }
  out.set_on_infeasible(static_cast<std::uint32_t>(spec.on_infeasible));
}

Result<RetryOn> read_retry_on(const v1::JobSpecProto& in) {
  RetryOn retry_on;
  retry_on.exit_codes.assign(in.retry_exit_codes().begin(), in.retry_exit_codes().end());
  for (const std::uint32_t value : in.retry_reasons()) {
    HEARTH_ASSIGN(const Reason reason, read_enum("retry_reasons", value, kReasonLast));
    retry_on.reasons.push_back(reason);
  }
  return retry_on;
}

Result<std::vector<Dependency>> read_after(const v1::JobSpecProto& in) {
  std::vector<Dependency> after;
  after.reserve(static_cast<std::size_t>(in.after_size()));
  for (const v1::DependencyProto& entry : in.after()) {
    HEARTH_ASSIGN(const DependencyCondition condition,
                  read_enum("after.condition", entry.condition(), DependencyCondition::NotOk));
    after.push_back({.job = JobId(entry.job()), .condition = condition});
  }
  return after;
}

Result<SchedulingSpec> read_scheduling(const v1::JobSpecProto& in) {
  if (in.queue().empty()) {
    return bad_field("queue", "nothing");
  }
  if (!std::isfinite(in.backoff_factor())) {
    return bad_field("backoff_factor", "no finite number");
  }
  SchedulingSpec spec;
  spec.queue = in.queue();
  HEARTH_ASSIGN(spec.request, read_resources("request", in.request()));
  spec.requires_labels = read_labels(in.requires_labels());
  HEARTH_ASSIGN(spec.sandbox, read_enum("sandbox", in.sandbox(), SandboxLevel::Image));
  spec.features.assign(in.features().begin(), in.features().end());
  spec.priority = in.priority();
  spec.group = in.group();
  spec.group_limit = in.group_limit();
  spec.max_retries = in.max_retries();
  spec.max_lost = in.max_lost();
  spec.backoff = {.initial = Duration(in.backoff_initial_ms()),
                  .factor = in.backoff_factor(),
                  .max = Duration(in.backoff_max_ms())};
  HEARTH_ASSIGN(spec.retry_on, read_retry_on(in));
  HEARTH_ASSIGN(spec.after, read_after(in));
  if (in.has_not_before_ms()) {
    spec.not_before = time_from_ms(in.not_before_ms());
  }
  if (in.has_max_queue_ms()) {
    spec.max_queue = Duration(in.max_queue_ms());
  }
  HEARTH_ASSIGN(spec.on_infeasible,
                read_enum("on_infeasible", in.on_infeasible(), OnInfeasible::Reject));
  return spec;
}

void write_execution(const ExecutionSpec& spec, v1::JobSpecProto& out) {
  for (const std::string& argument : spec.command) {
    out.add_command(argument);
  }
  if (spec.script) {
    v1::ScriptProto& script = *out.mutable_script();
    script.set_language(spec.script->language);
    script.set_code(spec.script->code);
    script.mutable_args()->Assign(spec.script->args.begin(), spec.script->args.end());
  }
  out.set_image(spec.image);
  out.set_upload(spec.upload);
  out.mutable_results()->Assign(spec.results.begin(), spec.results.end());
  write_env(spec.env, *out.mutable_env());
  out.set_cwd(spec.cwd);
  out.set_stdin_bytes(spec.stdin_bytes);
  out.set_cpu_limit_milli(spec.cpu_limit_milli);
  out.set_timeout_ms(spec.timeout.count());
  out.set_grace_ms(spec.grace.count());
  out.set_on_output_limit(static_cast<std::uint32_t>(spec.on_output_limit));
  out.set_has_secrets(spec.has_secrets || !spec.secret_env.empty());
}

Result<ExecutionSpec> read_execution(const v1::JobSpecProto& in) {
  ExecutionSpec spec;
  spec.command.assign(in.command().begin(), in.command().end());
  if (in.has_script()) {
    spec.script = ScriptSpec{.language = in.script().language(),
                             .code = in.script().code(),
                             .args = {in.script().args().begin(), in.script().args().end()}};
  }
  spec.image = in.image();
  spec.upload = in.upload();
  spec.results.assign(in.results().begin(), in.results().end());
  HEARTH_ASSIGN(spec.env, read_env(in.env()));
  spec.cwd = in.cwd();
  spec.stdin_bytes = in.stdin_bytes();
  spec.has_secrets = in.has_secrets();
  spec.cpu_limit_milli = in.cpu_limit_milli();
  spec.timeout = Duration(in.timeout_ms());
  spec.grace = Duration(in.grace_ms());
  HEARTH_ASSIGN(spec.on_output_limit,
                read_enum("on_output_limit", in.on_output_limit(), OnOutputLimit::Kill));
  return spec;
}

Result<JobSpec> read_job_spec(std::string_view bytes) {
  HEARTH_ASSIGN(const auto in, parse<v1::JobSpecProto>(bytes));
  JobSpec spec;
  spec.name = in.name();
  spec.prompt = in.prompt();
  spec.callback_url = in.callback_url();
  spec.labels = read_labels(in.labels());
  HEARTH_ASSIGN(spec.scheduling, read_scheduling(in));
  HEARTH_ASSIGN(spec.execution, read_execution(in));
  spec.idempotency_key = in.idempotency_key();
  if (in.has_array_index()) {
    spec.array_index = in.array_index();
  }
  spec.retry_of = JobId(in.retry_of());
  return spec;
}

Result<std::map<std::string, std::string>> read_secrets(std::string_view bytes) {
  HEARTH_ASSIGN(const auto in, parse<v1::SecretsProto>(bytes));
  return read_env(in.env());
}

void write_job_record_times(const JobRecord& record, v1::JobRecordProto& out) {
  out.set_created_at(to_ms(record.created_at));
  if (record.queued_at) {
    out.set_queued_at(to_ms(*record.queued_at));
  }
  if (record.assigned_at) {
    out.set_assigned_at(to_ms(*record.assigned_at));
  }
  if (record.started_at) {
    out.set_started_at(to_ms(*record.started_at));
  }
  if (record.completed_at) {
    out.set_completed_at(to_ms(*record.completed_at));
  }
  if (record.cancel_requested_at) {
    out.set_cancel_requested_at(to_ms(*record.cancel_requested_at));
  }
  if (record.eligible_at) {
    out.set_eligible_at(to_ms(*record.eligible_at));
  }
}

void read_job_record_times(const v1::JobRecordProto& in, JobRecord& record) {
  record.created_at = time_from_ms(in.created_at());
  if (in.has_queued_at()) {
    record.queued_at = time_from_ms(in.queued_at());
  }
  if (in.has_assigned_at()) {
    record.assigned_at = time_from_ms(in.assigned_at());
  }
  if (in.has_started_at()) {
    record.started_at = time_from_ms(in.started_at());
  }
  if (in.has_completed_at()) {
    record.completed_at = time_from_ms(in.completed_at());
  }
  if (in.has_cancel_requested_at()) {
    record.cancel_requested_at = time_from_ms(in.cancel_requested_at());
  }
  if (in.has_eligible_at()) {
    record.eligible_at = time_from_ms(in.eligible_at());
  }
}

Result<JobRecord> read_job_record(std::string_view bytes) {
  HEARTH_ASSIGN(const auto in, parse<v1::JobRecordProto>(bytes));
  if (in.id() == 0) {
    return bad_field("id", "nothing");
  }
  if (in.progress_percent() < -1 || in.progress_percent() > 100) {
    return bad_field("progress_percent", std::to_string(in.progress_percent()));
  }
  JobRecord record;
  record.id = JobId(in.id());
  HEARTH_ASSIGN(record.state, read_enum("state", in.state(), kJobStateLast));
  HEARTH_ASSIGN(record.reason, read_enum("reason", in.reason(), kReasonLast));
  record.message = in.message();
  if (in.has_exit_code()) {
    record.exit_code = in.exit_code();
  }
  if (in.has_signal()) {
    record.signal = in.signal();
  }
  record.attempt = in.attempt();
  record.failures = in.failures();
  record.losses = in.losses();
  record.epoch = in.epoch();
  record.agent = AgentId(in.agent());
  read_job_record_times(in, record);
  record.progress_percent = in.progress_percent();
  record.progress_text = in.progress_text();
  record.has_callback = in.has_callback();
  return record;
}

Result<Attempt> read_attempt(std::string_view bytes) {
  HEARTH_ASSIGN(const auto in, parse<v1::AttemptProto>(bytes));
  if (in.number() == 0) {
    return bad_field("number", "nothing");
  }
  Attempt attempt;
  attempt.number = in.number();
  attempt.agent = AgentId(in.agent());
  attempt.epoch = in.epoch();
  HEARTH_ASSIGN(attempt.state, read_enum("state", in.state(), kJobStateLast));
  attempt.assigned_at = time_from_ms(in.assigned_at());
  if (in.has_started_at()) {
    attempt.started_at = time_from_ms(in.started_at());
  }
  if (in.has_ended_at()) {
    attempt.ended_at = time_from_ms(in.ended_at());
    HEARTH_ASSIGN(attempt.result, read_attempt_result(in.result()));
  }
  return attempt;
}

Result<AttemptResult> read_attempt_result(std::string_view bytes) {
  HEARTH_ASSIGN(const auto in, parse<v1::AttemptResultProto>(bytes));
  return wire::read_attempt_result(in);
}

Result<AgentRecord> read_agent_record(std::string_view bytes) {
  HEARTH_ASSIGN(const auto in, parse<v1::AgentRecordProto>(bytes));
  AgentRecord record;
  HEARTH_ASSIGN(record.info, read_agent_info(in));
  HEARTH_ASSIGN(record.status, read_enum("status", in.status(), AgentStatus::Dead));
  record.draining = in.draining();
  record.first_seen_at = time_from_ms(in.first_seen_at());
  record.last_heartbeat_at = time_from_ms(in.last_heartbeat_at());
  record.done = in.done();
  record.failed = in.failed();
  record.busy_ms = in.busy_ms();
  return record;
}

}  // namespace

std::string encode_job_spec(const JobSpec& spec) {
  v1::JobSpecProto out;
  out.set_name(spec.name);
  out.set_prompt(spec.prompt);
  out.set_callback_url(spec.callback_url);
  write_labels(spec.labels, *out.mutable_labels());
  write_scheduling(spec.scheduling, out);
  write_execution(spec.execution, out);
  out.set_idempotency_key(spec.idempotency_key);
  if (spec.array_index) {
    out.set_array_index(*spec.array_index);
  }
  out.set_retry_of(spec.retry_of.value());
  return serialize(out);
}

// Concatenated messages merge, and repeated fields add up: so says the encoding.
std::string encode_more_after(const std::vector<Dependency>& after) {
  v1::JobSpecProto out;
  write_after(after, out);
  return serialize(out);
}

Result<JobSpec> decode_job_spec(std::string_view bytes) {
  return named("job spec", bytes, read_job_spec(bytes));
}

std::string encode_secrets(const std::map<std::string, std::string>& secret_env) {
  v1::SecretsProto out;
  write_env(secret_env, *out.mutable_env());
  return serialize(out);
}

Result<std::map<std::string, std::string>> decode_secrets(std::string_view bytes) {
  return named("job secrets", bytes, read_secrets(bytes));
}

std::string encode_job_record(const JobRecord& record) {
  v1::JobRecordProto out;
  out.set_id(record.id.value());
  out.set_state(static_cast<std::uint32_t>(record.state));
  out.set_reason(static_cast<std::uint32_t>(record.reason));
  out.set_message(record.message);
  if (record.exit_code) {
    out.set_exit_code(*record.exit_code);
  }
  if (record.signal) {
    out.set_signal(*record.signal);
  }
  out.set_attempt(record.attempt);
  out.set_failures(record.failures);
  out.set_losses(record.losses);
  out.set_epoch(record.epoch);
  out.set_agent(record.agent.value());
  write_job_record_times(record, out);
  out.set_progress_percent(record.progress_percent);
  out.set_progress_text(record.progress_text);
  out.set_has_callback(record.has_callback);
  return serialize(out);
}

Result<JobRecord> decode_job_record(std::string_view bytes) {
  return named("job record", bytes, read_job_record(bytes));
}

std::string encode_attempt(const Attempt& attempt) {
  v1::AttemptProto out;
  out.set_number(attempt.number);
  out.set_agent(attempt.agent.value());
  out.set_epoch(attempt.epoch);
  out.set_state(static_cast<std::uint32_t>(attempt.state));
  out.set_assigned_at(to_ms(attempt.assigned_at));
  if (attempt.started_at) {
    out.set_started_at(to_ms(*attempt.started_at));
  }
  if (attempt.ended_at) {
    out.set_ended_at(to_ms(*attempt.ended_at));
    write_attempt_result(attempt.result, *out.mutable_result());
  }
  return serialize(out);
}

Result<Attempt> decode_attempt(std::string_view bytes) {
  return named("attempt", bytes, read_attempt(bytes));
}

std::string encode_attempt_result(const AttemptResult& result) {
  v1::AttemptResultProto out;
  write_attempt_result(result, out);
  return serialize(out);
}

Result<AttemptResult> decode_attempt_result(std::string_view bytes) {
  return named("attempt result", bytes, read_attempt_result(bytes));
}

std::string encode_agent_record(const AgentRecord& record) {
  v1::AgentRecordProto out;
  write_agent_info(record.info, out);
  out.set_status(static_cast<std::uint32_t>(record.status));
  out.set_draining(record.draining);
  out.set_first_seen_at(to_ms(record.first_seen_at));
  out.set_last_heartbeat_at(to_ms(record.last_heartbeat_at));
  out.set_done(record.done);
  out.set_failed(record.failed);
  out.set_busy_ms(record.busy_ms);
  return serialize(out);
}

Result<AgentRecord> decode_agent_record(std::string_view bytes) {
  return named("agent record", bytes, read_agent_record(bytes));
}

}  // namespace hearth::wire
