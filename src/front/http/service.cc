#include "front/http/service.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/problem.h"

namespace hearth::front {

namespace {

Result<> check_content_type(const Route& route, const net::Request& head) {
  const std::string_view type = head.header("content-type");
  if (route.body == nullptr || takes_type(*route.body, type)) {
    return {};
  }
  return Error{
      .code = ErrorCode::InvalidArgument,
      .message = "send Content-Type: " + std::string(route.body->said) +
                 (type.empty() ? "; there was none" : ", not " + std::string(type.substr(0, 80))),
      .kind = "unsupported_media_type"};
}

net::Response refuse(const net::Request& head, const net::Router::Match& match) {
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

// A body that is received as it comes, and taken only if its sender may still do that at its end.
class AdmittedSink final : public net::BodySink {
 public:
  AdmittedSink(Door& door, auth::Need need, std::unique_ptr<net::BodySink> sink)
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
  const auth::Need need_;
  std::unique_ptr<net::BodySink> sink_;
};

}  // namespace

bool takes_type(const BodyRule& rule, std::string_view content_type) {
  return std::ranges::any_of(rule.types, [content_type](std::string_view type) {
    return net::is_media_type(content_type, type);
  });
}

std::vector<net::RoutePattern> patterns_of(const std::vector<Route>& routes) {
  std::vector<net::RoutePattern> patterns;
  for (const Route& route : routes) {
    patterns.push_back({route.method, route.path});
  }
  return patterns;
}

Service::Service(api::Doorkeeper& keeper, Clock& clock, ServiceOptions options)
    : options_(std::move(options)), door_(keeper, clock, options_.door) {}

void Service::mount(std::vector<Route> routes) {
  for (Route& route : routes) {
    for (const Route& other : routes_) {
      HEARTH_CHECK(other.path != route.path || other.method != route.method,
                   "two front doors offer one route");
    }
    routes_.push_back(std::move(route));
  }
  router_ = net::Router(patterns_of(routes_));
  times_.set_routes(router_.patterns());
}

net::BodyPlan Service::plan(const net::Request& head) {
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
  if (auto planned = plan_route(head, match.index)) {
    plan = std::move(*planned);
  } else {
    plan.refuse = refusal_response(planned.error());
  }
  plan.route = match.index;
  return plan;
}

Result<net::BodyPlan> Service::plan_route(const net::Request& head, std::size_t index) {
  const Route& route = routes_.at(index);
  HEARTH_ASSIGN(const auth::Caller caller,
                door_.admit(head, {route.method, route.path}, route.need));
  if (route.submits) {
    HEARTH_TRY(door_.count_submit(caller, head.peer));
  }
  HEARTH_TRY(check_content_type(route, head));
  net::BodyPlan plan;
  if (route.body != nullptr) {
    plan.bytes_max = route.body->bytes_max;
    plan.limit_name = route.body->limit_name;
  }
  if (route.sink) {
    HEARTH_ASSIGN(std::unique_ptr<net::BodySink> sink, route.sink(head));
    plan.sink = std::make_unique<AdmittedSink>(door_, route.need, std::move(sink));
  }
  return plan;
}

void Service::tick() {
  for (const auto& work : on_tick_) {
    work();
  }
}

void Service::handle(net::Request request, net::Responder responder) {
  net::Router::Match match = router_.match(request.method, request.path);
  const Route& route = routes_.at(match.index);
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
  route.handler(Call{.request = std::move(request),
                     .parameters = std::move(match.parameters),
                     .query = std::move(*query),
                     .responder = std::move(responder),
                     .caller = std::move(*caller)});
}

}  // namespace hearth::front
