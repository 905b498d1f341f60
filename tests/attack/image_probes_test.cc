// The same ways out tried in a sandbox of level image, and the image afterwards.
#include "tests/attack/image_fixture.h"
#include "tests/attack/probe_fixture.h"

namespace hearth::attack {
namespace {

class ImageProbesTest : public ProbeTest {
 protected:
  void SetUp() override {
    ProbeTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    make_image(image());
    before_ = tree_of(image());
    start_hearth({"--image", "small=" + image()});
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(tree_of(image()), before_) << "a job changed its image";
    }
    ProbeTest::TearDown();
  }

  [[nodiscard]] std::string image() const { return scratch("image"); }
  [[nodiscard]] json::object probing(const std::vector<std::string>& words) const override {
    std::vector<std::string> command = {"/bin/attack_tool"};
    command.insert(command.end(), words.begin(), words.end());
    return job_of(command, {{"sandbox", "image"}, {"image", "small"}});
  }
  [[nodiscard]] std::string expected(const ProbeRow& row) const override {
    return row.in_image != nullptr ? row.in_image : row.expected;
  }

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(ImageProbesTest, MountsAndNamespaces) {
  expect_group("mounts");
  expect_group("namespaces");
}

TEST_F(ImageProbesTest, Kernel) {
  expect_group("kernel");
  expect_group("foreign-calls");
}

// The programs that would give rights are the image's own.
TEST_F(ImageProbesTest, ProcessesAndRights) {
  expect_group("processes");
  expect_group("identity", {"/bin/setuid_tool", "/bin/capable_tool"});
}

TEST_F(ImageProbesTest, SettingsAndSecrets) {
  expect_group("settings");
  expect_group("secrets", {data(), kToken});
}

TEST_F(ImageProbesTest, FilesAndDevices) {
  expect_group("files", {Pen::shown()});
  expect_group("devices");
}

TEST_F(ImageProbesTest, Network) {
  expect_group("network", canaries().arguments(http_port()));
  EXPECT_EQ(canaries().visited(), std::vector<std::string>{"path"}) << "of sockets that are shown";
}

TEST_F(ImageProbesTest, Neighbours) {
  expect_neighbours();
}

}  // namespace
}  // namespace hearth::attack
