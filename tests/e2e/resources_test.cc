// Descriptors and processes run out.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/unique_fd.h"
#include "tests/harness/cluster.h"
#include "tests/harness/faults.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::cpu_time;
using harness::number;
using harness::Program;
using harness::text;

namespace {

std::size_t open_files(pid_t pid) {
  const auto begin = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin, {}));
}

void limit_files(const Program& program, rlim_t most) {
  const rlimit limit{.rlim_cur = most, .rlim_max = 4'096};
  EXPECT_EQ(::prlimit(program.pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
}

class ResourcesTest : public ClusterTest {
 protected:
  static UniqueFd connect(const std::string& where) {
    const std::size_t colon = where.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(where.substr(colon + 1))));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }
  // What it used of a CPU in a second.
  double busy(const Program& program) {
    SystemClock clock;
    const std::int64_t start_ns = clock.monotonic_ns();
    const Duration before = cpu_time(program.pid());
    wait_until([&] { return clock.monotonic_ns() - start_ns > 1'000'000'000; }, "a second");
    const double passed = static_cast<double>(clock.monotonic_ns() - start_ns) / 1e6;
    return static_cast<double>((cpu_time(program.pid()) - before).count()) / passed;
  }
  std::string submit_echo() { return submit({{"command", {"echo", "hello"}}}); }
};

TEST_F(ResourcesTest, AControllerWithoutDescriptorsRefusesConnectionsGoesOnAndRecovers) {
  Program& controller = start_controller({"--heartbeat-interval", "200ms"});
  start_agent("a");
  const std::string log = scratch("log");
  const std::string gate = scratch("gate");
  const std::string running = submit({{"command",
                                       {"sh", "-c",
                                        "echo start >> " + log + "; echo begin; while [ ! -e " +
                                            gate + " ]; do sleep 0.05; done; echo over"}}});
  wait_lines(log, 1);
  auto follower = start({"logs", "-f", running});
  EXPECT_TRUE(follower->wait_for_text("begin"));
  wait_ended(submit_echo());
  constexpr rlim_t kKept = limits::kDescriptorsKept;
  limit_files(controller, open_files(controller.pid()) + kKept + 4);
  std::vector<UniqueFd> many;
  Answer refused;
  wait_until(
      [&] {
        many.push_back(connect(http()));
        refused = get("/v1/jobs");
        return refused.status == 503;
      },
      "a refusal");
  EXPECT_TRUE(controller.wait_for_text("too few file descriptors are left"));
  EXPECT_EQ(text(refused.body.as_object(), "limit"), "descriptors") << refused.raw;
  EXPECT_LT(busy(controller), 0.5);
  std::ofstream(gate) << "open";
  EXPECT_TRUE(follower->wait_for_text("over"));  // the stream that was open goes on
  many.clear();
  wait_until([this] { return get("/healthz").status == 200; }, "connections to be taken again");
  EXPECT_EQ(text(wait_ended(running), "state"), "COMPLETED");
  EXPECT_EQ(text(wait_ended(submit_echo()), "state"), "COMPLETED");
  EXPECT_TRUE(controller.running());
}

TEST_F(ResourcesTest, AgentsConnectAgainWhenAControllerHasDescriptorsBack) {
  Program& controller = start_controller({"--heartbeat-interval", "200ms"});
  start_agent("a");
  limit_files(controller, open_files(controller.pid()) + 4);
  std::vector<UniqueFd> many;
  for (int i = 0; i < 20; ++i) {
    many.push_back(connect(grpc()));
  }
  EXPECT_TRUE(controller.wait_for_text("agents cannot connect now"));
  EXPECT_LT(busy(controller), 0.5);
  many.clear();
  limit_files(controller, 4'096);
  start_agent("b");
  wait_agents([](const json::array& agents) { return agents.size() == 2; });
}

TEST_F(ResourcesTest, AnAgentWithoutDescriptorsFailsWhatItCannotStartSaysWhyAndRecovers) {
  start_controller({"--heartbeat-interval", "200ms"});
  Program& agent = start_agent("a", {"--cpu", "64", "--max-parallel-jobs", "64"});
  wait_ended(submit_echo());
  limit_files(agent, open_files(agent.pid()) + 1);
  const json::object failed = wait_ended(submit_echo());
  EXPECT_EQ(text(failed, "reason"), "spawn_failed");
  EXPECT_LT(busy(agent), 0.5);
  limit_files(agent, 4'096);
  EXPECT_EQ(text(wait_ended(submit_echo()), "state"), "COMPLETED");
}

// A pids group around an agent and its launcher, where this machine has the controller on v1 or v2.
class PidsGroup {
 public:
  PidsGroup() {
    for (const char* above : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}) {
      const std::string folder = std::string(above) + "/hearth-e2e-" + std::to_string(::getpid());
      std::error_code failed;
      if (std::filesystem::exists(std::string(above) + "/cgroup.procs") &&
          std::filesystem::create_directory(folder, failed) &&
          std::filesystem::exists(folder + "/pids.max")) {
        folder_ = folder;
        return;
      }
      std::filesystem::remove(folder, failed);
    }
  }
  ~PidsGroup() {
    std::error_code ignored;
    std::filesystem::remove(folder_, ignored);
  }
  PidsGroup(const PidsGroup&) = delete;
  PidsGroup& operator=(const PidsGroup&) = delete;

  [[nodiscard]] bool exists() const { return !folder_.empty(); }
  void add(pid_t pid) { std::ofstream(folder_ + "/cgroup.procs") << pid << "\n"; }
  [[nodiscard]] std::int64_t current() const {
    std::int64_t tasks = 0;
    std::ifstream(folder_ + "/pids.current") >> tasks;
    return tasks;
  }
  void limit(const std::string& most) { std::ofstream(folder_ + "/pids.max") << most << "\n"; }

 private:
  std::string folder_;
};

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream in(task.path() / "children");
    children.insert(children.end(), std::istream_iterator<pid_t>(in), {});
  }
  return children;
}

TEST_F(ResourcesTest, AnAgentWithoutProcessesFailsWhatItCannotStartSaysWhyAndRecovers) {
  PidsGroup group;
  if (!group.exists()) {
    GTEST_SKIP() << "needs a pids controller and the right to make groups";
  }
  start_controller({"--heartbeat-interval", "200ms"});
  Program& agent = start_agent("a", {"--cgroup", "none"});
  wait_ended(submit_echo());
  group.add(agent.pid());
  for (const pid_t child : children_of(agent.pid())) {
    group.add(child);
  }
  group.limit(std::to_string(group.current()));
  const json::object failed = wait_ended(submit_echo());
  EXPECT_EQ(text(failed, "reason"), "spawn_failed") << json::serialize(failed);
  EXPECT_NE(text(failed, "message").find("fork"), std::string::npos) << json::serialize(failed);
  // A job that may fail waits for better times.
  const std::string patient =
      submit({{"command", {"echo", "hello"}},
              {"maxRetries", 100},
              {"backoff", {{"initialMs", 100}, {"factor", 1}, {"maxMs", 100}}}});
  wait_for_job(patient, [](const json::object& found) { return number(found, "attempt") > 2; });
  group.limit("max");
  EXPECT_EQ(text(wait_ended(patient), "state"), "COMPLETED");
  EXPECT_EQ(text(wait_ended(submit_echo()), "state"), "COMPLETED");
  EXPECT_TRUE(agent.running());
  agent.signal(SIGTERM);
  agent.wait();
}

}  // namespace
}  // namespace hearth::e2e
