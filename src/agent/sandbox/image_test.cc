// Sandboxes of level image, in a small root made of busybox.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/sandbox/testing/sandbox_fixture.h"

namespace hearth::agent {
namespace {

namespace fs = std::filesystem;

class SandboxImageTest : public SandboxFixture {
 protected:
  void SetUp() override {
    SandboxFixture::SetUp();
    if (IsSkipped()) {
      return;
    }
    if (!fs::exists("/bin/busybox")) {
      GTEST_SKIP() << "NOT RUN HERE: no busybox-static";
    }
    // Below a folder that nobody but root may enter, as images are.
    fs::create_directories(image() + "/bin");
    fs::create_directories(image() + "/etc");
    fs::create_directories(image() + "/open");
    fs::copy_file("/bin/busybox", image() + "/bin/busybox");
    for (const char* name : {"sh", "ls", "cat", "id", "touch", "mkdir", "rm", "stat"}) {
      fs::create_symlink("busybox", image() + "/bin/" + name);
    }
    std::ofstream(image() + "/etc/release") << "small image\n";
    fs::create_symlink("/etc", image() + "/tmp");  // an image may have anything anywhere
    fs::permissions(image(), fs::perms(0755));
    fs::permissions(image() + "/open", fs::perms(01777));
    fs::permissions(folder_.path(), fs::perms(0700));
  }
  [[nodiscard]] std::string image() const { return folder_.file("image"); }

  SpawnRequest in_image(const std::string& text) {
    SpawnRequest wanted = script(text);
    wanted.sandbox->image_root = image();
    return wanted;
  }
};

TEST_F(SandboxImageTest, TheRootIsTheImages) {
  EXPECT_EQ(run(in_image("cat /etc/release; cat /etc/hostname; ls /; id -u; pwd")).out,
            "small image\nsandbox\nbin\ndev\netc\nopen\nproc\ntmp\nwork\n1000\n/work\n");
  EXPECT_EQ(run(in_image("ls -d /usr /sys /run 2> /dev/null; ls /tmp; ls /dev")).out,
            "fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\n");
}

TEST_F(SandboxImageTest, WhatIsWrittenStaysInTheScratch) {
  const Ran ran =
      run(in_image("echo new > /open/file && cat /open/file; echo x > /work/y; "
                   "touch /bin/x 2> /dev/null || echo refused"));
  EXPECT_EQ(ran.out, "new\nrefused\n");
  EXPECT_FALSE(fs::exists(image() + "/open/file"));
  EXPECT_EQ(run(in_image("ls /open")).out, "") << "the next one sees none of it";
}

// Before Linux 6.6 only the overlay of the machine's root can note that; tests/vm has such a
// kernel.
TEST_F(SandboxImageTest, AFolderOfTheImageIsReplaced) {
  const std::string folder = image() + "/open/deep";
  fs::create_directories(folder);
  std::ofstream(folder + "/file") << "old\n";
  if (geteuid() == 0) {
    ASSERT_EQ(chown(folder.c_str(), 1000, 1000), 0);
    ASSERT_EQ(chown((folder + "/file").c_str(), 1000, 1000), 0);
    ASSERT_EQ(chown((image() + "/open").c_str(), 1000, 1000), 0);
  }
  EXPECT_EQ(run(in_image("rm -r /open/deep && mkdir /open/deep && ls /open/deep && echo new")).out,
            "new\n");
  EXPECT_EQ(run(in_image("cat /open/deep/file")).out, "old\n");
}

TEST_F(SandboxImageTest, TheScratchsBoundsHoldForTheImageToo) {
  renew_scratch({.bytes = 1 << 20, .inodes = 100});
  const Ran ran = run(in_image("cat /dev/zero > /open/big; stat -c %s /open/big"));
  EXPECT_NE(ran.out.find("No space left"), std::string::npos) << ran.out;
}

TEST_F(SandboxImageTest, RightsAreAsFewAsWithoutAnImage) {
  const std::string status =
      run(in_image("while read line; do case $line in Cap*|NoNew*|Seccomp:*) echo $line;; esac; "
                   "done < /proc/self/status"))
          .out;
  EXPECT_NE(status.find("CapBnd: 0000000000000000"), std::string::npos) << status;
  EXPECT_NE(status.find("NoNewPrivs: 1"), std::string::npos) << status;
  EXPECT_NE(status.find("Seccomp: 2"), std::string::npos) << status;
}

TEST_F(SandboxImageTest, AMissingImageIsNamed) {
  SpawnRequest wanted = in_image("true");
  wanted.sandbox->image_root = folder_.file("no-such-image");
  const Ran ran = run(wanted);
  EXPECT_EQ(ran.spawned.reason, Reason::SandboxError);
  EXPECT_NE(ran.spawned.message.find("no-such-image"), std::string::npos) << ran.spawned.message;
  EXPECT_NE(ran.spawned.message.find("must be unpacked"), std::string::npos);
}

TEST_F(SandboxImageTest, WhatTheImageLacksIsToldAsMissing) {
  SpawnRequest wanted = in_image("true");
  wanted.command = {"/usr/bin/python3"};
  EXPECT_EQ(run(wanted).spawned.reason, Reason::CommandNotFound);
}

}  // namespace
}  // namespace hearth::agent
