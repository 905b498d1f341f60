#include "store/sqlite/data_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/testing/temp_dir.h"
#include "store/sqlite/sqlite_store.h"

namespace hearth::store {
namespace {

using hearth::testing::TempDir;

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

// Runs as a user who is not root, so that permissions mean something, until it ends.
class Unprivileged {
 public:
  Unprivileged() {
    if (::geteuid() == 0) {
      EXPECT_EQ(::seteuid(65534), 0);
      raised_ = true;
    }
  }
  ~Unprivileged() {
    if (raised_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  bool raised_ = false;
};

TEST(DataDirectoryTest, MakesAPrivateDirectoryWithItsParents) {
  const TempDir parent;
  const std::string directory = parent.file("a/b");
  auto store = open_sqlite_store({.directory = directory});
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE((*store)->recover());
  EXPECT_EQ(mode_of(directory), 0700U);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename() != "lock") {
      EXPECT_EQ(mode_of(entry.path()), 0600U) << entry.path();
    }
  }
}

TEST(DataDirectoryTest, RefusesADirectoryInUseAndNamesTheProcess) {
  const TempDir directory;
  int ready[2] = {};
  int done[2] = {};
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  char byte = 'x';
  if (child == 0) {
    ::close(done[1]);
    const auto store = open_sqlite_store({.directory = directory.path()});
    byte = store ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(done[0], &byte, 1);
    ::_exit(0);
  }
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto second = open_sqlite_store({.directory = directory.path()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::FailedPrecondition);
  EXPECT_NE(second.error().message.find("data directory " + directory.path() +
                                        " is in use by process " + std::to_string(child)),
            std::string::npos)
      << second.error().message;

  // However that process ends, the directory is free again.
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(open_sqlite_store({.directory = directory.path()}));
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) {
    ::close(fd);
  }
}

TEST(DataDirectoryTest, IsFreeAgainOnceTheStoreIsGone) {
  const TempDir directory;
  { ASSERT_TRUE(open_sqlite_store({.directory = directory.path()})); }
  EXPECT_TRUE(open_sqlite_store({.directory = directory.path()}));
}

TEST(DataDirectoryTest, NamesThePathAndTheRemedyWhenItMayNotWrite) {
  const TempDir directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0555), 0);
  {
    const Unprivileged guard;
    for (const std::string& path : {directory.path(), directory.file("below")}) {
      const auto store = open_sqlite_store({.directory = path});
      ASSERT_FALSE(store);
      EXPECT_EQ(store.error().code, ErrorCode::PermissionDenied);
      EXPECT_NE(store.error().message.find(path), std::string::npos) << store.error().message;
      EXPECT_NE(store.error().message.find("choose another data directory"), std::string::npos);
    }
  }
  ASSERT_EQ(::chmod(directory.path().c_str(), 0700), 0);
}

TEST(DataDirectoryTest, NamesThePathWhenTheDatabaseMayNotBeRead) {
  const TempDir directory;
  { ASSERT_TRUE(open_sqlite_store({.directory = directory.path()})); }
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  ASSERT_EQ(::chmod(directory.file("lock").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(directory.file("hearth.db").c_str(), 0), 0);
  const Unprivileged guard;
  const auto store = open_sqlite_store({.directory = directory.path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::PermissionDenied);
  EXPECT_NE(store.error().message.find(directory.file("hearth.db")), std::string::npos)
      << store.error().message;
}

TEST(DataDirectoryTest, RefusesAFileInItsPlace) {
  const TempDir directory;
  ASSERT_TRUE(write_file_atomically(directory.file("file"), "x"));
  const auto store = open_sqlite_store({.directory = directory.file("file")});
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find(directory.file("file")), std::string::npos);
}

}  // namespace
}  // namespace hearth::store
