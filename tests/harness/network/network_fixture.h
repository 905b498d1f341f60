// A controller beyond loopback with TLS and tokens, agents on hosts of their own, and clients on
// another, where the test itself is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/harness/cluster.h"
#include "tests/harness/network/hosts.h"

namespace hearth::harness {

// True when HEARTH_TEST_LONG asks for the long forms.
bool is_long();

// For what takes the time of several pings and back-offs, on a busy machine.
inline constexpr Duration kEventually = std::chrono::minutes(3);

class NetworkTest : public ClusterTest {
 protected:
  // A job that writes lines, waits for its gate, and writes the rest. `go(name)` opens the gate.
  static constexpr int kLines = 2'000;

  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] Network& network() { return *network_; }
  [[nodiscard]] Host& controller_host() { return *controller_host_; }

  // Certificates, tokens, and the controller on its host.
  Program& start_controller_there(const std::vector<std::string>& flags = {});
  void restart_controller_there();
  // On `host`, which only jobs that require {"at": id} are sure to reach.
  Program& start_agent_at(const Host& host, const std::string& id,
                          std::vector<std::string> flags = {});
  std::unique_ptr<Program> start_at(const Host& host, std::vector<std::string> arguments);

  // Ids of jobs; `name` is for the files they leave in the scratch directory.
  std::string submit_gated(const std::string& name, const std::string& at = "",
                           json::object more = {});
  void go(const std::string& name) const;
  // One line for each time that the job `name` was started, and for each time that it ended.
  [[nodiscard]] std::string starts(const std::string& name) const;
  [[nodiscard]] std::string ends(const std::string& name) const;
  static std::size_t lines_of(const std::string& path);
  static std::string gated_output();
  // COMPLETED, with all of its output and after attempts that ended so.
  void expect_completed(const std::string& id, const std::vector<std::string>& lost = {},
                        const std::string& wanted = gated_output());

  void wait_agent(const std::string& id, const std::string& status,
                  Duration patience = std::chrono::seconds(60));
  // It is no more among the living.
  void wait_agent_gone(const std::string& id, Duration patience = std::chrono::seconds(60));

 private:
  std::optional<Network> network_;
  Host* controller_host_ = nullptr;
  Host* clients_ = nullptr;
  std::optional<OnHost> on_clients_;
  std::map<std::string, Program*> agents_;
};

}  // namespace hearth::harness
