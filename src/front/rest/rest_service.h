// The REST front door under /v1, with health, metrics and the contract (spec §4, "REST").
//
// Maps requests to api::ControllerApi and its answers and errors back; holds no job state. Mounted
// on a net::HttpServer, whose threads it runs on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/controller_api.h"
#include "api/telemetry_api.h"
#include "base/clock.h"
#include "front/rest/door.h"
#include "net/http_server.h"
#include "net/origin_policy.h"
#include "net/router.h"

namespace hearth::rest {

struct RestOptions {
  net::OriginPolicy origins;
  std::string version = "0";
  DoorOptions door;
  std::int64_t ring_events_max = limits::kWatcherQueueEventsMax;
  // For /metrics: the server this is mounted on, and whatever else is to be shown, as lines of
  // Prometheus' text format. Both may be empty; they are called on HTTP threads.
  std::function<net::HttpServerStats()> http_stats;
  std::function<void(std::string&)> more_metrics;
};

class RestService final : public net::HttpHandler {
 public:
  // What it is given must outlive it, it the server. The keeper is stopped before it goes.
  static Result<std::unique_ptr<RestService>> create(api::ControllerApi& api,
                                                     api::TelemetryApi& telemetry,
                                                     api::Doorkeeper& keeper, Clock& clock,
                                                     RestOptions options);
  ~RestService() override;
  RestService(const RestService&) = delete;
  RestService& operator=(const RestService&) = delete;

  net::BodyPlan plan(const net::Request& head) override;
  void handle(net::Request request, net::Responder responder) override;
  void answered(const net::Answered& answer) override;

  // The route table, for the tests that hold the contract against it.
  static std::vector<net::RoutePattern> routes();
  // What each of them needs, in the same order.
  static std::vector<auth::Need> needs();

 private:
  class Impl;
  explicit RestService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::rest
