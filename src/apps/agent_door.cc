#include "apps/agent_door.h"

#include <utility>

#include "net/origin_policy.h"
#include "net/problem.h"

namespace hearth::apps {

class AgentDoor::Handler final : public net::HttpHandler {
 public:
  explicit Handler(std::function<void(std::string&)> append) : append_(std::move(append)) {}

  net::BodyPlan plan(const net::Request& head) override {
    net::BodyPlan plan;
    const bool is_asked =
        head.path == "/metrics" && (head.method == "GET" || head.method == "HEAD");
    if (auto checked = origins_.check(head); !checked) {
      plan.refuse = net::problem_response(checked.error());
    } else if (!is_asked) {
      plan.refuse = net::problem_response(not_found("an agent offers GET /metrics only"));
    }
    return plan;
  }

  void handle(net::Request /*request*/, net::Responder responder) override {
    std::string body;
    append_(body);
    responder.send(net::Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .headers = {{"Cache-Control", "no-store"}},
                                 .body = std::move(body)});
  }

 private:
  const net::OriginPolicy origins_;
  const std::function<void(std::string&)> append_;
};

Result<std::unique_ptr<AgentDoor>> AgentDoor::open(const std::string& address, Clock& clock,
                                                   std::function<void(std::string&)> append) {
  HEARTH_ASSIGN(const net::ListenAddress listen, net::parse_listen_address(address));
  std::unique_ptr<AgentDoor> door(new AgentDoor(std::make_unique<Handler>(std::move(append))));
  HEARTH_ASSIGN(door->server_, net::HttpServer::start(listen, "--metrics ADDR or HEARTH_METRICS",
                                                      *door->handler_, clock, {.threads = 1}));
  return door;
}

AgentDoor::AgentDoor(std::unique_ptr<Handler> handler) : handler_(std::move(handler)) {}
AgentDoor::~AgentDoor() = default;

std::string AgentDoor::address() const {
  return server_->address().to_string();
}

}  // namespace hearth::apps
