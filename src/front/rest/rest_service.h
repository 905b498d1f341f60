// The REST front door under /v1, with health, metrics and the contract (spec §4, "REST").
//
// Maps requests to api::ControllerApi and its answers and errors back; holds no job state. Mounted
// on a front::Service.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/controller_api.h"
#include "api/telemetry_api.h"
#include "base/clock.h"
#include "front/http/service.h"
#include "net/http_server.h"
#include "net/router.h"
#include "uploads/upload_store.h"

namespace hearth::rest {

struct RestOptions {
  std::string version = "0";
  std::int64_t ring_events_max = limits::kWatcherQueueEventsMax;
  uploads::UploadStore* uploads = nullptr;  // outlives the server; null: none are taken
  // For /metrics: the server this is mounted on, and whatever else is to be shown, as lines of
  // Prometheus' text format. Both may be empty; they are called on HTTP threads.
  std::function<net::HttpServerStats()> http_stats;
  std::function<void(std::string&)> more_metrics;
};

class RestService {
 public:
  // Puts its routes on `service`. What it is given must outlive it, it the server.
  static Result<std::unique_ptr<RestService>> create(api::ControllerApi& api,
                                                     api::TelemetryApi& telemetry,
                                                     front::Service& service, Clock& clock,
                                                     RestOptions options);
  ~RestService();
  RestService(const RestService&) = delete;
  RestService& operator=(const RestService&) = delete;

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
