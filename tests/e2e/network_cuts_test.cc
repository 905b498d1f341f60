// Cut lines between real programs on hosts of their own: what docs/architecture.md says under
// "Losses" about a connection, a machine and silence.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/harness/network/network_fixture.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Host;
using harness::NetworkTest;
using harness::Program;
using harness::text;

namespace {

using Flags = std::vector<std::string>;

// Nobody is lost by silence while a test runs, however busy the machine is.
const Flags kPatient = {"--heartbeat-interval", "500ms", "--heartbeat-timeout", "10m"};
// Silence soon tells.
const Flags kImpatient = {"--heartbeat-interval", "500ms", "--heartbeat-timeout", "5s"};

class NetworkCutsTest : public NetworkTest {};

TEST_F(NetworkCutsTest, ShorterThanTheTimeoutNobodyNotices) {
  start_controller_there(kPatient);
  Host& host = network().add_host();
  Program& agent = start_agent_at(host, "a");
  const std::string ends_meanwhile = submit_gated("meanwhile");
  const std::string goes_on = submit_gated("on");
  auto follower = start({"logs", "-f", goes_on});
  wait_lines(starts("meanwhile"), 1);
  wait_lines(starts("on"), 1);
  wait_state(goes_on, "RUNNING");

  network().cut(host);
  go("meanwhile");
  wait_lines(ends("meanwhile"), 1);
  EXPECT_EQ(text(job(ends_meanwhile), "state"), "RUNNING");
  network().mend(host);

  expect_completed(ends_meanwhile);
  go("on");
  expect_completed(goes_on);
  EXPECT_EQ(follower->wait().out, gated_output());
  EXPECT_EQ(agent.err().find("no link"), std::string::npos) << agent.err();
  EXPECT_EQ(lines_of(starts("on")), 1U);
}

// One cut, and every fate that spec J7 knows for an attempt behind it.
TEST_F(NetworkCutsTest, LongerThanTheTimeoutItsJobsGoToOthersAndItsReportsAreStale) {
  start_controller_there(kImpatient);
  Host& host = network().add_host();
  Host& other = network().add_host();
  start_agent_at(host, "a");
  const json::object anywhere = {{"maxLost", 3}};
  const std::string both_end = submit_gated("both", "", anywhere);
  const std::string one_stops = submit_gated("stops", "", anywhere);
  const std::string adopted = submit_gated("adopted", "a");
  const std::string cancelled = submit_gated("cancelled", "a");
  for (const char* name : {"both", "stops", "adopted", "cancelled"}) {
    wait_lines(starts(name), 1);
  }
  for (const std::string& id : {both_end, one_stops, adopted, cancelled}) {
    wait_state(id, "RUNNING");
  }
  start_agent_at(other, "b");

  network().cut(host);
  wait_agent_gone("a");
  wait_lines(starts("both"), 2);
  wait_lines(starts("stops"), 2);
  wait_state(adopted, "QUEUED");
  EXPECT_EQ(hearth({"cancel", cancelled}).code, 0);
  EXPECT_EQ(text(wait_ended(cancelled), "state"), "CANCELLED");
  // Two copies overlap, and both come to their end.
  go("both");
  wait_lines(ends("both"), 2);
  expect_completed(both_end, {"agent_lost"});
  const std::string before_return = json::serialize(job(both_end));

  network().mend(host);
  wait_agent("a", "BUSY");
  EXPECT_EQ(text(wait_state(adopted, "RUNNING"), "agentId"), "a");
  go("adopted");
  expect_completed(adopted);  // its loss was taken back
  EXPECT_EQ(lines_of(starts("adopted")), 1U);
  go("stops");
  expect_completed(one_stops, {"agent_lost"});
  wait_agent("a", "IDLE");
  EXPECT_EQ(lines_of(ends("stops")), 1U) << "the copy behind the cut was not stopped";
  EXPECT_EQ(json::serialize(job(both_end)), before_return);
  EXPECT_TRUE(output(both_end) == gated_output());
  EXPECT_EQ(text(job(cancelled), "state"), "CANCELLED");
  EXPECT_EQ(hearth({"run", "--", "echo", "fine"}).out, "fine\n");
}

}  // namespace
}  // namespace hearth::e2e
