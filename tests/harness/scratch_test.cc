// A failed test leaves the logs of its programs and says where; one that passed leaves nothing.
#include "tests/harness/scratch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "tests/harness/cluster.h"
#include "tests/harness/processes.h"

namespace hearth::harness {
namespace {

namespace fs = std::filesystem;

class ScratchTest : public ::testing::Test {
 protected:
  // Runs one test of the program whose tests fail, with directories of its own.
  Exit run(const std::string& test, const std::map<std::string, std::string>& more = {}) {
    std::map<std::string, std::string> environment = {{"TMPDIR", scratch_.path("tmp")}};
    environment.insert(more.begin(), more.end());
    fs::create_directories(scratch_.path("tmp"));
    return Program(scratch_.path(),
                   {program_path("harness_failing_test"), "--gtest_filter=OnPurposeTest." + test},
                   {.environment = environment})
        .wait();
  }

  // Relative names of the files below `folder`, and what is in them; the random ends of names are
  // left out.
  std::map<std::string, std::string> files(const std::string& folder) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(scratch_.path(folder))) {
      if (entry.is_regular_file()) {
        std::string name;
        for (const fs::path& part : fs::relative(entry.path(), scratch_.path(folder))) {
          const std::string text = part.string();
          const std::size_t end = text.rfind('-');
          name += (name.empty() ? "" : "/") +
                  (end != std::string::npos && text.size() - end == 7 ? text.substr(0, end) : text);
        }
        found[name] = contents(entry.path());
      }
    }
    return found;
  }

  using Files = std::map<std::string, std::string>;
  Scratch scratch_;
};

TEST_F(ScratchTest, NothingIsLeftOfATestThatPassed) {
  const Exit done = run("Passes");
  EXPECT_EQ(done.code, 0) << done.out;
  EXPECT_EQ(done.err.find("kept in"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(scratch_.path("tmp")));
}

TEST_F(ScratchTest, TheLogsOfAFailedTestAreKeptAndNothingElse) {
  const Exit done = run("Fails");
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(files("tmp"), (Files{{"hearth-test-logs/OnPurposeTest.Fails/out-sh", "to stdout\n"},
                                 {"hearth-test-logs/OnPurposeTest.Fails/err-sh", "to stderr\n"}}));
  const std::string said =
      "--- logs kept in " + scratch_.path("tmp/hearth-test-logs/OnPurposeTest.Fails-");
  EXPECT_NE(done.err.find(said), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("\n  err-sh-"), std::string::npos) << done.err;
}

TEST_F(ScratchTest, TheyAreKeptWhereTheSuiteWantsThem) {
  EXPECT_EQ(run("Fails", {{"HEARTH_TEST_LOGS", scratch_.path("results/logs")}}).code, 1);
  EXPECT_TRUE(fs::is_empty(scratch_.path("tmp")));
  EXPECT_EQ(files("results/logs").size(), 2U);
}

TEST_F(ScratchTest, WhatSaidNothingIsNotKept) {
  const Exit done = run("FailsInSilence");
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.err.find("kept in"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(scratch_.path("tmp")));
}

TEST_F(ScratchTest, EverythingOfAFailedTestIsKeptWhenAskedFor) {
  const Exit done = run("Fails", {{"HEARTH_TEST_KEEP", "1"}});
  EXPECT_EQ(done.code, 1);
  const Files kept = files("tmp");
  EXPECT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept.at("hearth-e2e/data"), "much");
  EXPECT_NE(done.err.find("is kept in " + scratch_.path("tmp/hearth-e2e-")), std::string::npos);
}

TEST_F(ScratchTest, EverythingOfACrashedTestIsLeft) {
  EXPECT_EQ(run("Crashes").signal, SIGKILL);
  EXPECT_EQ(files("tmp").at("hearth-e2e/err-sh"), "to stderr\n");
}

TEST_F(ScratchTest, LogsHaveNamesThatTellThemApart) {
  for (const auto& command : std::vector<std::vector<std::string>>{
           {"/bin/echo", "agent", "--id", "a-1"}, {"/bin/echo", "--id", "../b"}}) {
    Program(scratch_.path(), command, {}).wait();
  }
  EXPECT_EQ(files(""), (Files{{"out-echo-agent-a-1", "agent --id a-1\n"},
                              {"err-echo-agent-a-1", ""},
                              {"out-echo", "--id ../b\n"},
                              {"err-echo", ""}}));
}

}  // namespace
}  // namespace hearth::harness
