#include "tests/attack/image_fixture.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/attack/attack_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

namespace fs = std::filesystem;

namespace {

constexpr std::array kPrograms = {"sh", "ls", "cat", "id", "touch", "mkdir", "rm", "ln", "grep"};

std::string attributes_of(const std::string& path) {
  std::array<char, 4096> names{};
  std::string all;
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.data() + at);
    std::array<char, 256> value{};
    const ssize_t bytes = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    all += " " + name + "=" + std::string(value.data(), bytes < 0 ? 0 : std::size_t(bytes));
    at += std::ssize(name) + 1;
  }
  return all;
}

std::string described(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  std::ostringstream text;
  text << std::oct << info.st_mode << std::dec << " " << info.st_uid << ":" << info.st_gid << " "
       << info.st_rdev << " " << info.st_mtim.tv_sec << "." << info.st_mtim.tv_nsec
       << attributes_of(path.string());
  if (S_ISREG(info.st_mode)) {
    text << " " << info.st_size << " " << std::hash<std::string>()(harness::contents(path));
  } else if (S_ISLNK(info.st_mode)) {
    text << " -> " << fs::read_symlink(path).string();
  }
  return text.str();
}

}  // namespace

void make_image(const std::string& folder) {
  for (const char* inner : {"/bin", "/etc", "/usr/bin", "/open"}) {
    fs::create_directories(folder + inner);
  }
  fs::copy_file("/bin/busybox", folder + "/bin/busybox");
  for (const char* name : kPrograms) {
    fs::create_symlink("busybox", folder + "/bin/" + name);
  }
  place_tools(folder + "/bin");
  fs::copy_file("/bin/busybox", folder + "/usr/bin/env");
  std::ofstream(folder + "/etc/passwd")
      << "root:x:0:0::/:/bin/sh\ntask:x:1000:1000::/work:/bin/sh\n";
  std::ofstream(folder + "/etc/ld.so.cache") << "of the image\n";
  fs::permissions(folder, fs::perms(0755));
  fs::permissions(folder + "/open", fs::perms(01777));
}

std::map<std::string, std::string> tree_of(const std::string& folder) {
  std::map<std::string, std::string> tree = {{"", described(folder)}};
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    tree[entry.path().lexically_relative(folder).string()] = described(entry.path());
  }
  return tree;
}

}  // namespace hearth::attack
