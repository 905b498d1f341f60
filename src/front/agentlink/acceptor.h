// Accepts the agents' connections for gRPC, whose own listener never accepts again once the process
// was out of descriptors for a moment (gRPC 1.51). A thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth::front::agentlink {

class Acceptor {
 public:
  // On the acceptor's thread. The connection is non-blocking.
  using OnConnection = std::function<void(int listener, UniqueFd connection)>;

  // Listens on an IPv4 address; port 0 picks a free one.
  static Result<std::unique_ptr<Acceptor>> listen(const std::string& host, int port);
  ~Acceptor() { stop(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // `on_shortage` hears of each time that the process begins to be out of descriptors: connections
  // wait in the kernel then.
  Result<> start(OnConnection on_connection, std::function<void()> on_shortage);
  // Nobody listens on the port from then on.
  void stop();

  [[nodiscard]] int port() const { return port_; }

 private:
  Acceptor(UniqueFd listener, int port) : listener_(std::move(listener)), port_(port) {}
  void run();
  // How many milliseconds to leave the listener alone.
  int accept_all();

  UniqueFd listener_;
  const int port_;
  UniqueFd stop_;
  OnConnection on_connection_;
  std::function<void()> on_shortage_;
  bool is_short_ = false;  // the thread's own
  std::thread thread_;
};

}  // namespace hearth::front::agentlink
