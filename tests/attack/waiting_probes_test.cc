// The ways out that attack_tool knows, tried by scripts in interpreters that waited for them: they
// are as enclosed as what is started when it comes.
#include "tests/attack/waiting_fixture.h"

namespace hearth::attack {
namespace {

class WaitingProbesTest : public WaitingTest {
 protected:
  // node starts the tool, and is seen by it.
  [[nodiscard]] std::string expected(const ProbeRow& row) const override {
    return language_ == "js" && std::string_view(row.name) == "other-processes"
               ? "allowed process 2"
               : WaitingTest::expected(row);
  }
};

TEST_F(WaitingProbesTest, OfPython) {
  expect_group("mounts");
  expect_group("namespaces");
  expect_group("kernel");
  expect_group("foreign-calls");
  expect_group("processes");
  expect_group("identity", {Pen::shown() + "/setuid_tool", Pen::shown() + "/capable_tool"});
  expect_group("settings");
  expect_group("secrets", {data(), kToken});
  expect_group("files", {Pen::shown()});
  expect_group("devices");
  expect_group("network", canaries().arguments(http_port()));
  EXPECT_EQ(canaries().visited(), std::vector<std::string>{"path"}) << "of sockets that are shown";
}

TEST_F(WaitingProbesTest, OfJavascript) {
  language_ = "js";
  for (const char* group : {"mounts", "namespaces", "processes", "settings", "devices"}) {
    expect_group(group);
  }
  expect_group("identity", {Pen::shown() + "/setuid_tool", Pen::shown() + "/capable_tool"});
  expect_group("secrets", {data(), kToken});
  expect_group("files", {Pen::shown()});
}

TEST_F(WaitingProbesTest, NeighboursOfPython) {
  expect_neighbours();
}

TEST_F(WaitingProbesTest, NeighboursOfJavascript) {
  language_ = "js";
  expect_neighbours();
}

}  // namespace
}  // namespace hearth::attack
