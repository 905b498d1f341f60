#include "tests/harness/network/network_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace hearth::harness {

namespace {

constexpr const char* kGated = R"(
echo start >> "$1.starts"
seq 1 "$2"
while [ ! -e "$1.gate" ]; do sleep 0.05; done
seq "$2" -1 1
echo end >> "$1.ends"
)";

std::string without_newline(std::string text) {
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

// Processes of jobs, by the files they were told to write.
std::vector<std::string> job_processes_of(const std::string& scratch) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "cmdline", std::ios::binary);
    const std::string command{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (command.find(scratch) != std::string::npos && command.starts_with("sh")) {
      found.push_back(entry.path().filename().string() + " " + command);
    }
  }
  return found;
}

}  // namespace

bool is_long() {
  const char* asked = std::getenv("HEARTH_TEST_LONG");
  return asked != nullptr && std::string(asked) == "1";
}

void NetworkTest::SetUp() {
  if (const std::string missing = Network::missing(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  network_.emplace(scratch(""));
  controller_host_ = &network_->add_host();
  clients_ = &network_->add_host();
  on_clients_.emplace(*clients_);
}

void NetworkTest::TearDown() {
  for (const auto& [id, agent] : agents_) {
    if (agent->running()) {
      agent->signal(SIGTERM);
      EXPECT_EQ(agent->wait().code, 0) << "agent " << id;
    }
  }
  EXPECT_EQ(job_processes_of(scratch("")), std::vector<std::string>());
}

Program& NetworkTest::start_controller_there(const std::vector<std::string>& flags) {
  const OnHost there(*controller_host_);
  listen_on(controller_host_->address);
  const Exit made =
      hearth({"cert", "init", "--dir", scratch("tls"), "--host", controller_host_->address});
  EXPECT_EQ(made.code, 0) << made.err;
  const Exit token =
      hearth({"token", "create", "--scope", "admin", "--data", scratch("controller")});
  EXPECT_EQ(token.code, 0) << token.err;
  std::vector<std::string> all = {"--tls-cert", scratch("tls/server.pem"), "--tls-key",
                                  scratch("tls/server.key")};
  all.insert(all.end(), flags.begin(), flags.end());
  Program& controller = start_controller(all);
  trust(scratch("tls/ca.pem"));
  show_token(without_newline(token.out));
  return controller;
}

void NetworkTest::restart_controller_there() {
  const OnHost there(*controller_host_);
  restart_controller();
}

Program& NetworkTest::start_agent_at(const Host& host, const std::string& id,
                                     std::vector<std::string> flags) {
  const Exit join = hearth({"token", "create", "--join"});
  EXPECT_EQ(join.code, 0) << join.err;
  std::ofstream(scratch(id + ".join")) << join.out;
  flags.insert(flags.end(), {"--ca", scratch("tls/ca.pem"), "--token-file", scratch(id + ".join"),
                             "--labels", "at=" + id, "--cpu", "4", "--memory", "2048"});
  const OnHost there(host);
  agents_[id] = &start_agent(id, flags);
  return *agents_[id];
}

std::unique_ptr<Program> NetworkTest::start_at(const Host& host,
                                               std::vector<std::string> arguments) {
  const OnHost there(host);
  return start(std::move(arguments));
}

std::string NetworkTest::submit_gated(const std::string& name, const std::string& at,
                                      json::object more) {
  more["command"] = {"sh", "-c", kGated, "gated", scratch(name), std::to_string(kLines)};
  more.emplace("requiredCpu", 0.25);
  more.emplace("requiredRamMb", 64);
  if (!at.empty()) {
    more["requires"] = {{"at", at}};
  }
  return submit(more);
}

void NetworkTest::go(const std::string& name) const {
  std::ofstream(scratch(name + ".gate")) << "open";
}

std::string NetworkTest::starts(const std::string& name) const {
  return scratch(name + ".starts");
}

std::string NetworkTest::ends(const std::string& name) const {
  return scratch(name + ".ends");
}

std::size_t NetworkTest::lines_of(const std::string& path) {
  std::ifstream in(path);
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
}

std::string NetworkTest::gated_output() {
  std::string wanted;
  for (int line = 1; line <= kLines; ++line) {
    wanted += std::to_string(line) + "\n";
  }
  for (int line = kLines; line >= 1; --line) {
    wanted += std::to_string(line) + "\n";
  }
  return wanted;
}

void NetworkTest::expect_completed(const std::string& id, const std::vector<std::string>& lost,
                                   const std::string& wanted) {
  const json::object ended = wait_ended(id);
  EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
  std::vector<std::string> reasons;
  if (const auto* attempts = ended.if_contains("attempts"); attempts != nullptr) {
    for (const json::value& attempt : attempts->as_array()) {
      reasons.push_back(text(attempt.as_object(), "reason"));
    }
  }
  std::vector<std::string> expected = lost;
  expected.emplace_back();
  EXPECT_EQ(reasons, expected) << json::serialize(ended);
  EXPECT_TRUE(output(id) == wanted) << "the output of job " << id << " is not what it wrote";
}

void NetworkTest::wait_agent(const std::string& id, const std::string& status, Duration patience) {
  wait_agents(
      [&](const json::array& agents) {
        return std::any_of(agents.begin(), agents.end(), [&](const json::value& agent) {
          return text(agent.as_object(), "id") == id && text(agent.as_object(), "status") == status;
        });
      },
      patience);
}

void NetworkTest::wait_agent_gone(const std::string& id, Duration patience) {
  wait_agents(
      [&](const json::array& agents) {
        return std::none_of(agents.begin(), agents.end(), [&](const json::value& agent) {
          return text(agent.as_object(), "id") == id;
        });
      },
      patience);
}

}  // namespace hearth::harness
