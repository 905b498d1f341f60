// The REST front door on a real socket, over a controller that the test plays.
#pragma once

#include <memory>
#include <string>

#include "api/telemetry_desk.h"
#include "front/http/testing/front_fixture.h"
#include "front/rest/rest_service.h"

namespace hearth::rest::testing {

class RestFixture : public front::testing::FrontFixture {
 protected:
  void start(std::int64_t ring_events_max) {
    ring_events_max_ = ring_events_max;
    FrontFixture::start();
  }

  void mount() override {
    auto rest = RestService::create(
        api_, telemetry_, *service_, clock_,
        {.version = "0.1.0",
         .ring_events_max = ring_events_max_,
         .uploads = uploads_,
         .http_stats = [this] { return server_ ? server_->stats() : net::HttpServerStats{}; },
         .more_metrics = {}});
    ASSERT_TRUE(rest);
    rest_ = std::move(*rest);
  }
  void unmount() override { rest_.reset(); }

  JobId submit(const std::string& body = R"({"command":["true"]})") {
    const auto response = post("/v1/jobs", body);
    EXPECT_EQ(response.status, 201) << response.body;
    return parse_job_id(text(json(response), "id")).value_or(JobId());
  }

  uploads::UploadStore* uploads_ = nullptr;  // of the next start()
  std::int64_t ring_events_max_ = limits::kWatcherQueueEventsMax;
  // The real one: there is nothing behind it but what the test says as an agent.
  api::Published published_;
  api::TelemetryDesk telemetry_{{.published = published_, .clock = clock_}, {}};
  std::unique_ptr<RestService> rest_;
};

}  // namespace hearth::rest::testing
