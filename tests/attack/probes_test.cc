// Each way out that attack_tool knows, tried in a sandbox of level process.
#include "tests/attack/attack_fixture.h"
#include "tests/attack/probe_rows.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;

namespace {

// `expected` is one of several where kernels differ, as "refused EPERM|refused ENOSYS".
bool is_expected(const std::string& expected, const std::string& outcome) {
  return ("|" + expected + "|").find("|" + outcome + "|") != std::string::npos;
}

class ProbesTest : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (!IsSkipped()) {
      start_hearth();
    }
  }

  void expect_group(const std::string& name, std::vector<std::string> words = {}) {
    words.insert(words.begin(), name);
    auto outcomes = run_group(words);
    for (const ProbeRow& row : probe_group(name).rows) {
      const std::string outcome = outcomes[row.name];
      EXPECT_TRUE(is_expected(row.expected, outcome))
          << row.name << " (" << row.about << "): " << outcome << ", expected " << row.expected;
      outcomes.erase(row.name);
    }
    for (const auto& [unknown, outcome] : outcomes) {
      ADD_FAILURE() << unknown << " is in no row of probe_rows.cc: " << outcome;
    }
    expect_as_before();
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
  const std::string victim = submit(job_of(tool({"do", "victim"}), {}));
  wait_state(victim, "RUNNING");
  wait_until([&] { return output(victim) == "victim listens shares locks\n"; },
             "the victim to have all that it has");
  pid_t pid = 0;
  for (const pid_t member : pen().processes()) {
    const std::string command = harness::contents("/proc/" + std::to_string(member) + "/cmdline");
    pid = command.find("victim") != std::string::npos ? member : pid;
  }
  ASSERT_NE(pid, 0);
  auto outcomes = run_group({"neighbours", std::to_string(pid)});
  for (const ProbeRow& row : probe_group("neighbours").rows) {
    EXPECT_TRUE(is_expected(row.expected, outcomes[row.name]))
        << row.name << ": " << outcomes[row.name] << ", expected " << row.expected;
  }
  EXPECT_EQ(text(job(victim), "state"), "RUNNING");
  EXPECT_EQ(post("/v1/jobs/" + victim + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(victim), "state"), "CANCELLED");
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
