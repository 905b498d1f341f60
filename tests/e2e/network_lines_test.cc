// Bad lines between real programs on hosts of their own: slow, lossy, late, out of order.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>

#include "tests/harness/network/network_fixture.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Exit;
using harness::Host;
using harness::is_long;
using harness::kEventually;
using harness::LineFaults;
using harness::NetworkTest;
using harness::Program;
using harness::text;

namespace {

// Writes $1 numbers, at once.
constexpr const char* kFlood = "seq 1 $1";

std::string numbers(int last) {
  std::string text;
  for (int number = 1; number <= last; ++number) {
    text += std::to_string(number) + "\n";
  }
  return text;
}

class NetworkLinesTest : public NetworkTest {
 protected:
  std::string submit_flood(const std::string& at, int last) {
    return submit({{"command", {"sh", "-c", kFlood, "flood", std::to_string(last)}},
                   {"requiredCpu", 0.25},
                   {"requiredRamMb", 64},
                   {"requires", {{"at", at}}}});
  }
  // Of the job's stdout, at the controller.
  std::int64_t delivered(const std::string& id) {
    return static_cast<std::int64_t>(output(id).size());
  }
};

TEST_F(NetworkLinesTest, AFloodOnASlowLineHoldsUpNoCancelAndNoHeartbeat) {
  start_controller_there({"--heartbeat-interval", "500ms", "--heartbeat-timeout", "8s"});
  Host& host = network().add_host();
  Program& agent = start_agent_at(host, "a");
  const std::string waits = submit_gated("waits", "a");
  wait_lines(starts("waits"), 1);
  wait_state(waits, "RUNNING");
  network().limit_rate(host, 512);
  const std::int64_t before = network().bytes_from(host);
  const int last = is_long() ? 1'000'000 : 80'000;
  const std::string flood = submit_flood("a", last);
  wait_for_job(flood, [&](const json::object&) { return delivered(flood) > 0; });

  EXPECT_EQ(hearth({"cancel", waits}).code, 0);
  EXPECT_EQ(text(wait_ended(waits), "state"), "CANCELLED");
  EXPECT_EQ(text(job(flood), "state"), "RUNNING");
  EXPECT_LT(delivered(flood), static_cast<std::int64_t>(numbers(last).size()));
  wait_ended(flood, is_long() ? std::chrono::minutes(15) : kEventually);
  expect_completed(flood, {}, numbers(last));
  // A slow line has no room for anything twice.
  EXPECT_LT(network().bytes_from(host) - before,
            static_cast<std::int64_t>(numbers(last).size()) * 3 / 2);
  EXPECT_EQ(agent.err().find("no link"), std::string::npos) << agent.err();
  EXPECT_EQ(agent.err().find("does not take output"), std::string::npos) << agent.err();
}

TEST_F(NetworkLinesTest, LossAndDisorderChangeNoByte) {
  start_controller_there({"--heartbeat-interval", "1s", "--heartbeat-timeout", "10m"});
  const LineFaults late = {.delay_min_ms = 100,
                           .delay_max_ms = is_long() ? 500 : 200,
                           .reorder_percent = 20,
                           .duplicate_percent = 10,
                           .drop_percent = 1};
  std::array<Host*, 2> hosts = {&network().add_host(), &network().add_host_behind(late, 1)};
  std::array<Host*, 2> clients = {&network().add_host(), &network().add_host_behind(late, 2)};
  const std::array<std::string, 2> names = {"lossy", "late"};
  const int loss = is_long() ? 30 : 12;
  network().lose(*hosts[0], loss, loss);
  network().lose(*clients[0], loss, loss);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    start_agent_at(*hosts[i], names[i]);
  }
  const int last = is_long() ? 20'000 : 4'000;
  const int jobs = is_long() ? 40 : 4;
  std::vector<std::string> ids;
  std::vector<std::unique_ptr<Program>> runs;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    runs.push_back(start_at(
        *clients[i], {"run", "--cpu", "0.25", "--memory", "64", "--require", "at=" + names[i], "--",
                      "sh", "-c", kFlood, "flood", std::to_string(last)}));
    for (int n = 0; n < jobs; ++n) {
      ids.push_back(submit_flood(names[i], last));
    }
  }
  const std::string wanted = numbers(last);
  for (const std::string& id : ids) {
    wait_ended(id, kEventually);
    expect_completed(id, {}, wanted);
  }
  for (const auto& run : runs) {
    const Exit exit = run->wait(kEventually);
    EXPECT_EQ(exit.code, 0) << exit.err;
    EXPECT_TRUE(exit.out == wanted) << exit.out.size() << " bytes\n" << exit.err;
  }
}

// Those that read nothing, and those whose line is full.
TEST_F(NetworkLinesTest, SlowReadersOfAFollowedOutputHurtNobody) {
  start_controller_there();
  Host& host = network().add_host();
  Host& far = network().add_host();
  start_agent_at(host, "a");
  const std::string gate = scratch("flood.gate");
  const int last = 2'000'000;
  const std::string id =
      submit({{"command",
               {"sh", "-c", "echo begin; while [ ! -e $2 ]; do sleep 0.05; done; seq 1 $1", "flood",
                std::to_string(last), gate}},
              {"requiredCpu", 0.25},
              {"requiredRamMb", 64}});
  std::vector<std::unique_ptr<Program>> slow;
  for (int n = 0; n < 6; ++n) {
    slow.push_back(n % 2 == 0 ? start({"logs", "-f", id}) : start_at(far, {"logs", "-f", id}));
  }
  auto good = start({"logs", "-f", id});
  for (const auto& follower : slow) {
    EXPECT_EQ(follower->wait_for_line("begin"), "begin");
  }
  for (std::size_t n = 0; n < slow.size(); n += 2) {
    slow[n]->signal(SIGSTOP);
  }
  network().limit_rate(far, 256);
  go("flood");
  const std::string wanted = "begin\n" + numbers(last);
  EXPECT_TRUE(good->wait(kEventually).out == wanted);
  expect_completed(id, {}, wanted);
  EXPECT_EQ(hearth({"run", "--", "echo", "fine"}).out, "fine\n");
  for (std::size_t n = 0; n < slow.size(); ++n) {
    EXPECT_TRUE(slow[n]->running());
    EXPECT_LT(slow[n]->out().size(), wanted.size());
    slow[n]->signal(SIGCONT);
  }
  network().limit_rate(far, 10'000'000);
  for (const auto& follower : slow) {
    const Exit exit = follower->wait(kEventually);
    EXPECT_TRUE(exit.out == wanted) << exit.out.size() << " bytes\n" << exit.err;
  }
}

}  // namespace
}  // namespace hearth::e2e
