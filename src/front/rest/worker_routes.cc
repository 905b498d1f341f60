// Routes about workers, what they use, and the heartbeats of those that are not Hearth's own.
#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "base/telemetry_limits.h"
#include "front/rest/job_query.h"
#include "front/rest/routes.h"
#include "front/rest/worker_json.h"
#include "net/json_reader.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

constexpr std::array<std::string_view, 9> kWorkerParameters = {
    "idle",         "model",         "key",   "agent", "minFreeCpu",
    "minFreeRamMb", "minFreeVramMb", "label", "limit"};
constexpr std::array<std::string_view, 5> kHistoryParameters = {"agent", "worker", "fromMs",
                                                                "stepMs", "points"};

Result<std::optional<AgentId>> read_agent(const net::QueryList& query) {
  HEARTH_ASSIGN(auto agent, text_parameter(query, "agent"));
  return agent ? std::optional(AgentId(*std::move(agent))) : std::optional<AgentId>();
}

Result<registry::WorkerQuery> read_worker_query(const net::QueryList& query) {
  constexpr std::int64_t kMbMax = INT64_MAX / limits::kMiB;
  HEARTH_TRY(check_names(query, kWorkerParameters));
  registry::WorkerQuery wanted;
  HEARTH_ASSIGN(wanted.idle, flag_parameter(query, "idle"));
  HEARTH_ASSIGN(wanted.model, text_parameter(query, "model"));
  HEARTH_ASSIGN(wanted.key, text_parameter(query, "key"));
  HEARTH_ASSIGN(wanted.agent, read_agent(query));
  HEARTH_ASSIGN(const auto cpu,
                integer_parameter(query, "minFreeCpu", 0, limits::kCpuMilliMax / 1'000));
  HEARTH_ASSIGN(const auto ram, integer_parameter(query, "minFreeRamMb", 0, kMbMax));
  HEARTH_ASSIGN(const auto vram, integer_parameter(query, "minFreeVramMb", 0, kMbMax));
  wanted.free_cpu_milli_min = cpu.value_or(0) * 1'000;
  wanted.free_memory_bytes_min = ram.value_or(0) * limits::kMiB;
  wanted.free_vram_bytes_min = vram.value_or(0) * limits::kMiB;
  net::QueryList labels;
  std::copy_if(query.begin(), query.end(), std::back_inserter(labels),
               [](const auto& pair) { return pair.first == "label"; });
  HEARTH_ASSIGN(const store::JobQuery parsed, read_job_query(labels));
  wanted.labels.insert(parsed.labels.begin(), parsed.labels.end());
  return wanted;
}

// The machine's figures, or a worker's; of the last hour, in 3,600 points at most.
Result<TelemetryQuery> read_history_query(const net::QueryList& query) {
  TelemetryQuery wanted;
  HEARTH_ASSIGN(auto worker, text_parameter(query, "worker"));
  if (worker) {
    wanted.worker = WorkerId(*std::move(worker));
  }
  HEARTH_ASSIGN(const auto from,
                integer_parameter(query, "fromMs", 1, limits::kTelemetryKeptFor.count()));
  HEARTH_ASSIGN(const auto step,
                integer_parameter(query, "stepMs", 0, limits::kTelemetryKeptFor.count()));
  HEARTH_ASSIGN(const auto points,
                integer_parameter(query, "points", 1, limits::kTelemetryPointsMax));
  wanted.from_ago = Duration(from.value_or(limits::kTelemetryKeptFor.count()));
  wanted.step = Duration(step.value_or(0));
  wanted.points_max = points.value_or(limits::kTelemetryPointsMax);
  return wanted;
}

Error bad_heartbeat(std::string_view field, const std::string& found, const std::string& wanted) {
  return invalid_field(std::string(field), "a worker's heartbeat has a " + std::string(field) +
                                               " that is " + wanted + "; " + found);
}

Result<std::string> heartbeat_text(const boost::json::object& body, std::string_view field,
                                   const std::string& wanted) {
  const boost::json::value* value = body.if_contains(field);
  if (value == nullptr) {
    return bad_heartbeat(field, "it is missing", wanted);
  }
  if (!value->is_string()) {
    return bad_heartbeat(field, "it is no text", wanted);
  }
  return std::string(value->get_string());
}

// Either of the two shapes in use: a `state`, or a `health_status`. The second tells only whether
// the worker can be used.
Result<WorkerState> read_worker_state(const boost::json::object& body) {
  if (const auto* health = body.if_contains("health_status"); health != nullptr) {
    const std::string wanted = "healthy, degraded or unhealthy";
    HEARTH_ASSIGN(const std::string text, heartbeat_text(body, "health_status", wanted));
    if (text == "healthy" || text == "degraded") {
      return WorkerState::Ready;
    }
    if (text == "unhealthy") {
      return WorkerState::Starting;
    }
    return bad_heartbeat("health_status", "it is \"" + text.substr(0, 80) + "\"", wanted);
  }
  const std::string wanted = "starting, loading, ready, idle, busy, stopping or stopped";
  HEARTH_ASSIGN(std::string text, heartbeat_text(body, "state", wanted));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (text == "LOADING") {
    return WorkerState::Starting;
  }
  if (text == "IDLE") {
    return WorkerState::Ready;
  }
  if (const auto state = parse_worker_state(text)) {
    return *state;
  }
  return bad_heartbeat("state", "it is \"" + text.substr(0, 80) + "\"", wanted);
}

Result<> take_heartbeat(Context& context, const std::string& text) {
  HEARTH_ASSIGN(const auto value, net::parse_json(text));
  HEARTH_ASSIGN(const auto* body, read_object(value, "body"));
  const std::string id_rule = "1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'";
  HEARTH_ASSIGN(const std::string id, heartbeat_text(*body, "worker_id", id_rule));
  if (!is_valid_name_id(id)) {
    return bad_heartbeat("worker_id", "it is \"" + id.substr(0, 80) + "\"", id_rule);
  }
  const std::string time_rule = "a time as RFC 3339 writes it";
  HEARTH_ASSIGN(const std::string time, heartbeat_text(*body, "timestamp", time_rule));
  if (!parse_rfc3339(time)) {
    return bad_heartbeat("timestamp", "it is \"" + time.substr(0, 80) + "\"", time_rule);
  }
  HEARTH_ASSIGN(const WorkerState state, read_worker_state(*body));
  return context.telemetry.external_worker(WorkerId(id), state);
}

}  // namespace

void list_workers(Context& context, Call call) {
  const auto query = read_worker_query(call.query);
  const auto limit = integer_parameter(call.query, "limit", 1, limits::kWorkersListedMax);
  if (!query || !limit) {
    call.responder.fail(!query ? query.error() : limit.error());
    return;
  }
  // Whoever asks again soon finds figures a second old.
  context.telemetry.want_figures();
  context.telemetry.unwant_figures();
  std::string body;
  net::JsonWriter json(body);
  json.begin_object();
  write_workers(json, context.telemetry.workers(*query),
                limit->value_or(limits::kWorkersListedDefault));
  json.end_object();
  call.responder.send(json_response(200, std::move(body)));
}

void get_telemetry(Context& context, Call call) {
  auto names = check_names(call.query, kHistoryParameters);
  auto agent = read_agent(call.query);
  auto query = read_history_query(call.query);
  if (!names || !agent || !query) {
    call.responder.fail(!names ? names.error() : !agent ? agent.error() : query.error());
    return;
  }
  if (!*agent) {
    call.responder.fail(invalid_field("agent",
                                      "name the agent whose figures are asked for: "
                                      "/v1/telemetry?agent=ID[&worker=ID]"));
    return;
  }
  context.telemetry.history(
      **agent, *query,
      [&context, responder = call.responder, agent = **agent,
       worker = query->worker](Result<TelemetrySeries> series) {
        if (!series) {
          responder.fail(series.error());
          return;
        }
        responder.post([&context, responder, agent, worker, series = *std::move(series)] {
          std::string body;
          net::JsonWriter json(body);
          write_series(json, agent, worker, series, context.clock.now());
          responder.send(json_response(200, std::move(body)));
        });
      });
}

void take_worker_heartbeat(Context& context, Call call) {
  if (auto taken = take_heartbeat(context, call.request.body); !taken) {
    call.responder.fail(taken.error());
    return;
  }
  call.responder.send(json_response(200, R"({"status":"ok"})"));
}

}  // namespace hearth::rest
