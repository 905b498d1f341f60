// OCI layouts with hostile layers. umoci unpacks them, as root: what leads out of the image's
// folder must end in it, or end the agent's start.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/attack/attack_fixture.h"
#include "tests/attack/image_fixture.h"
#include "tests/attack/layout_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {
namespace {

namespace fs = std::filesystem;

class ImageLayersTest : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    fs::create_directory(outside());
    fs::create_directory(outside() + "/inner");
    for (const char* name : {"/secret", "/removed", "/linked", "/inner/known"}) {
      std::ofstream(outside() + name) << "of the machine\n";
    }
    before_ = tree_of(outside());
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(tree_of(outside()), before_) << "a layer reached the machine's files";
    }
    AttackTest::TearDown();
  }
  [[nodiscard]] std::string outside() const { return scratch("outside"); }
  [[nodiscard]] std::string climbing() const { return "../../../../../../../../../.." + outside(); }

  // Of the only image.
  [[nodiscard]] fs::path unpacked() const {
    for (const auto& entry : fs::directory_iterator(data() + "/agent/images")) {
      return entry.path() / "rootfs";
    }
    ADD_FAILURE() << "no image was unpacked";
    return {};
  }

 private:
  std::map<std::string, std::string> before_;
};

// Each is a layer above what the earlier ones left.
TEST_F(ImageLayersTest, WhatLeadsOutEndsInTheImage) {
  make_layout(
      scratch("layout"),
      {sound_layer(),
       {{.name = climbing() + "/climbed", .contents = "climbed\n"},
        {.name = outside() + "/absolute", .contents = "absolute\n"}},
       {link_entry("link", outside()), {.name = "link/secret", .contents = "through\n"}},
       {link_entry("link-up", climbing()), {.name = "link-up/up", .contents = "up\n"}},
       {{.name = "link/later", .contents = "later\n"}},
       {{.name = "link/.wh.removed"}, {.name = climbing() + "/.wh.removed"}},
       {link_entry("link-inner", outside() + "/inner")},
       {{.name = "link-inner/.wh..wh..opq"}},
       {link_entry("over", outside() + "/secret"), {.name = "over", .contents = "over\n"}},
       {link_entry("mode", outside() + "/secret"), {.name = "mode", .type = '5', .mode = 0777}}});
  start_hearth({"--image", "led-out=oci:" + scratch("layout")});
  const fs::path root = unpacked();
  std::map<std::string, std::string> made;
  for (const auto& entry : fs::directory_iterator(root.string() + outside())) {
    made[entry.path().filename()] = harness::contents(entry.path());
  }
  EXPECT_EQ(made, (std::map<std::string, std::string>{{"absolute", "absolute\n"},
                                                      {"climbed", "climbed\n"},
                                                      {"later", "later\n"},
                                                      {"secret", "through\n"},
                                                      {"up", "up\n"}}));
  expect_end({.name = "what the layers made elsewhere",
              .command = {"/bin/sh", "-c", "cat /over; ls -d /mode/; echo $(ls /tmp /work)"},
              .output = "over\n/mode/\n/tmp: /work:\n",
              .more = {{"sandbox", "image"}, {"image", "led-out"}}});
}

// Nothing is offered of these, and the agent says which image it is.
TEST_F(ImageLayersTest, WhatCannotBeUnpackedIsRefused) {
  const std::map<std::string, Layer> refused = {
      {"a-hard-link", {link_entry("hard", outside() + "/linked", '1')}},
      {"a-hard-link-by-a-link",
       {link_entry("link", outside()), link_entry("hard", "link/linked", '1')}},
      {"a-root-that-is-a-link", {link_entry("./", outside()), {.name = "./secret"}}},
      {"a-whiteout-of-the-root", {{.name = ".wh.."}}},
      {"a-whiteout-of-its-parent", {{.name = ".wh..."}}}};
  for (const auto& [name, layer] : refused) {
    SCOPED_TRACE(name);
    make_layout(scratch(name), {sound_layer(), layer});
    const harness::Exit ended = hearth({"up", "--data", scratch("up"), "--http", http(), "--grpc",
                                        grpc(), "--image", name + "=oci:" + scratch(name)});
    EXPECT_NE(ended.code, 0);
    EXPECT_EQ(ended.signal, 0);
    EXPECT_NE(ended.err.find("setting images, \"" + name + "\""), std::string::npos) << ended.err;
  }
  EXPECT_EQ(pen().processes(), std::set<pid_t>{::getpid()}) << "all has ended";
  // Nor is what such a one left of it taken for an image.
  start_hearth();
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
