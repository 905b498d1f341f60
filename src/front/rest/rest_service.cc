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
  Handler handler;  // null: the body's sink answers
  BodyKind body = BodyKind::None;
};

constexpr auto kRoutes = std::to_array<Route>({
    {"POST", "/v1/jobs", submit_job, BodyKind::Json},
    {"GET", "/v1/jobs", list_jobs},
    {"POST", "/v1/jobs:batch", nullptr, BodyKind::Batch},
    {"GET", "/v1/jobs/{id}", get_job},
    {"GET", "/v1/jobs/{id}/output", get_output},
    {"GET", "/v1/jobs/{id}/events", get_job_events},
    {"POST", "/v1/jobs/{id}/cancel", cancel_job, BodyKind::Json},
    {"POST", "/v1/jobs/{id}/retry", retry_job, BodyKind::Json},
    {"GET", "/v1/jobs/{id}/explain", explain_job},
    {"POST", "/v1/uploads", nullptr, BodyKind::NotYet},
    {"GET", "/v1/agents", list_agents},
    {"POST", "/v1/agents/{id}/drain", drain_agent, BodyKind::Json},
    {"GET", "/v1/workers", list_workers},
    {"GET", "/v1/events", get_events},
    {"GET", "/healthz", get_health},
    {"GET", "/readyz", get_readiness},
    {"GET", "/metrics", get_metrics},
    {"GET", "/openapi.json", get_contract},
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

}  // namespace

class RestService::Impl {
 public:
  Impl(api::ControllerApi& api, Clock& clock, RestOptions options)
      : options_(std::move(options)),
        router_(routes()),
        hub_(api, options_.ring_events_max),
        context_{api, clock, hub_, options_} {}

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
    const Route& route = kRoutes.at(match.index);
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
      plan.sink = make_batch_sink(context_, is_lines_type(head.header("content-type"))
                                                ? BatchFormat::Lines
                                                : BatchFormat::Array);
    }
    return plan;
  }

  void handle(net::Request request, net::Responder responder) {
    net::Router::Match match = router_.match(request.method, request.path);
    auto query = net::parse_query(request.query);
    if (!query) {
      responder.fail(Error{.code = ErrorCode::InvalidArgument,
                           .message = "the query holds a broken percent escape"});
      return;
    }
    kRoutes.at(match.index)
        .handler(context_, Call{.request = std::move(request),
                                .parameters = std::move(match.parameters),
                                .query = std::move(*query),
                                .responder = std::move(responder)});
  }

 private:
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
  Context context_;
};

RestService::RestService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RestService::~RestService() = default;

Result<std::unique_ptr<RestService>> RestService::create(api::ControllerApi& api, Clock& clock,
                                                         RestOptions options) {
  auto impl = std::make_unique<Impl>(api, clock, std::move(options));
  HEARTH_TRY(impl->start());
  return std::unique_ptr<RestService>(new RestService(std::move(impl)));
}

net::BodyPlan RestService::plan(const net::Request& head) {
  return impl_->plan(head);
}

void RestService::handle(net::Request request, net::Responder responder) {
  impl_->handle(std::move(request), std::move(responder));
}

std::vector<net::RoutePattern> RestService::routes() {
  std::vector<net::RoutePattern> patterns;
  for (const Route& route : kRoutes) {
    patterns.push_back({route.method, route.path});
  }
  return patterns;
}

}  // namespace hearth::rest
