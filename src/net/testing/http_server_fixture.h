// The server over real loopback sockets, with a handler that a test fills in.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "net/http_server.h"
#include "net/testing/raw_client.h"
#include "tls/testing/test_certificates.h"

namespace hearth::net::testing {

// Counts the bytes of a body and answers with the count.
class CountingSink final : public BodySink {
 public:
  Result<> on_data(std::string_view bytes) override {
    if (bytes.find('!') != std::string_view::npos) {
      return invalid_argument("a '!' is not taken");
    }
    count_ += bytes.size();
    return {};
  }
  void finish(Request, Responder responder) override {
    responder.send(Response{.body = std::to_string(count_)});
  }

 private:
  std::size_t count_ = 0;
};

class LambdaSource final : public BodySource {
 public:
  using Pull = BodySource::Pull;
  explicit LambdaSource(std::function<Pull(std::string&, std::size_t)> pull)
      : pull_(std::move(pull)) {}
  ~LambdaSource() override {
    if (on_destroy) {
      on_destroy();
    }
  }
  Pull pull(std::string& out, std::size_t max) override { return pull_(out, max); }
  void on_quiet(std::string& out) override { out += ":quiet\n"; }
  void on_stop(std::string& out) override { out += "bye\n"; }
  std::function<void()> on_destroy;

 private:
  std::function<Pull(std::string&, std::size_t)> pull_;
};

class TestHandler final : public HttpHandler {
 public:
  BodyPlan plan(const Request& head) override {
    BodyPlan plan;
    if (head.path == "/count") {
      plan.bytes_max = 8 * limits::kMiB;
      plan.limit_name = "count_bytes_max";
      plan.sink = std::make_unique<CountingSink>();
    } else if (head.path == "/refuse") {
      plan.refuse = Response{.status = 415, .body = "no"};
    }
    return plan;
  }
  void handle(Request request, Responder responder) override {
    if (request.path == "/drop") {
      return;
    }
    if (on_request) {
      on_request(request, responder);
      return;
    }
    responder.send(Response{.body = request.method + " " + request.target + " " + request.body});
  }
  std::function<void(const Request&, const Responder&)> on_request;
};

enum class Transport { Plain, Tls };

// The same server over both transports: a test that says nothing of either holds for both.
class HttpServerTest : public ::testing::TestWithParam<Transport> {
 protected:
  HttpServerTest() {
    if (GetParam() == Transport::Tls) {
      certificates_ = std::make_unique<tls::testing::TestCertificates>();
      identity_ = certificates_->identity();
      trust_ = *tls::make_client_context({.authority = certificates_->ca()});
    }
  }

  void start(HttpServerOptions options = {.tick = Duration(0)}) {
    options.tls = identity_.get();
    auto started = HttpServer::start({"127.0.0.1", 0}, "--http", handler_, clock_, options);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    port_ = server_->address().port;
  }
  void tick(int times) {
    for (int i = 0; i < times; ++i) {
      server_->tick();
    }
  }
  RawClient connect(const std::string& from = "127.0.0.1") {
    return RawClient(port_, {.tls = trust_.get(), .from = from});
  }
  // Timeouts count from what the server has read: one answered request says that it has begun.
  void exchange(RawClient& client) {
    ASSERT_TRUE(client.send(get("/sync")));
    ASSERT_EQ(client.read_response().status, 200);
  }

  std::unique_ptr<tls::testing::TestCertificates> certificates_;  // null: plain
  std::unique_ptr<tls::ServerIdentity> identity_;
  std::shared_ptr<const tls::Context> trust_;
  SystemClock clock_;
  TestHandler handler_;
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
};

inline std::string transport_name(const ::testing::TestParamInfo<Transport>& info) {
  return info.param == Transport::Tls ? "Tls" : "Plain";
}

}  // namespace hearth::net::testing
