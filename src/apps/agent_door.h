// GET /metrics of an agent that has no controller in its process, on an address of its own.
//
// The figures could also travel to the controller and be shown there. But an agent that is cut off
// is the one whose figures are wanted, and one scrape of a controller would grow with its fleet.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_server.h"

namespace hearth::apps {

class AgentDoor {
 public:
  // `address`: on loopback, since nobody is asked for a token here. `append` may be called on any
  // thread as long as the door lives; `clock` outlives it.
  static Result<std::unique_ptr<AgentDoor>> open(const std::string& address, Clock& clock,
                                                 std::function<void(std::string&)> append);
  ~AgentDoor();
  AgentDoor(const AgentDoor&) = delete;
  AgentDoor& operator=(const AgentDoor&) = delete;

  [[nodiscard]] std::string address() const;  // HOST:PORT, as really taken

 private:
  class Handler;
  explicit AgentDoor(std::unique_ptr<Handler> handler);

  std::unique_ptr<Handler> handler_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace hearth::apps
