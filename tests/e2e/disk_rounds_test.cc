// Round after round another fault of a disk, at the controller or at an agent, while jobs come and
// go; the faults are drawn, so that they meet whatever is just being done.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <thread>

#include "base/clock.h"
#include "tests/harness/cluster.h"
#include "tests/harness/faults.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::FaultShim;
using harness::Program;
using harness::text;

namespace {

constexpr int kRounds = 4;
constexpr int kRoundsLong = 100;
constexpr std::int64_t kBytes = 40'000;  // of output: goes to a file at the controller
const std::vector<std::string> kFlags = {"--heartbeat-interval", "200ms"};

int rounds() {
  return ::getenv("HEARTH_TEST_LONG") != nullptr ? kRoundsLong : kRounds;
}

// Submits without a pause and notes what it was told.
class Client {
 public:
  using Submit = std::function<Answer(const std::string& name)>;
  explicit Client(Submit submit) : submit_(std::move(submit)), thread_([this] { run(); }) {}
  ~Client() { stop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  [[nodiscard]] std::int64_t acknowledged() const { return acknowledged_count_; }

  // After stop():
  std::map<std::string, std::string> acknowledged_ids;  // by name
  std::set<std::string> refused;

 private:
  void run() {
    for (int i = 0; !stopping_; ++i) {
      const std::string name = "job-" + std::to_string(i);
      const Answer answer = submit_(name);
      if (answer.status == 201) {
        acknowledged_ids[name] = text(answer.body.as_object(), "id");
        ++acknowledged_count_;
      } else if (answer.status == 503 &&
                 answer.raw.find("nothing was changed") != std::string::npos) {
        refused.insert(name);
      }
    }
  }

  Submit submit_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> acknowledged_count_ = 0;
  std::thread thread_;
};

class DiskRoundsTest : public ClusterTest {
 protected:
  void SetUp() override {
    const char* given = ::getenv("HEARTH_TEST_SEED");
    const std::uint32_t seed =
        given != nullptr ? static_cast<std::uint32_t>(std::stoul(given)) : std::random_device()();
    std::cerr << "seed " << seed << " (HEARTH_TEST_SEED)\n";
    random_.seed(seed);
  }
  int draw(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  Answer submit_named(const std::string& name) {
    return post("/v1/jobs", json::serialize(json::object{
                                {"name", name},
                                {"requiredCpu", 0.25},
                                {"requiredRamMb", 16},
                                {"maxRetries", 1'000},
                                {"backoff", {{"initialMs", 50}, {"factor", 1}, {"maxMs", 50}}},
                                {"retryOn", {{"reasons", {"spawn_failed"}}}},
                                {"command",
                                 {"sh", "-c",
                                  "echo $HEARTH_JOB_ID >> " + scratch("ran") + "; head -c " +
                                      std::to_string(kBytes) + " /dev/zero | tr '\\0' x"}}}));
  }
  // The fault lasts until the client was told `more` times that its job is made, or, where the
  // fault keeps it from that, until the system call has failed.
  void wait_hit(FaultShim& shim) {
    const std::int64_t before = shim->hits.load();
    wait_until([&] { return shim->hits.load() > before; }, "the fault to be met");
  }
  void wait_progress(const Client& client, std::int64_t more) {
    const std::int64_t before = client.acknowledged();
    wait_until([&] { return client.acknowledged() >= before + more; }, "jobs to be made again");
  }
  void judge(const Client& client) {
    for (const auto& [name, id] : client.acknowledged_ids) {
      const json::object ended = wait_ended(id);
      EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
      if (!ended.at("attempts").as_array().back().as_object().at("truncated").as_bool()) {
        EXPECT_EQ(output(id), std::string(kBytes, 'x')) << id;
      }
    }
    std::ifstream in(scratch("ran"));
    const std::set<std::string> ran{std::istream_iterator<std::string>(in), {}};
    for (const auto& [name, id] : client.acknowledged_ids) {
      EXPECT_TRUE(ran.contains(id)) << id;
    }
    for (const std::string& name : client.refused) {
      const Answer found = get("/v1/jobs?name=" + name);
      EXPECT_TRUE(found.body.as_object().at("jobs").as_array().empty()) << found.raw;
    }
  }

  std::mt19937 random_;
};

TEST_F(DiskRoundsTest, NothingAcknowledgedIsLostAndNothingRefusedComes) {
  FaultShim at_controller(scratch(""), scratch("controller"));
  FaultShim at_agent(scratch(""), scratch("agent-a"));
  set_environment(at_controller.environment());
  Program* controller = &start_controller(kFlags);
  set_environment(at_agent.environment());
  Program& agent = start_agent("a", {"--cpu", "2", "--memory", "1024"});
  set_environment(at_controller.environment());
  start_agent("b", {"--cpu", "2", "--memory", "1024"});
  Client client([this](const std::string& name) { return submit_named(name); });
  constexpr std::array kErrors = {ENOSPC, EROFS, EIO};
  for (int round = 0; round < rounds() && !HasFailure(); ++round) {
    const int error = kErrors.at(static_cast<std::size_t>(draw(kErrors.size())));
    switch (draw(4)) {
      case 0:
        at_controller->write_error = error;
        wait_hit(at_controller);
        at_controller->write_error = 0;
        break;
      case 1:
        at_controller->sync_error = EIO;
        EXPECT_EQ(controller->wait().code, 1);
        at_controller->sync_error = 0;
        controller = &start_controller(kFlags);
        break;
      case 2:
        at_controller->short_writes = 1;
        wait_hit(at_controller);
        at_controller->short_writes = 0;
        break;
      default:
        at_agent->write_error = error;
        wait_progress(client, 10);
        at_agent->write_error = 0;
    }
    wait_progress(client, 5);
  }
  client.stop();
  EXPECT_TRUE(agent.running());
  judge(client);
  std::cerr << client.acknowledged_ids.size() << " jobs made, " << client.refused.size()
            << " refused\n";
}

}  // namespace
}  // namespace hearth::e2e
