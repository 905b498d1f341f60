#include "agent/runtimes/result_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

namespace fs = std::filesystem;
using ::hearth::testing::TempDir;

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// What tar(1) makes of an archive, by path.
std::map<std::string, std::string> unpacked(const std::string& tar) {
  const TempDir folder;
  std::ofstream(folder.file("a.tar"), std::ios::binary) << tar;
  fs::create_directory(folder.file("out"));
  const std::string command =
      "tar -xf " + folder.file("a.tar") + " -C " + folder.file("out") + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4'096> complaints{};
  const std::size_t said = fread(complaints.data(), 1, complaints.size(), pipe);
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_EQ(std::string(complaints.data(), said), "");
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder.file("out"))) {
    if (!entry.is_directory()) {
      files[fs::relative(entry.path(), folder.file("out"))] = content_of(entry.path());
    }
  }
  return files;
}

std::string read_all(ResultFiles& files, std::size_t piece = 65'536) {
  std::string tar;
  for (std::string bytes = files.read(piece); !bytes.empty(); bytes = files.read(piece)) {
    EXPECT_LE(bytes.size(), piece);
    tar += bytes;
  }
  EXPECT_EQ(std::ssize(tar), files.size());
  return tar;
}

class ResultFilesTest : public ::testing::Test {
 protected:
  ResultFilesTest() {
    fs::create_directory(folder_.file("work"));
    std::ofstream(folder_.file("secret")) << "secret";
    work_ = folder_.file("work");
    open_work();
  }

  void open_work() { fd_ = UniqueFd(::open(work_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }
  void write(const std::string& path, const std::string& content = "x") {
    fs::create_directories((work_ / path).parent_path());
    std::ofstream(work_ / path, std::ios::binary) << content;
  }
  [[nodiscard]] ResultFiles find(const std::vector<std::string>& wanted,
                                 const ResultLimits& limits = {}) const {
    return ResultFiles(fd_.get(), wanted, limits);
  }
  // The only thing that was wanted is left out: why.
  [[nodiscard]] std::string refusal_of(const std::string& path,
                                       const ResultLimits& limits = {}) const {
    ResultFiles files = find({path}, limits);
    EXPECT_EQ(files.files(), 0);
    EXPECT_EQ(files.left_out().size(), 1U);
    EXPECT_TRUE(unpacked(read_all(files)).empty());
    return files.left_out().empty() ? "" : files.left_out().front().why;
  }

  TempDir folder_;
  fs::path work_;
  UniqueFd fd_;
};

TEST_F(ResultFilesTest, FilesAndWholeDirectories) {
  write("report.json", "{}");
  write("empty", "");
  write("out/a.png", std::string(100'000, 'a'));
  write("out/deep/er/b", std::string(512, 'b'));
  write("beside", "not wanted");
  fs::permissions(work_ / "report.json", fs::perms::owner_all);
  ResultFiles files = find({"report.json", "out", "empty"});
  const std::string tar = read_all(files);
  const std::map<std::string, std::string> expected = {{"report.json", "{}"},
                                                       {"empty", ""},
                                                       {"out/a.png", std::string(100'000, 'a')},
                                                       {"out/deep/er/b", std::string(512, 'b')}};
  EXPECT_EQ(unpacked(tar), expected);
  EXPECT_EQ(files.files(), 4);
  EXPECT_TRUE(files.left_out().empty());
  EXPECT_TRUE(files.is_whole());
  EXPECT_NE(tar.find(R"(comment={"left_out":[],"more":0})"), std::string::npos);
}

TEST_F(ResultFilesTest, TheSameInWhateverPieces) {
  write("a", std::string(1'000, 'a'));
  write("b/" + std::string(150, 'n'), "b");
  ResultFiles first = find({"a", "b"});
  const std::string tar = read_all(first);
  for (const std::size_t piece : {1U, 7U, 511U, 512U, 513U, 4'096U}) {
    ResultFiles again = find({"b", "a", "b"});
    EXPECT_EQ(read_all(again, piece), tar) << piece;
  }
}

TEST_F(ResultFilesTest, WhatIsNotThereIsSaid) {
  EXPECT_EQ(refusal_of("none"), "does not exist");
  write("file");
  EXPECT_EQ(refusal_of("file/below"), "does not exist");
}

TEST_F(ResultFilesTest, NoSymbolicLinkIsFollowed) {
  fs::create_symlink(folder_.file("secret"), work_ / "absolute");
  fs::create_symlink("../secret", work_ / "relative");
  fs::create_symlink("..", work_ / "up");
  write("inner", "mine");
  fs::create_symlink("inner", work_ / "harmless");
  fs::create_symlink("/proc/self/environ", work_ / "environ");
  for (const char* path : {"absolute", "relative", "harmless", "environ", "up"}) {
    EXPECT_EQ(refusal_of(path), "is a symbolic link") << path;
  }
  EXPECT_EQ(refusal_of("up/secret"), "lies behind a symbolic link");
  fs::create_directory(work_ / "out");
  fs::create_symlink(folder_.path(), work_ / "out/link");
  EXPECT_EQ(refusal_of("out"), "is a symbolic link");
}

TEST_F(ResultFilesTest, NothingOutsideByName) {
  for (const std::string& path :
       {std::string("../secret"), folder_.file("secret"), std::string("a/../../secret")}) {
    fs::create_directories(work_ / "a");
    EXPECT_EQ(refusal_of(path), "lies outside of the work directory, or on another file system")
        << path;
  }
}

TEST_F(ResultFilesTest, NoOtherFileSystemAndNoMagicLink) {
  work_ = "/";
  open_work();
  EXPECT_EQ(refusal_of("proc/version"),
            "lies outside of the work directory, or on another file system");
  work_ = "/proc";
  open_work();
  const std::string self = std::to_string(::getpid());
  EXPECT_EQ(refusal_of(self + "/cwd"), "is a symbolic link");
  EXPECT_EQ(refusal_of(self + "/fd/0"), "is a symbolic link");
  EXPECT_EQ(refusal_of(self + "/cwd/file"), "lies behind a symbolic link");
}

// To open one for reading would wait for a writer.
TEST_F(ResultFilesTest, NoNamedPipe) {
  ASSERT_EQ(::mkfifo((work_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal_of("pipe"), "is a named pipe");
}

TEST_F(ResultFilesTest, NoSocket) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  (work_ / "socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(refusal_of("socket"), "is a socket");
}

TEST_F(ResultFilesTest, NoDevice) {
  if (::mknod((work_ / "zero").c_str(), S_IFCHR | 0666, makedev(1, 5)) != 0) {
    GTEST_SKIP() << "only root makes devices";
  }
  EXPECT_EQ(refusal_of("zero"), "is a device");
}

TEST_F(ResultFilesTest, NoHardLink) {
  fs::create_hard_link(folder_.file("secret"), work_ / "hard");
  EXPECT_EQ(refusal_of("hard"), "has 2 names (hard links); only files with one are taken");
}

TEST_F(ResultFilesTest, NothingOfAnotherUser) {
  write("file");
  EXPECT_EQ(refusal_of("file", {.owner = ::getuid() + 1}), "belongs to another user");
  EXPECT_EQ(find({"file"}, {.owner = ::getuid()}).files(), 1);
}

TEST_F(ResultFilesTest, HolesCountAsWhatTheyClaim) {
  write("sparse", "");
  ASSERT_EQ(::truncate((work_ / "sparse").c_str(), 1LL << 40), 0);
  write("small", "small");
  ResultFiles files = find({"sparse", "small"});
  EXPECT_EQ(unpacked(read_all(files)), (std::map<std::string, std::string>{{"small", "small"}}));
  ASSERT_EQ(files.left_out().size(), 1U);
  EXPECT_NE(files.left_out().front().why.find("has 1099511627776 bytes, which is more than"),
            std::string::npos);
  EXPECT_NE(files.left_out().front().why.find("kResultsBytesMax"), std::string::npos);
}

TEST_F(ResultFilesTest, AllTogetherStayWithinTheBound) {
  for (int i = 0; i < 40; ++i) {
    write("out/" + std::to_string(10 + i), std::string(3'000, 'x'));
  }
  for (const std::int64_t max : {4'096, 10'000, 100'000, 1'000'000}) {
    ResultFiles files = find({"out"}, {.tar_bytes_max = max, .notes_bytes_max = 1'000});
    EXPECT_LE(read_all(files).size(), static_cast<std::size_t>(max)) << max;
  }
  EXPECT_EQ(find({"out"}, {.tar_bytes_max = 1'000'000}).files(), 40);
}

TEST_F(ResultFilesTest, AtMostSoManyFiles) {
  for (const char* name : {"a", "b", "c"}) {
    write(name);
  }
  const ResultFiles files = find({"a", "b", "c"}, {.files_max = 2});
  EXPECT_EQ(files.files(), 2);
  EXPECT_EQ(files.left_out(),
            (std::vector<ResultNote>{
                {"c", "is one more than the 2 files that are taken (kResultFilesMax)"}}));
}

TEST_F(ResultFilesTest, AtMostSoManyNames) {
  for (int i = 0; i < 20; ++i) {
    fs::create_directories(work_ / "out" / std::to_string(i));
  }
  const ResultFiles files = find({"out"}, {.names_max = 10});
  EXPECT_EQ(files.left_out(),
            (std::vector<ResultNote>{
                {"out", "has names beyond the 10 that are looked at (kResultNamesMax)"}}));
}

TEST_F(ResultFilesTest, AtMostSoDeepAndSoLong) {
  write("a/b/c/file");
  EXPECT_EQ(refusal_of("a", {.depth_max = 2}), "is a directory more than 2 deep (kResultDepthMax)");
  EXPECT_EQ(find({"a"}, {.depth_max = 3}).files(), 1);
  EXPECT_EQ(refusal_of("a", {.path_bytes_max = 9}),
            "has a path longer than 9 bytes (kResultPathBytesMax)");
}

TEST_F(ResultFilesTest, NamesThatAreNoTextAreShownEscaped) {
  write("out/bad\xff\n\"name");
  write("out/gr\xc3\xbc\xc3\x9f");
  ResultFiles files = find({"out"});
  EXPECT_EQ(files.left_out(), (std::vector<ResultNote>{{R"(out/bad\xff\x0a"name)",
                                                        "has a name that is no printable UTF-8"}}));
  const std::string tar = read_all(files);
  EXPECT_EQ(unpacked(tar).count("out/gr\xc3\xbc\xc3\x9f"), 1U);
  EXPECT_NE(tar.find(R"({"path":"out/bad\\xff\\x0a\"name","why")"), std::string::npos);
}

// A note for each of very many names must not fill what is kept.
TEST_F(ResultFilesTest, NotesAreBounded) {
  std::vector<std::string> wanted;
  for (int i = 0; i < 2'000; ++i) {
    wanted.push_back("missing-" + std::to_string(i));
  }
  ResultFiles files = find(wanted, {.notes_bytes_max = 2'000});
  EXPECT_LT(files.left_out().size(), 50U);
  const std::string tar = read_all(files);
  EXPECT_LT(tar.size(), 4'096U);
  EXPECT_NE(tar.find("\"more\":" + std::to_string(2'000 - files.left_out().size()) + "}"),
            std::string::npos);
}

TEST_F(ResultFilesTest, ANameThatIsSwappedMeanwhileLeadsNowhere) {
  for (const char* name : {"link", "gone", "shrunk", "other", "whole"}) {
    write(name, "0123456789");
  }
  ResultFiles files = find({"link", "gone", "shrunk", "other", "whole"});
  fs::remove(work_ / "link");
  fs::create_symlink(folder_.file("secret"), work_ / "link");
  fs::remove(work_ / "gone");
  write("shrunk", "012");
  fs::rename(folder_.file("secret"), work_ / "other");
  const auto got = unpacked(read_all(files));
  EXPECT_FALSE(files.is_whole());
  EXPECT_EQ(got.at("link"), std::string(10, '\0'));
  EXPECT_EQ(got.at("gone"), std::string(10, '\0'));
  EXPECT_EQ(got.at("shrunk"), "012" + std::string(7, '\0'));
  EXPECT_EQ(got.at("other"), std::string(10, '\0'));
  EXPECT_EQ(got.at("whole"), "0123456789");
}

}  // namespace
}  // namespace hearth::agent
