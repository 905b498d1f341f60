// The REST front door on a real socket, over a controller that the test plays.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include <boost/json/parse.hpp>

#include "api/telemetry_desk.h"
#include "api/testing/doorkeeper.h"
#include "api/testing/fake_controller_api.h"
#include "base/clock.h"
#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "front/rest/rest_service.h"
#include "net/http_server.h"
#include "net/testing/raw_client.h"

namespace hearth::rest::testing {

class RestFixture : public ::testing::Test {
 protected:
  void SetUp() override { start(limits::kWatcherQueueEventsMax); }
  void TearDown() override {
    server_.reset();
    keeper_->stop();
    service_.reset();
  }

  void start(std::int64_t ring_events_max) {
    if (keeper_ == nullptr) {
      keeper_ = api::testing::make_doorkeeper(door_clock_, log_);
    }
    server_.reset();
    service_.reset();
    auto service = RestService::create(
        api_, telemetry_, *keeper_, clock_,
        {.origins = {},
         .version = "0.1.0",
         .door = door_,
         .ring_events_max = ring_events_max,
         .http_stats = [this] { return server_ ? server_->stats() : net::HttpServerStats{}; },
         .more_metrics = {}});
    ASSERT_TRUE(service);
    service_ = std::move(*service);
    auto server = net::HttpServer::start({"127.0.0.1", 0}, "--http", *service_, clock_,
                                         {.tick = Duration(0)});
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }

  [[nodiscard]] std::uint16_t port() const { return server_->address().port; }

  net::testing::RawResponse ask(const std::string& request) {
    net::testing::RawClient client(port());
    client.send(request);
    return client.read_response(request.starts_with("HEAD "));
  }
  net::testing::RawResponse get(const std::string& path, const std::string& extra = "") {
    return ask(net::testing::get(path, extra));
  }
  net::testing::RawResponse post(const std::string& path, const std::string& body,
                                 const std::string& type = "application/json",
                                 const std::string& extra = "") {
    return ask(net::testing::post(path, body, type, extra));
  }
  static boost::json::value json(const net::testing::RawResponse& response) {
    boost::system::error_code ec;
    auto value = boost::json::parse(response.body, ec);
    EXPECT_FALSE(ec) << response.body;
    return value;
  }
  static std::string text(const boost::json::value& value, const char* name) {
    const auto* member = value.as_object().if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->as_string()) : "";
  }
  JobId submit(const std::string& body = R"({"command":["true"]})") {
    const auto response = post("/v1/jobs", body);
    EXPECT_EQ(response.status, 201) << response.body;
    return parse_job_id(text(json(response), "id")).value_or(JobId());
  }

  SystemClock clock_;
  hearth::testing::ManualClock door_clock_{SystemClock().now()};  // the doorkeeper's
  hearth::testing::RecordingLog log_;
  DoorOptions door_{.is_open = true};
  std::unique_ptr<api::Doorkeeper> keeper_;
  api::testing::FakeControllerApi api_;
  // The real one: there is nothing behind it but what the test says as an agent.
  api::Published published_;
  api::TelemetryDesk telemetry_{{.published = published_, .clock = clock_}, {}};
  std::unique_ptr<RestService> service_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace hearth::rest::testing
