// A controller as far as commands that wait for one job can see it: it takes the job, says that it
// ended, and is away when asked how, as often as a test says.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "cli/session.h"
#include "net/http_server.h"

namespace hearth::cli::testing {

class OneJobServer final : public net::HttpHandler {
 public:
  OneJobServer() {
    auto started = net::HttpServer::start({"127.0.0.1", 0}, "--http", *this, clock_, {});
    server_ = std::move(*started);
  }

  net::BodyPlan plan(const net::Request& /*head*/) override { return {}; }
  void handle(net::Request request, net::Responder responder) override {
    if (request.path.ends_with("/events")) {
      responder.stream(net::Response{.status = 200}, std::make_unique<EndEvent>());
    } else if (request.method == "GET" && absences-- > 0) {
      responder.send(net::Response{.status = 503});
    } else {
      responder.send(net::Response{.status = request.method == "POST" ? 201 : 200, .body = kJob});
    }
  }

  // `discard` takes what the command says.
  Result<Session> session(const UniqueFd& discard) const {
    Common common;
    common.url = "http://" + server_->address().to_string();
    return Session::open(common, {},
                         {.in_fd = -1, .out_fd = discard.get(), .err_fd = discard.get()});
  }

  std::atomic<int> absences{0};

 private:
  static constexpr const char* kJob =
      R"({"id":"1","state":"FAILED","reason":"exit_nonzero","exitCode":3})";

  class EndEvent final : public net::BodySource {
   public:
    Pull pull(std::string& out, std::size_t /*max*/) override {
      out += "event: end\ndata: {}\n\n";
      return Pull::End;
    }
  };

  SystemClock clock_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace hearth::cli::testing
