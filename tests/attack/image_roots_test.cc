// Images whose roots are hostile: links, pipes and devices where the launcher puts what is the
// sandbox's own, and what an overlay might believe of its lower layer.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "archive/testing/tar_builder.h"
#include "tests/attack/image_fixture.h"
#include "tests/attack/upload_fixture.h"

namespace hearth::attack {

namespace fs = std::filesystem;

using harness::text;

namespace {

// What each sandbox has at its places, and that they can be written to.
constexpr const char* kOwnPlaces = R"(
for place in work tmp dev proc etc; do
  [ -d /$place ] && [ ! -L /$place ] && echo $place
done
echo a > /work/a && echo b > /tmp/b && echo c > /dev/shm/c && cat /work/a /tmp/b /dev/shm/c
cat /etc/hostname /dev/null
ls /dev
[ -e /proc/self/status ] && [ ! -L /etc/hosts ] && echo whole
)";
constexpr const char* kOwnPlacesSaid =
    "work\ntmp\ndev\nproc\netc\na\nb\nc\nsandbox\n"
    "fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\nwhole\n";

class ImageRootsTest : public UploadTest {
 protected:
  void SetUp() override {
    UploadTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    // What hostile links lead to: open to all, so that nothing but the sandbox is in between.
    for (const char* inner : {"", "/dev", "/etc"}) {
      fs::create_directory(outside() + inner);
      fs::permissions(outside() + inner, fs::perms::all);
    }
    for (const char* file : {"/secret", "/etc/hosts", "/etc/resolv.conf"}) {
      std::ofstream(outside() + file) << "of the machine\n";
      fs::permissions(outside() + file, fs::perms(0666));
    }
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(tree_of(outside()), outside_before_)
          << "a hostile root reached the machine's files";
      for (const auto& [name, before] : before_) {
        EXPECT_EQ(tree_of(folder(name)), before) << "a job changed the image " << name;
      }
    }
    UploadTest::TearDown();
  }

  [[nodiscard]] std::string outside() const { return scratch("outside"); }
  // Seen from the root of any image, for who takes more than one step up for one too many.
  [[nodiscard]] std::string climbing() const { return "../../../../../../../../../.." + outside(); }
  [[nodiscard]] std::string folder(const std::string& name) const {
    return scratch("image-" + name);
  }
  std::string add_image(const std::string& name) {
    make_image(folder(name));
    before_[name] = {};
    return folder(name);
  }
  void node(const std::string& path, mode_t kind, dev_t device = 0) {
    ASSERT_EQ(::mknod(path.c_str(), kind | 0666, device), 0) << path;
    ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  }

  // With all images that were added, as they are now.
  void start(std::vector<std::string> flags = {}) {
    outside_before_ = tree_of(outside());
    for (auto& [name, before] : before_) {
      before = tree_of(folder(name));
      flags.insert(flags.end(), {"--image", name + "=" + folder(name)});
    }
    start_hearth(flags);
  }
  static Case in_image(const std::string& image, const std::string& script,
                       const std::string& output) {
    return {.name = image + ": " + script,
            .command = {"/bin/sh", "-c", script},
            .output = output,
            .more = {{"sandbox", "image"}, {"image", image}}};
  }

 private:
  std::map<std::string, std::string> outside_before_;
  std::map<std::string, std::map<std::string, std::string>> before_;
};

TEST_F(ImageRootsTest, LinksInTheirPlaces) {
  for (const std::string name : {"absolute", "climbing", "self"}) {
    const std::string root = add_image(name);
    const std::string target = name == "absolute"   ? outside()
                               : name == "climbing" ? climbing()
                                                    : "/proc/self/root";
    fs::remove_all(root + "/etc");
    for (const char* place : {"/work", "/tmp", "/dev", "/proc", "/etc", "/away"}) {
      fs::create_symlink(target, root + place);
    }
  }
  start();
  for (const char* name : {"absolute", "climbing", "self"}) {
    expect_end(in_image(name, kOwnPlaces, kOwnPlacesSaid));
  }
  // What is unpacked and what is kept goes where the job is, not where its image's links lead.
  const std::string id = upload(archive::testing::build_tar({{.name = "in", .contents = "own"}}));
  for (const char* name : {"absolute", "climbing"}) {
    expect_end(
        in_image(name, "cat /away/secret || cat /away/etc/hosts || echo nothing", "nothing\n"));
    const json::object ended = run_for({"out", "link"}, "cat in > out; ln -s /away/secret link",
                                       {{"sandbox", "image"}, {"image", name}, {"upload", id}});
    EXPECT_EQ(result(text(ended, "id"), "out").raw, "own") << json::serialize(ended);
    EXPECT_EQ(left_out_of(text(ended, "id")), std::vector<std::string>{"link: is a symbolic link"});
  }
  expect_as_before();
}

TEST_F(ImageRootsTest, LinksBelowTheirPlaces) {
  const std::string root = add_image("below");
  fs::create_directories(root + "/dev");
  for (const auto& [path, target] :
       std::map<std::string, std::string>{{"/etc/hosts", outside() + "/etc/hosts"},
                                          {"/etc/hostname", climbing() + "/secret"},
                                          {"/dev/shm", outside() + "/dev"},
                                          {"/dev/null", outside() + "/secret"},
                                          {"/dev/fd", climbing() + "/dev"}}) {
    fs::create_symlink(target, root + path);
  }
  start();
  expect_end(in_image("below", kOwnPlaces, kOwnPlacesSaid));
}

TEST_F(ImageRootsTest, OtherKindsInTheirPlaces) {
  const std::string root = add_image("kinds");
  fs::remove_all(root + "/etc");
  node(root + "/work", S_IFIFO);
  node(root + "/tmp", S_IFCHR, makedev(1, 5));
  node(root + "/dev", S_IFSOCK);
  node(root + "/proc", S_IFBLK, makedev(7, 0));
  node(root + "/etc", S_IFREG);
  start();
  expect_end(in_image("kinds", kOwnPlaces, kOwnPlacesSaid));
}

// Into the folders that the operator shows, and the list of name servers where there is network.
TEST_F(ImageRootsTest, LinksInTheOperatorsPlaces) {
  const std::string shown = add_image("shown");
  fs::create_symlink(outside(), shown + Pen::shown());
  const std::string names = add_image("names");
  fs::create_symlink(outside() + "/etc/resolv.conf", names + "/etc/resolv.conf");
  start({"--sandbox-network"});
  const json::object refused = run({"/bin/true"}, {{"sandbox", "image"}, {"image", "shown"}});
  EXPECT_EQ(text(refused, "reason"), "sandbox_error") << json::serialize(refused);
  EXPECT_NE(text(refused, "message").find(Pen::shown().substr(1)), std::string::npos)
      << text(refused, "message");
  expect_as_before();
  expect_end(in_image("names", "grep -c machine /etc/resolv.conf; true", "0\n"));
}

TEST_F(ImageRootsTest, DevicesAndPipesOfAnImage) {
  const std::string root = add_image("nodes");
  struct stat disk {};
  ASSERT_EQ(::stat(outside().c_str(), &disk), 0);
  node(root + "/open/disk", S_IFBLK, disk.st_dev);
  node(root + "/open/memory", S_IFCHR, makedev(1, 1));
  node(root + "/open/null", S_IFCHR, makedev(1, 3));
  node(root + "/open/pipe", S_IFIFO);
  start();
  expect_end(in_image("nodes", "for name in disk memory null; do cat /open/$name; done 2>&1; true",
                      "cat: can't open '/open/disk': Permission denied\n"
                      "cat: can't open '/open/memory': Permission denied\n"
                      "cat: can't open '/open/null': Permission denied\n"));
  // Were it one pipe for all who see the image, it would join jobs that may not talk.
  const json::object more = {{"sandbox", "image"}, {"image", "nodes"}};
  const std::string reader = submit(job_of({"/bin/sh", "-c", "echo reads; cat /open/pipe"}, more));
  wait_until([&] { return output(reader) == "reads\n"; }, "a reader of the pipe");
  Case writer = in_image("nodes", "echo secret > /open/pipe", "");
  writer.state = "TIMED_OUT";
  writer.reason = "timed_out";
  writer.more["timeoutMs"] = 500;
  const json::object ended = run(writer.command, writer.more);
  EXPECT_EQ(text(ended, "state"), "TIMED_OUT");
  EXPECT_EQ(output(reader), "reads\n");
  EXPECT_EQ(post("/v1/jobs/" + reader + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(reader), "state"), "CANCELLED");
  expect_as_before();
}

// An overlay keeps its own notes in attributes that any user may set.
TEST_F(ImageRootsTest, NotesForTheOverlay) {
  const std::string root = add_image("notes");
  for (const char* prefix : {"user.overlay.", "trusted.overlay."}) {
    const std::string folder = root + "/open/" + prefix;
    fs::create_directory(folder);
    const auto note = [&](const std::string& path, const std::string& name,
                          const std::string& value) {
      ASSERT_EQ(::setxattr(path.c_str(), (prefix + name).c_str(), value.data(), value.size(), 0), 0)
          << path << " " << prefix << name;
    };
    fs::create_directory(folder + "/moved");
    note(folder + "/moved", "redirect", "/../../../.." + outside());
    std::ofstream(folder + "/hollow") << "";
    note(folder + "/hollow", "metacopy", "");
    note(folder + "/hollow", "redirect", outside() + "/secret");
    fs::create_directory(folder + "/opaque");
    note(folder + "/opaque", "opaque", "y");
    node(folder + "/whiteout", S_IFCHR, makedev(0, 0));
  }
  start();
  expect_end(
      in_image("notes",
               "cd /open; for folder in user trusted; do cd /open/$folder.overlay.; "
               "ls moved; cat hollow whiteout; cat moved/secret; ls opaque; done 2> /dev/null; "
               "echo end",
               "end\n"));
}

// As far as the modes in the image let it, and its own only as long as it runs.
TEST_F(ImageRootsTest, WhatIsWrittenIsNotTheImages) {
  const std::string root = add_image("written");
  std::ofstream(root + "/open/known") << "known\n";
  fs::permissions(root + "/open/known", fs::perms(0666));
  fs::create_directory(root + "/open/inner");
  fs::permissions(root + "/open/inner", fs::perms(0777));
  std::ofstream(root + "/open/inner/one") << "one\n";
  fs::create_hard_link(root + "/open/inner/one", root + "/open/inner/two");
  fs::permissions(root + "/open/inner/one", fs::perms(0666));
  start();
  const std::string changes =
      "echo more >> /open/known; echo new > /open/new; cd /open/inner; echo x >> one; rm two; "
      "mkdir deep; ln one three; ln -s /etc/passwd link; cat /open/known one; ls";
  for (int twice = 0; twice < 2; ++twice) {
    expect_end(in_image("written", changes, "known\nmore\none\nx\ndeep\nlink\none\nthree\n"));
  }
  expect_end(in_image("written",
                      "for name in bin etc usr/bin; do touch /$name/new; done 2>&1; true",
                      "touch: /bin/new: Permission denied\ntouch: /etc/new: Permission denied\n"
                      "touch: /usr/bin/new: Permission denied\n"));
}

// The layer above the image is the scratch's: as bounded as /work, in bytes and in names.
TEST_F(ImageRootsTest, TheLayerAboveIsBounded) {
  add_image("filled");
  start();
  expect_end({.name = "bytes",
              .command = {"/bin/sh", "-c",
                          "cat /dev/zero > /open/big; "
                          "cat /dev/zero > /work/more || echo full"},
              .output = "full\n",
              .more = {{"sandbox", "image"}, {"image", "filled"}}});
}

// A working directory that the image leads astray is one of the image's.
TEST_F(ImageRootsTest, LinksAsTheWorkingDirectory) {
  const std::string root = add_image("lost");
  for (const auto& [name, target] :
       std::map<std::string, std::string>{{"/machine", outside()},
                                          {"/up", climbing()},
                                          {"/init", "/proc/1/root"},
                                          {"/descriptor", "/proc/self/fd/3"}}) {
    fs::create_symlink(target, root + name);
  }
  start();
  for (const char* cwd : {"/machine", "/up", "/init", "/descriptor"}) {
    const json::object ended =
        run({"/bin/ls"}, {{"sandbox", "image"}, {"image", "lost"}, {"cwd", cwd}});
    EXPECT_EQ(text(ended, "reason"), "cwd_missing") << cwd << " " << json::serialize(ended);
  }
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
