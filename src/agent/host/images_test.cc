#include "agent/host/images.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/limits.h"

namespace hearth::agent {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');
const std::string kIndex = R"({"schemaVersion":2,"manifests":[
    {"digest":"sha256:)" + std::string(64, 'b') +
                           R"(","annotations":{"org.opencontainers.image.ref.name":"old"}},
    {"digest":")" + kDigest +
                           R"(","annotations":{"org.opencontainers.image.ref.name":"latest"}}]})";

TEST(OciReferenceTest, HasALayoutATagAndPerhapsADigest) {
  const auto plain = parse_oci_reference("/srv/layout");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->layout, "/srv/layout");
  EXPECT_EQ(plain->tag, "latest");
  EXPECT_EQ(plain->digest, "");
  const auto pinned = parse_oci_reference("/srv/layout:12@" + kDigest);
  ASSERT_TRUE(pinned);
  EXPECT_EQ(pinned->tag, "12");
  EXPECT_EQ(pinned->digest, kDigest);
  for (const char* text : {"", "relative", "/a/../b", "/srv/layout:", "/srv/layout@sha256:12",
                           "/srv/layout:a/b", "/srv/layout:latest@md5:abc"}) {
    EXPECT_FALSE(parse_oci_reference(text)) << text;
  }
}

TEST(OciReferenceTest, IsLookedUpInTheIndex) {
  OciReference reference{.layout = "/srv/layout", .tag = "latest", .digest = {}};
  EXPECT_EQ(manifest_digest(kIndex, reference).value(), kDigest);
  reference.digest = kDigest;
  EXPECT_EQ(manifest_digest(kIndex, reference).value(), kDigest);
  reference.digest = "sha256:" + std::string(64, 'c');
  const auto changed = manifest_digest(kIndex, reference);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::FailedPrecondition);
  reference.tag = "none";
  EXPECT_NE(manifest_digest(kIndex, reference).error().message.find("old, latest"),
            std::string::npos);
  for (const char* index : {"", "[]", "{}", R"({"manifests":[1]})", R"({"manifests":{}})",
                            R"({"manifests":[{"digest":"x","annotations":
                                {"org.opencontainers.image.ref.name":"none"}}]})"}) {
    EXPECT_FALSE(manifest_digest(index, reference)) << index;
  }
}

class ImagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<std::map<std::string, std::string>> prepare(const std::string& setting,
                                                     const std::string& unpacker = "umoci") {
    return prepare_images({{"it", setting}},
                          {.cache_dir = folder_ + "/cache", .unpacker = unpacker}, clock_, *log_);
  }
  // A layout with one image that holds /hello.
  std::string make_layout() {
    const std::string layout = folder_ + "/layout";
    const std::string bundle = folder_ + "/bundle";
    const std::string image = " --image " + layout + ":latest ";
    const std::string made = "umoci init --layout " + layout + " && umoci new" + image +
                             "&& umoci unpack --rootless" + image + bundle + " && echo hi > " +
                             bundle + "/rootfs/hello && umoci repack" + image + bundle;
    const auto runner = CommandRunner::create(
        clock_, {.deadline = std::chrono::seconds(60), .output_bytes_max = 1 * limits::kMiB});
    EXPECT_TRUE(runner);
    const auto answer = (*runner)->run({"sh", "-c", made});
    EXPECT_TRUE(answer && answer->exit_code == 0) << "umoci is installed";
    return layout;
  }

  std::string folder_;
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
};

TEST_F(ImagesTest, AFolderIsTakenAsItIs) {
  EXPECT_EQ(prepare(folder_).value().at("it"), folder_);
  const auto missing = prepare(folder_ + "/missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().field, "images");
}

TEST_F(ImagesTest, AnImageOfALayoutIsUnpackedOnce) {
  const std::string layout = make_layout();
  const auto first = prepare("oci:" + layout);
  ASSERT_TRUE(first) << first.error().message;
  const std::string root = first->at("it");
  EXPECT_TRUE(std::filesystem::exists(root + "/hello"));
  EXPECT_TRUE(root.starts_with(folder_ + "/cache/"));
  const auto again = prepare("oci:" + layout + ":latest", "no-such-unpacker");
  ASSERT_TRUE(again) << "what is there is not unpacked again: " << again.error().message;
  EXPECT_EQ(again->at("it"), root);
}

TEST_F(ImagesTest, WhatIsNotPinnedToWhatIsThereIsRefused) {
  const auto pinned = prepare("oci:" + make_layout() + ":latest@" + kDigest);
  ASSERT_FALSE(pinned);
  EXPECT_NE(pinned.error().message.find("and not " + kDigest), std::string::npos)
      << pinned.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/cache"));
}

TEST_F(ImagesTest, AnUnpackerThatFailsLeavesNothingThatLooksWhole) {
  const std::string layout = make_layout();
  EXPECT_FALSE(prepare("oci:" + layout, "no-such-unpacker"));
  EXPECT_FALSE(prepare("oci:" + layout, "false"));
  std::filesystem::remove_all(layout + "/blobs");
  EXPECT_FALSE(prepare("oci:" + layout));
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/cache")) {
    EXPECT_TRUE(entry.path().extension() == ".draft") << entry.path();
  }
}

}  // namespace
}  // namespace hearth::agent
