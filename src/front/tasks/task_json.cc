#include "front/tasks/task_json.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/rfc3339.h"
#include "base/task_limits.h"
#include "base/text.h"
#include "front/http/base64.h"
#include "front/http/json_members.h"
#include "front/tasks/task_words.h"

namespace hearth::tasks {

namespace {

using front::write_text_or_null;
using front::write_time;
using net::JsonWriter;

constexpr std::string_view kLanguageFeature = "lang:";

void write_begin(JsonWriter& json, const JobView& job) {
  json.begin_object().member("id", to_string(job.record.id));
  json.member("status", to_string(job.record.state));
}

void write_what(JsonWriter& json, const JobView& job) {
  json.member("prompt", job.spec.prompt).member("language", job.spec.execution.script->language);
}

// How it went: for every task the same members, null for what is not known yet.
void write_course(JsonWriter& json, const JobView& job) {
  const JobRecord& record = job.record;
  const Attempt* latest = job.attempts.empty() ? nullptr : &job.attempts.back();
  const bool has_ended = latest != nullptr && latest->ended_at && is_final(record.state);
  json.member("exitCode", record.exit_code).member("createdAt", to_rfc3339(record.created_at));
  write_time(json, "startedAt", record.started_at);
  write_time(json, "completedAt", record.completed_at);
  json.member("durationMs", has_ended ? std::optional(latest->result.wall_ms) : std::nullopt);
  write_text_or_null(json, "workerId", latest == nullptr ? "" : latest->agent.value());
  write_text_or_null(json, "error", failure_of(job));
}

// Text, since that is what programs print; of what is none, the bytes as well.
void write_output(JsonWriter& json, std::string_view name, const ShownOutput& output) {
  json.member(name, output.bytes);
  if (!net::is_utf8(output.bytes)) {
    json.member(std::string(name) + "Base64", front::to_base64(output.bytes));
  }
}

}  // namespace

Result<ShownOutput> read_output(api::ControllerApi& api, const JobRecord& job, StreamKind stream) {
  ShownOutput shown;
  if (job.attempt == 0) {
    return shown;
  }
  for (;;) {
    const auto have = static_cast<std::int64_t>(shown.bytes.size());
    // One more byte tells whether there are more.
    auto answer = api.output({.job = job.id,
                              .attempt = job.attempt,
                              .stream = stream,
                              .offset = have,
                              .max = limits::kTaskOutputBytesMax + 1 - have});
    if (!answer) {
      // An attempt that has written nothing yet.
      return answer.error().code == ErrorCode::NotFound ? Result<ShownOutput>(std::move(shown))
                                                        : Result<ShownOutput>(answer.error());
    }
    const output::LogSlice& slice = answer->slice.slice;
    const bool has_gap = slice.offset > have;
    if (has_gap || slice.bytes.empty()) {
      shown.truncated = has_gap || answer->slice.size > have;
      return shown;
    }
    shown.bytes += slice.bytes;
    if (static_cast<std::int64_t>(shown.bytes.size()) > limits::kTaskOutputBytesMax) {
      shown.bytes = cut_text(shown.bytes, static_cast<std::size_t>(limits::kTaskOutputBytesMax));
      shown.truncated = true;
      return shown;
    }
  }
}

Result<std::string> task_json(api::ControllerApi& api, const JobView& job) {
  const std::string id = to_string(job.record.id);
  if (!job.spec.execution.script) {
    return not_found("job " + id + " runs a command and is no task; see /v1/jobs/" + id);
  }
  HEARTH_ASSIGN(const ShownOutput out, read_output(api, job.record, StreamKind::Stdout));
  HEARTH_ASSIGN(const ShownOutput err, read_output(api, job.record, StreamKind::Stderr));
  std::string text;
  text.reserve(1024 + job.spec.execution.script->code.size() + out.bytes.size() + err.bytes.size());
  JsonWriter json(text);
  write_begin(json, job);
  json.member("code", job.spec.execution.script->code);
  write_what(json, job);
  write_output(json, "stdout", out);
  write_output(json, "stderr", err);
  write_course(json, job);
  if (out.truncated || err.truncated) {
    json.member("truncated", true);
  }
  json.end_object();
  return text;
}

void write_task_line(JsonWriter& json, const JobView& job) {
  write_begin(json, job);
  write_what(json, job);
  write_course(json, job);
  json.end_object();
}

void write_worker(JsonWriter& json, const AgentView& agent) {
  const AgentInfo& info = agent.record.info;
  json.begin_object().member("id", info.id.value());
  write_text_or_null(json, "type", info.type);
  json.member("status", to_string(agent.record.status)).member("hostname", info.hostname);
  json.key("languages").begin_array();
  for (const std::string& feature : info.features) {
    if (feature.starts_with(kLanguageFeature)) {
      json.string(feature.substr(kLanguageFeature.size()));
    }
  }
  json.end_array()
      .member("running", agent.running)
      .member("done", agent.record.done)
      .member("failed", agent.record.failed)
      .member("busyMs", agent.record.busy_ms)
      .member("firstSeenAt", to_rfc3339(agent.record.first_seen_at))
      .member("lastHeartbeatAt", to_rfc3339(agent.record.last_heartbeat_at))
      .end_object();
}

}  // namespace hearth::tasks
