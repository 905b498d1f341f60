#include "wire/testing/random_model.h"

#include <limits>
#include <optional>

namespace hearth::wire::testing {

std::string RandomModel::bytes(std::size_t size_max) {
  std::string result(static_cast<std::size_t>(number(0, static_cast<std::int64_t>(size_max))),
                     '\0');
  for (char& c : result) {
    c = static_cast<char>(engine_());
  }
  return result;
}

std::string RandomModel::text(std::size_t size_max) {
  static constexpr std::string_view kPieces[] = {"a", "Z", "0", "_", "\n", "é", "火", "\"", "😀"};
  std::string result;
  const auto pieces = number(0, static_cast<std::int64_t>(size_max));
  for (std::int64_t i = 0; i < pieces; ++i) {
    result += kPieces[engine_() % std::size(kPieces)];
  }
  return result;
}

std::int64_t RandomModel::amount() {
  return coin() ? number(0, 1000) : number(0, std::numeric_limits<std::int64_t>::max());
}

std::int32_t RandomModel::any_int32() {
  return static_cast<std::int32_t>(
      number(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
}

TimePoint RandomModel::time() {
  return time_from_ms(number(0, 4'000'000'000'000));
}

std::optional<TimePoint> RandomModel::maybe_time() {
  return coin() ? std::optional(time()) : std::nullopt;
}

Labels RandomModel::labels() {
  Labels result;
  const auto count = number(0, 5);
  for (std::int64_t i = 0; i < count; ++i) {
    result[text(8)] = text(8);
  }
  return result;
}

std::map<std::string, std::string> RandomModel::env() {
  std::map<std::string, std::string> result;
  const auto count = number(0, 5);
  for (std::int64_t i = 0; i < count; ++i) {
    result[bytes(8)] = bytes(40);
  }
  return result;
}

ResourceVector RandomModel::resources() {
  std::map<std::string, std::int64_t> named;
  const auto count = number(0, 3);
  for (std::int64_t i = 0; i < count; ++i) {
    named[text(6)] = number(1, 1'000'000);
  }
  return {.cpu_milli = amount(),
          .memory_bytes = amount(),
          .gpus = number(0, 8),
          .named = {named.begin(), named.end()}};
}

SchedulingSpec RandomModel::scheduling() {
  SchedulingSpec spec;
  spec.queue = "q" + text(6);
  spec.request = resources();
  spec.requires_labels = labels();
  spec.sandbox = static_cast<SandboxLevel>(number(0, 2));
  if (coin()) {
    spec.features = {lang_feature(text(4)), image_feature(text(4))};
  }
  spec.priority = any_int32();
  spec.group = text(6);
  spec.group_limit = amount();
  spec.max_retries = amount();
  spec.max_lost = amount();
  spec.backoff = {.initial = Duration(amount()),
                  .factor = static_cast<double>(number(1, 1000)) / 7.0,
                  .max = Duration(amount())};
  const auto codes = number(0, 3);
  for (std::int64_t i = 0; i < codes; ++i) {
    spec.retry_on.exit_codes.push_back(any_int32());
    spec.retry_on.reasons.push_back(static_cast<Reason>(number(0, kReasonCount - 1)));
  }
  const auto dependencies = number(0, 3);
  for (std::int64_t i = 0; i < dependencies; ++i) {
    spec.after.push_back(
        {.job = JobId(engine_()), .condition = static_cast<DependencyCondition>(number(0, 2))});
  }
  spec.not_before = maybe_time();
  if (coin()) {
    spec.max_queue = Duration(amount());
  }
  spec.on_infeasible = coin() ? OnInfeasible::Reject : OnInfeasible::Wait;
  return spec;
}

ExecutionSpec RandomModel::execution() {
  ExecutionSpec spec;
  const auto arguments = number(1, 5);
  for (std::int64_t i = 0; i < arguments; ++i) {
    spec.command.push_back(bytes(20));
  }
  if (coin()) {
    spec.script =
        ScriptSpec{.language = "l" + text(5), .code = bytes(200), .args = {bytes(9), bytes(9)}};
  }
  spec.image = text(6);
  spec.upload = text(6);
  spec.results = {bytes(12), bytes(12)};
  spec.env = env();
  spec.cwd = bytes(20);
  spec.stdin_bytes = bytes(300);
  spec.cpu_limit_milli = amount();
  spec.timeout = Duration(amount());
  spec.grace = Duration(amount());
  spec.on_output_limit = coin() ? OnOutputLimit::Kill : OnOutputLimit::Truncate;
  return spec;
}

JobSpec RandomModel::job_spec() {
  JobSpec spec;
  spec.name = text(10);
  spec.prompt = bytes(30);
  spec.callback_url = bytes(30);
  spec.labels = labels();
  spec.scheduling = scheduling();
  spec.execution = execution();
  spec.idempotency_key = bytes(10);
  if (coin()) {
    spec.array_index = number(std::numeric_limits<std::int64_t>::min(), 10'000);
  }
  spec.retry_of = JobId(coin() ? engine_() : 0);
  return spec;
}

JobRecord RandomModel::job_record() {
  JobRecord record;
  record.id = JobId(engine_() | 1);
  record.state = static_cast<JobState>(number(0, kJobStateCount - 1));
  record.reason = static_cast<Reason>(number(0, kReasonCount - 1));
  record.message = bytes(30);
  if (coin()) {
    record.exit_code = any_int32();
  }
  if (coin()) {
    record.signal = any_int32();
  }
  record.attempt = static_cast<std::uint32_t>(engine_());
  record.failures = static_cast<std::uint32_t>(engine_());
  record.losses = static_cast<std::uint32_t>(engine_());
  record.epoch = engine_();
  record.agent = AgentId(text(6));
  record.created_at = time();
  record.queued_at = maybe_time();
  record.assigned_at = maybe_time();
  record.started_at = maybe_time();
  record.completed_at = maybe_time();
  record.cancel_requested_at = maybe_time();
  record.eligible_at = maybe_time();
  record.progress_percent = static_cast<std::int32_t>(number(-1, 100));
  record.progress_text = bytes(20);
  record.has_callback = coin();
  return record;
}

AttemptResult RandomModel::attempt_result() {
  AttemptResult result;
  result.state = static_cast<JobState>(number(4, kJobStateCount - 1));
  result.reason = static_cast<Reason>(number(0, kReasonCount - 1));
  result.message = bytes(30);
  if (coin()) {
    result.exit_code = any_int32();
  }
  if (coin()) {
    result.signal = any_int32();
  }
  result.wall_ms = amount();
  result.cpu_ms = amount();
  result.memory_peak_bytes = amount();
  result.stdout_bytes = amount();
  result.stderr_bytes = amount();
  result.results_bytes = amount();
  result.truncated = coin();
  return result;
}

Attempt RandomModel::attempt() {
  Attempt attempt;
  attempt.number = static_cast<std::uint32_t>(engine_()) | 1U;
  attempt.agent = AgentId(text(6));
  attempt.epoch = engine_();
  attempt.state = static_cast<JobState>(number(0, kJobStateCount - 1));
  attempt.assigned_at = time();
  attempt.started_at = maybe_time();
  attempt.ended_at = maybe_time();
  if (attempt.ended_at) {
    attempt.result = attempt_result();
  }
  return attempt;
}

AgentRecord RandomModel::agent_record() {
  AgentRecord record;
  record.info.id = AgentId("a" + text(6));
  record.info.type = text(6);
  record.info.instance = text(6);
  record.info.incarnation = text(6);
  record.info.hostname = bytes(12);
  record.info.version = text(6);
  record.info.labels = labels();
  record.info.capacity = resources();
  record.info.max_parallel_jobs = amount();
  record.info.enforcement = static_cast<Enforcement>(number(0, 3));
  const auto sandboxes = number(0, 3);
  for (std::int64_t i = 0; i < sandboxes; ++i) {
    record.info.sandboxes.push_back(static_cast<SandboxLevel>(i));
  }
  if (coin()) {
    record.info.features = {image_feature(text(4)), lang_feature(text(4))};
  }
  record.status = static_cast<AgentStatus>(number(0, 4));
  record.draining = coin();
  record.first_seen_at = time();
  record.last_heartbeat_at = time();
  record.done = amount();
  record.failed = amount();
  record.busy_ms = amount();
  return record;
}

}  // namespace hearth::wire::testing
