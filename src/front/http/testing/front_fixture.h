// A front door on a real socket, over a controller that the test plays.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>

#include "api/testing/doorkeeper.h"
#include "api/testing/fake_controller_api.h"
#include "base/clock.h"
#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "front/http/service.h"
#include "net/http_server.h"
#include "net/testing/raw_client.h"

namespace hearth::front::testing {

class FrontFixture : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override {
    server_.reset();
    keeper_->stop();
    unmount();
  }

  // Puts the front door on service_ once more, and takes it away.
  virtual void mount() = 0;
  virtual void unmount() = 0;

  void start() {
    if (keeper_ == nullptr) {
      keeper_ = api::testing::make_doorkeeper(door_clock_, log_);
    }
    server_.reset();
    unmount();
    service_ =
        std::make_unique<Service>(*keeper_, clock_, ServiceOptions{.origins = {}, .door = door_});
    mount();
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

  static std::string bearer(const std::optional<std::string>& token) {
    return token ? "Authorization: Bearer " + *token + "\r\n" : "";
  }
  // `path` with something for each parameter. Of an answer that streams only the head is read.
  net::testing::RawResponse ask_route(std::string_view method, std::string_view path,
                                      const std::string& extra, bool streams = false) {
    std::string filled(path);
    for (std::size_t at = filled.find('{'); at != std::string::npos; at = filled.find('{')) {
      filled.replace(at, filled.find('}') - at + 1, "none");
    }
    std::string request = std::string(method) + " " + filled + " HTTP/1.1\r\nHost: localhost\r\n" +
                          extra + "Connection: close\r\n";
    if (method != "GET") {
      request += "Content-Type: application/json\r\nContent-Length: 2\r\n";
    }
    net::testing::RawClient client(port());
    client.send(request + "\r\n" + (method == "GET" ? "" : "{}"));
    return client.read_response(streams);
  }
  // Asks each route with every kind of credential there is.
  void expect_needs(const std::vector<net::RoutePattern>& routes,
                    const std::vector<auth::Need>& needs);

  SystemClock clock_;
  hearth::testing::ManualClock door_clock_{SystemClock().now()};  // the doorkeeper's
  hearth::testing::RecordingLog log_;
  DoorOptions door_{.is_open = true};
  std::unique_ptr<api::Doorkeeper> keeper_;
  api::testing::FakeControllerApi api_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<net::HttpServer> server_;
};

inline void FrontFixture::expect_needs(const std::vector<net::RoutePattern>& routes,
                                       const std::vector<auth::Need>& needs) {
  const auto credentials = api::testing::every_credential(*keeper_, door_clock_);
  ASSERT_EQ(routes.size(), needs.size());
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const auto& [method, path] = routes.at(i);
    const bool streams = path == "/v1/events";
    for (const auto& [name, text] : credentials) {
      const net::testing::RawResponse response = ask_route(method, path, bearer(text), streams);
      const std::string what =
          std::string(method) + " " + std::string(path) + " with " + name + ": " + response.body;
      const bool known = text && keeper_->identify(*text);
      if (needs.at(i) == auth::Need::Nothing) {
        EXPECT_TRUE(response.status != 401 || path == "/v1/session") << what;
        EXPECT_NE(response.status, 403) << what;
      } else if (!text) {
        EXPECT_EQ(response.status, 401) << what;
        EXPECT_TRUE(response.headers.at("www-authenticate").starts_with("Bearer")) << what;
      } else if (!known) {
        // The eleventh bad one of an address within a minute.
        EXPECT_TRUE(response.status == 401 || response.status == 429) << what;
        EXPECT_EQ(response.headers.contains("retry-after"), response.status == 429) << what;
      } else if (!auth::grants(keeper_->identify(*text)->scopes, needs.at(i))) {
        EXPECT_EQ(response.status, 403) << what;
        EXPECT_TRUE(streams || response.body.find(to_string(needs.at(i))) != std::string::npos)
            << what;
      } else {
        EXPECT_NE(response.status, 401) << what;
        EXPECT_NE(response.status, 403) << what;
        EXPECT_NE(response.status, 429) << what;
      }
    }
  }
  for (const auto& [name, text] : credentials) {
    if (text && text->size() > 20) {
      const std::string secret = auth::parse_token(*text)->secret;
      EXPECT_EQ(log_.text().find(secret), std::string::npos) << name;
    }
  }
}

}  // namespace hearth::front::testing
