// Everything that is offered over HTTP, put together from the tables of the front doors.
//
// It lets requests in (browser rules, credentials, content types, rates), finds their route, hands
// them on and measures them; what a route does is its front door's affair. So each protocol is one
// table, and none knows of another.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "front/http/door.h"
#include "front/http/route.h"
#include "front/http/route_times.h"
#include "net/http_server.h"
#include "net/origin_policy.h"
#include "net/router.h"

namespace hearth::front {

struct ServiceOptions {
  net::OriginPolicy origins;
  DoorOptions door;
};

// Handed to the HTTP server, on whose threads it runs. Front doors outlive the server, this one
// outlives the front doors; the keeper is stopped before it goes.
class Service final : public net::HttpHandler {
 public:
  Service(api::Doorkeeper& keeper, Clock& clock, ServiceOptions options);

  // Before the server starts; no two routes may be the same.
  void mount(std::vector<Route> routes);
  // Called with each tick of the server. Before it starts, too.
  void on_tick(std::function<void()> work) { on_tick_.push_back(std::move(work)); }

  [[nodiscard]] Door& door() { return door_; }
  [[nodiscard]] const RouteTimes& times() const { return times_; }

  net::BodyPlan plan(const net::Request& head) override;
  void handle(net::Request request, net::Responder responder) override;
  void answered(const net::Answered& answer) override { times_.count(answer); }
  void tick() override;

 private:
  Result<net::BodyPlan> plan_route(const net::Request& head, std::size_t index);

  const ServiceOptions options_;
  Door door_;
  std::vector<Route> routes_;
  net::Router router_{{}};
  RouteTimes times_;
  std::vector<std::function<void()>> on_tick_;
};

}  // namespace hearth::front
