// Each way out that attack_tool knows, tried in a sandbox of level process.
#include "tests/attack/probe_fixture.h"

namespace hearth::attack {
namespace {

class ProbesTest : public ProbeTest {
 protected:
  void SetUp() override {
    ProbeTest::SetUp();
    if (!IsSkipped()) {
      start_hearth();
    }
  }
};

TEST_F(ProbesTest, Mounts) {
  expect_group("mounts");
}

TEST_F(ProbesTest, NamespacesAndKernel) {
  expect_group("namespaces");
  expect_group("kernel");
  expect_group("foreign-calls");
}

TEST_F(ProbesTest, ProcessesAndRights) {
  expect_group("processes");
  expect_group("identity", {Pen::shown() + "/setuid_tool", Pen::shown() + "/capable_tool"});
}

TEST_F(ProbesTest, SettingsAndSecrets) {
  expect_group("settings");
  expect_group("secrets", {data(), kToken});
}

TEST_F(ProbesTest, FilesAndDevices) {
  expect_group("files", {Pen::shown()});
  expect_group("devices");
}

TEST_F(ProbesTest, Network) {
  expect_group("network", canaries().arguments(http_port()));
  EXPECT_EQ(canaries().visited(), std::vector<std::string>{"path"}) << "of sockets that are shown";
}

TEST_F(ProbesTest, Neighbours) {
  expect_neighbours();
}

}  // namespace
}  // namespace hearth::attack
