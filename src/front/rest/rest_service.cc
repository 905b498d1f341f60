#include "front/rest/rest_service.h"

#include <array>

#include "front/rest/routes.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

// NotYet: promised for a later version; refused before a byte of the body is read.
enum class BodyKind { None, Json, Batch, NotYet };

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
    {"POST", "/v1/jobs/{id}/cancel", Need::Submit, cancel_job, BodyKind::Json},
    {"POST", "/v1/jobs/{id}/retry", Need::Submit, retry_job, BodyKind::Json, true},
    {"GET", "/v1/jobs/{id}/explain", Need::Read, explain_job},
    {"POST", "/v1/uploads", Need::Submit, nullptr, BodyKind::NotYet},
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

constexpr std::array<std::string_view, 4> kLinesTypes = {
    "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"};

bool is_lines_type(std::string_view content_type) {
  for (const std::string_view type : kLinesTypes) {
    if (net::is_media_type(content_type, type)) {
      return true;
    }
  }
  return false;
}

Error uploads_not_supported() {
  return Error{.code = ErrorCode::Unimplemented,
               .message =
                   "this version takes no uploads; put the files where the agents can read "
                   "them and name that place with cwd, or send one file as stdin",
               .kind = "not_supported"};
}

// Content types a cross-site form can send are refused with all others.
Result<> check_content_type(const Route& route, const net::Request& head) {
  const std::string_view type = head.header("content-type");
  if (route.body == BodyKind::None || net::is_media_type(type, "application/json") ||
      (route.body == BodyKind::Batch && is_lines_type(type))) {
    return {};
  }
  return Error{
      .code = ErrorCode::InvalidArgument,
      .message = std::string("send Content-Type: application/json") +
                 (route.body == BodyKind::Batch ? " or application/x-ndjson" : "") +
                 (type.empty() ? "; there was none" : ", not " + std::string(type.substr(0, 80))),
      .kind = "unsupported_media_type"};
}

// A body that is received as it comes, and taken only if its sender may still do that at its end.
class AdmittedSink final : public net::BodySink {
 public:
  AdmittedSink(Door& door, Need need, std::unique_ptr<net::BodySink> sink)
      : door_(door), need_(need), sink_(std::move(sink)) {}

  Result<> on_data(std::string_view bytes) override { return sink_->on_data(bytes); }

  void finish(net::Request request, net::Responder responder) override {
    const auto caller = door_.admit_again(request, need_);
    auto counted = door_.begin_request();
    if (!caller || !counted) {
      responder.send(refusal_response(!caller ? caller.error() : counted.error()));
      return;
    }
    responder.hold(std::move(*counted));
    sink_->finish(std::move(request), std::move(responder));
  }

 private:
  Door& door_;
  const Need need_;
  std::unique_ptr<net::BodySink> sink_;
};

}  // namespace

class RestService::Impl {
 public:
  Impl(api::ControllerApi& api, api::TelemetryApi& telemetry, api::Doorkeeper& keeper, Clock& clock,
       RestOptions options)
      : options_(std::move(options)),
        router_(routes()),
        hub_(api, telemetry, options_.ring_events_max),
        pages_(api, telemetry, hub_, clock),
        door_(keeper, clock, options_.door),
        times_(router_.patterns()),
        context_{api, telemetry, clock, hub_, pages_, door_, answers_, times_, options_} {}

  Result<> start() { return hub_.start(); }

  net::BodyPlan plan(const net::Request& head) {
    net::BodyPlan plan;
    if (auto checked = options_.origins.check(head); !checked) {
      plan.refuse = net::problem_response(checked.error());
      return plan;
    }
    const net::Router::Match match = router_.match(head.method, head.path);
    if (match.index == net::Router::kNone) {
      plan.refuse = refuse(head, match);
      return plan;
    }
    plan.route = match.index;
    const Route& route = kRoutes.at(match.index);
    if (auto admitted = admit(route, head); !admitted) {
      plan.refuse = refusal_response(admitted.error());
      return plan;
    }
    if (route.body == BodyKind::NotYet) {
      plan.refuse = net::problem_response(uploads_not_supported());
      return plan;
    }
    if (auto checked = check_content_type(route, head); !checked) {
      plan.refuse = net::problem_response(checked.error());
      return plan;
    }
    if (route.body == BodyKind::Batch) {
      plan.bytes_max = limits::kBatchBodyBytesMax;
      plan.limit_name = "batch_body_bytes_max";
      const bool lines = is_lines_type(head.header("content-type"));
      plan.sink = std::make_unique<AdmittedSink>(
          door_, route.need,
          make_batch_sink(context_, lines ? BatchFormat::Lines : BatchFormat::Array));
    }
    return plan;
  }

  void answered(const net::Answered& answer) { times_.count(answer); }

  void handle(net::Request request, net::Responder responder) {
    net::Router::Match match = router_.match(request.method, request.path);
    const Route& route = kRoutes.at(match.index);
    auto caller = door_.admit_again(request, route.need);
    auto counted = door_.begin_request();
    if (!caller || !counted) {
      responder.send(refusal_response(!caller ? caller.error() : counted.error()));
      return;
    }
    responder.hold(std::move(*counted));
    auto query = net::parse_query(request.query);
    if (!query) {
      responder.fail(Error{.code = ErrorCode::InvalidArgument,
                           .message = "the query holds a broken percent escape"});
      return;
    }
    route.handler(context_, Call{.request = std::move(request),
                                 .parameters = std::move(match.parameters),
                                 .query = std::move(*query),
                                 .responder = std::move(responder),
                                 .caller = std::move(*caller)});
  }

 private:
  Result<> admit(const Route& route, const net::Request& head) {
    HEARTH_ASSIGN(const auth::Caller caller,
                  door_.admit(head, {route.method, route.path}, route.need));
    return route.submits ? door_.count_submit(caller, head.peer) : Result<>();
  }

  static net::Response refuse(const net::Request& head, const net::Router::Match& match) {
    if (match.allow.empty()) {
      return net::problem_response(not_found("there is nothing at " + head.path.substr(0, 200) +
                                             "; /openapi.json lists what there is"));
    }
    if (head.method == "OPTIONS") {
      return net::Response{.status = 204, .headers = {{"Allow", match.allow + ", OPTIONS"}}};
    }
    net::Response response =
        net::problem_response(Error{.code = ErrorCode::InvalidArgument,
                                    .message = head.method.substr(0, 40) + " is not offered at " +
                                               head.path.substr(0, 200) + ", only " + match.allow,
                                    .kind = "method_not_allowed"});
    response.headers.emplace_back("Allow", match.allow + ", OPTIONS");
    return response;
  }

  RestOptions options_;
  net::Router router_;
  EventHub hub_;
  FeedPages pages_;
  Door door_;
  JobAnswers answers_;
  RouteTimes times_;
  Context context_;
};

RestService::RestService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RestService::~RestService() = default;

Result<std::unique_ptr<RestService>> RestService::create(api::ControllerApi& api,
                                                         api::TelemetryApi& telemetry,
                                                         api::Doorkeeper& keeper, Clock& clock,
                                                         RestOptions options) {
  auto impl = std::make_unique<Impl>(api, telemetry, keeper, clock, std::move(options));
  HEARTH_TRY(impl->start());
  return std::unique_ptr<RestService>(new RestService(std::move(impl)));
}

net::BodyPlan RestService::plan(const net::Request& head) {
  return impl_->plan(head);
}

void RestService::handle(net::Request request, net::Responder responder) {
  impl_->handle(std::move(request), std::move(responder));
}

void RestService::answered(const net::Answered& answer) {
  impl_->answered(answer);
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
