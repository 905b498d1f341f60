#include "front/rest/rest_service.h"

#include <array>
#include <utility>

#include "front/rest/routes.h"
#include "front/rest/upload_routes.h"

namespace hearth::rest {

namespace {

enum class BodyKind { None, Json, Batch, Archive };

struct Route {
  std::string_view method;
  std::string_view path;
  auth::Need need;
  Handler handler;  // null: the body's sink answers
  BodyKind body = BodyKind::None;
  bool submits = false;  // counts against the rate of submissions
};

using auth::Need;

constexpr auto kRoutes = std::to_array<Route>({
    {"POST", "/v1/jobs", Need::Submit, submit_job, BodyKind::Json, true},
    {"GET", "/v1/jobs", Need::Read, list_jobs},
    {"POST", "/v1/jobs:batch", Need::Submit, nullptr, BodyKind::Batch, true},
    {"GET", "/v1/jobs/{id}", Need::Read, get_job},
    {"GET", "/v1/jobs/{id}/output", Need::Read, get_output},
    {"GET", "/v1/jobs/{id}/events", Need::Read, get_job_events},
    {"GET", "/v1/jobs/{id}/results", Need::Read, get_results},
    {"GET", "/v1/jobs/{id}/results/{path}", Need::Read, get_result_file},
    {"POST", "/v1/jobs/{id}/cancel", Need::Submit, cancel_job, BodyKind::Json},
    {"POST", "/v1/jobs/{id}/retry", Need::Submit, retry_job, BodyKind::Json, true},
    {"GET", "/v1/jobs/{id}/explain", Need::Read, explain_job},
    {"POST", "/v1/uploads", Need::Submit, nullptr, BodyKind::Archive, true},
    {"GET", "/v1/agents", Need::Read, list_agents},
    {"POST", "/v1/agents/{id}/drain", Need::Admin, drain_agent, BodyKind::Json},
    {"GET", "/v1/workers", Need::Read, list_workers},
    {"GET", "/v1/telemetry", Need::Read, get_telemetry},
    {"GET", "/v1/events", Need::Read, get_events},
    // Two shapes in use by workers that are not Hearth's own.
    {"POST", "/heartbeat/workers", Need::Agent, take_worker_heartbeat, BodyKind::Json},
    {"POST", "/v1/heartbeat", Need::Agent, take_worker_heartbeat, BodyKind::Json},
    {"POST", "/v1/tokens", Need::Admin, create_token, BodyKind::Json},
    {"GET", "/v1/tokens", Need::Admin, list_tokens},
    {"POST", "/v1/tokens/{id}/revoke", Need::Admin, revoke_token, BodyKind::Json},
    // Its body is the credential.
    {"POST", "/v1/session", Need::Nothing, open_session, BodyKind::Json},
    // Takes only the caller's own cookie away.
    {"DELETE", "/v1/session", Need::Nothing, end_session},
    // For probes, which have no token; they tell nothing of jobs.
    {"GET", "/healthz", Need::Nothing, get_health},
    {"GET", "/readyz", Need::Nothing, get_readiness},
    {"GET", "/metrics", Need::Read, get_metrics},
    {"GET", "/openapi.json", Need::Nothing, get_contract},
});

constexpr auto kLinesTypes = std::to_array<std::string_view>(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"});
constexpr front::BodyRule kLinesBody = {.types = kLinesTypes, .said = {}};

constexpr auto kBatchTypes = std::to_array<std::string_view>(
    {"application/json", "application/x-ndjson", "application/ndjson", "application/jsonl",
     "application/x-jsonlines"});
constexpr front::BodyRule kBatchBody = {.types = kBatchTypes,
                                        .said = "application/json or application/x-ndjson",
                                        .bytes_max = limits::kBatchBodyBytesMax,
                                        .limit_name = "batch_body_bytes_max"};

}  // namespace

class RestService::Impl {
 public:
  Impl(api::ControllerApi& api, api::TelemetryApi& telemetry, front::Service& service, Clock& clock,
       RestOptions options)
      : options_(std::move(options)),
        hub_(api, telemetry, options_.ring_events_max),
        pages_(api, telemetry, hub_, clock),
        context_{api,      telemetry,       clock,   hub_, pages_, service.door(),
                 answers_, service.times(), options_} {}

  Result<> start(front::Service& service) {
    HEARTH_TRY(hub_.start());
    std::vector<front::Route> routes;
    for (const Route& route : kRoutes) {
      routes.push_back(bound(route));
    }
    service.mount(std::move(routes));
    return {};
  }

 private:
  front::Route bound(const Route& route) {
    front::Route bound{
        .method = route.method, .path = route.path, .need = route.need, .submits = route.submits};
    if (route.handler != nullptr) {
      bound.handler = [this, handler = route.handler](Call call) {
        handler(context_, std::move(call));
      };
    }
    switch (route.body) {
      case BodyKind::None:
        break;
      case BodyKind::Json:
        bound.body = &front::kJsonBody;
        break;
      case BodyKind::Batch:
        bound.body = &kBatchBody;
        bound.sink = [this](const net::Request& head) {
          const bool lines = front::takes_type(kLinesBody, head.header("content-type"));
          return Result<std::unique_ptr<net::BodySink>>(
              make_batch_sink(context_, lines ? BatchFormat::Lines : BatchFormat::Array));
        };
        break;
      case BodyKind::Archive:
        bound.body = &kArchiveBody;
        bound.sink = [this](const net::Request&) { return make_upload_sink(options_.uploads); };
        break;
    }
    return bound;
  }

  RestOptions options_;
  EventHub hub_;
  FeedPages pages_;
  JobAnswers answers_;
  Context context_;
};

RestService::RestService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RestService::~RestService() = default;

Result<std::unique_ptr<RestService>> RestService::create(api::ControllerApi& api,
                                                         api::TelemetryApi& telemetry,
                                                         front::Service& service, Clock& clock,
                                                         RestOptions options) {
  auto impl = std::make_unique<Impl>(api, telemetry, service, clock, std::move(options));
  HEARTH_TRY(impl->start(service));
  return std::unique_ptr<RestService>(new RestService(std::move(impl)));
}

std::vector<net::RoutePattern> RestService::routes() {
  std::vector<net::RoutePattern> patterns;
  for (const Route& route : kRoutes) {
    patterns.push_back({route.method, route.path});
  }
  return patterns;
}

std::vector<auth::Need> RestService::needs() {
  std::vector<auth::Need> needs;
  for (const Route& route : kRoutes) {
    needs.push_back(route.need);
  }
  return needs;
}

}  // namespace hearth::rest
