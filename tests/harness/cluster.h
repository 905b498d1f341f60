// A controller and agents as real processes on ports of their own, with a scratch directory, and
// the questions tests ask of them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/testing/held_port.h"
#include "client/http_client.h"
#include "tests/harness/program.h"
#include "tests/harness/scratch.h"

namespace hearth::harness {

namespace json = boost::json;

struct Answer {
  int status = 0;
  json::value body;
  std::string raw;
  std::map<std::string, std::string> headers;
};

// The folder of the programs under test: HEARTH_BIN_DIR, else the one of this test.
std::string program_path(const std::string& name);

class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest();
  ~ClusterTest() override;

  // Start and wait until ready. `data` names a folder of the scratch directory; starting again with
  // the same one is a restart. Ports stay the same across restarts.
  Program& start_up(const std::vector<std::string>& flags = {}, const std::string& data = "up");
  Program& start_controller(const std::vector<std::string>& flags = {});
  Program& start_agent(const std::string& id, const std::vector<std::string>& flags = {});
  std::unique_ptr<Program> start(std::vector<std::string> arguments, Program::Options options = {});
  // Runs `hearth ARGUMENTS` against this cluster to its end.
  Exit hearth(std::vector<std::string> arguments, Program::Options options = {},
              Duration patience = std::chrono::seconds(60));
  // From here on clients and agents believe this authority, and speak TLS.
  void trust(const std::string& ca) { tls_.authority = ca; }
  // The programs that start_… starts from here on get these as well.
  void set_environment(std::map<std::string, std::string> environment) {
    environment_ = std::move(environment);
  }
  // Clients show it.
  void show_token(const std::string& token) { token_ = token; }
  // Before the controller starts: it listens on this address, on ports that it picks.
  void listen_on(const std::string& host) { http_ = grpc_ = host + ":0"; }
  // SIGKILL, and waits until it is gone.
  static void kill_now(Program& program);
  // Ends it if it runs, and gives back what it holds; a test that starts hundreds needs that.
  void forget(Program& program);
  // kill -9 of the controller that start_controller started; and its start with the same flags,
  // which ends the life of the earlier Program.
  void stop_controller();
  Program& restart_controller();

  Answer get(const std::string& target, const std::map<std::string, std::string>& headers = {});
  Answer post(const std::string& target, const std::string& body,
              const std::string& content_type = "application/json");
  // Submits and expects 201.
  std::string submit(const json::object& body);
  json::object job(const std::string& id);
  // Follows the job's events (across controller restarts) until `wanted` holds; fails the test when
  // `patience` passes.
  json::object wait_for_job(const std::string& id,
                            const std::function<bool(const json::object&)>& wanted,
                            Duration patience = std::chrono::seconds(60));
  json::object wait_ended(const std::string& id, Duration patience = std::chrono::seconds(60));
  json::object wait_state(const std::string& id, const std::string& state,
                          Duration patience = std::chrono::seconds(60));
  std::string output(const std::string& id, const std::string& stream = "stdout");
  // Waits by the controller's event stream until `wanted` holds for GET /v1/agents.
  void wait_agents(const std::function<bool(const json::array&)>& wanted,
                   Duration patience = std::chrono::seconds(60));
  // Looks again and again until `holds`, for what nothing tells of by itself.
  static void wait_until(const std::function<bool()>& holds, const std::string& what,
                         Duration patience = std::chrono::seconds(60));
  // Waits until `path` exists and holds `lines` lines.
  void wait_lines(const std::string& path, std::size_t lines,
                  Duration patience = std::chrono::seconds(60));

  [[nodiscard]] std::string scratch(const std::string& name) const { return scratch_.path(name); }
  [[nodiscard]] const std::string& scratch() const { return scratch_.path(); }
  [[nodiscard]] std::string http() const { return http_; }
  [[nodiscard]] std::string grpc() const { return grpc_; }
  [[nodiscard]] client::Endpoint endpoint() const;

 private:
  [[nodiscard]] client::HttpRequest with_token(client::HttpRequest request) const;
  Program& keep_ready(std::vector<std::string> arguments);
  void wait_on_events(const std::string& target, const std::function<bool()>& holds,
                      const std::string& what, Duration patience);

  Scratch scratch_;  // goes last: programs write into it
  testing::HeldPort http_port_;
  testing::HeldPort grpc_port_;
  tls::ClientFiles tls_;
  std::map<std::string, std::string> environment_;
  std::string token_;
  std::string http_;
  std::string grpc_;
  std::vector<std::unique_ptr<Program>> programs_;
  Program* controller_ = nullptr;  // one of programs_
  std::vector<std::string> controller_flags_;
};

std::string text(const json::object& object, const char* key);
std::int64_t number(const json::object& object, const char* key);

}  // namespace hearth::harness
