#include "agent/sandbox/uid_ranges.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <set>
#include <vector>

#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

constexpr std::uint32_t kFirst = 0x7000'0000;

class UidRangesTest : public ::testing::Test {
 protected:
  std::unique_ptr<UidRanges> open_ranges(std::uint32_t count) {
    auto made = UidRanges::open({.lock_path = folder_.file("ids"),
                                 .first = kFirst,
                                 .last = kFirst + count * limits::kSandboxIds - 1});
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  testing::TempDir folder_;
};

TEST_F(UidRangesTest, EachRangeIsOneSandboxs) {
  const auto ranges = open_ranges(3);
  EXPECT_EQ(ranges->ranges(), 3);
  std::vector<UidRange> taken;
  std::set<std::uint32_t> bases;
  for (int i = 0; i < 3; ++i) {
    auto range = ranges->take();
    ASSERT_TRUE(range);
    bases.insert(range->base());
    taken.push_back(std::move(*range));
  }
  EXPECT_EQ(bases, (std::set<std::uint32_t>{kFirst, kFirst + 65'536, kFirst + 131'072}));
  const auto refused = ranges->take();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(ranges->taken_here(), 3);
  taken.pop_back();
  const auto again = ranges->take();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->base(), kFirst + 131'072);
}

TEST_F(UidRangesTest, AReturnedRangeRestsLongest) {
  const auto ranges = open_ranges(3);
  std::vector<std::uint32_t> bases;
  for (int i = 0; i < 4; ++i) {
    const auto range = ranges->take();
    ASSERT_TRUE(range);
    bases.push_back(range->base());
  }
  EXPECT_EQ(bases, (std::vector<std::uint32_t>{kFirst, kFirst + 65'536, kFirst + 131'072, kFirst}));
}

TEST_F(UidRangesTest, AgentsOfOneMachineNeverShareARange) {
  const auto one = open_ranges(2);
  const auto other = open_ranges(2);
  auto first = one->take();
  auto second = other->take();
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_NE(first->base(), second->base());
  EXPECT_FALSE(one->take());
  EXPECT_FALSE(other->take());
  *second = UidRange();
  const auto third = one->take();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->base(), kFirst + 65'536);
}

TEST_F(UidRangesTest, ADeadAgentsRangesAreFree) {
  const auto ours = open_ranges(1);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    const auto theirs = open_ranges(1);
    const auto range = theirs->take();
    const char done = range ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(ends[1], &done, 1);
    while (true) {
      pause();
    }
  }
  char done = 0;
  ASSERT_EQ(read(ends[0], &done, 1), 1);
  EXPECT_EQ(done, 'y');
  EXPECT_FALSE(ours->take());
  ASSERT_EQ(kill(agent, SIGKILL), 0);
  ASSERT_EQ(waitpid(agent, nullptr, 0), agent);
  EXPECT_TRUE(ours->take());
  close(ends[0]);
  close(ends[1]);
}

TEST_F(UidRangesTest, AreasThatCouldBeTheMachinesAreRefused) {
  const auto refused = [this](std::uint32_t first, std::uint32_t last) {
    const auto made =
        UidRanges::open({.lock_path = folder_.file("ids"), .first = first, .last = last});
    return !made && made.error().code == ErrorCode::InvalidArgument;
  };
  EXPECT_TRUE(refused(0, 200'000));
  EXPECT_TRUE(refused(65'535, 200'000));
  EXPECT_FALSE(refused(65'536, 131'071));
  EXPECT_TRUE(refused(65'536, 131'070)) << "too small for one";
  EXPECT_TRUE(refused(200'000, 100'000));
}

TEST_F(UidRangesTest, AFileThatCannotBeOpenedIsNamed) {
  const auto failed = UidRanges::open({.lock_path = folder_.file("no/such/file")});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("no/such/file"), std::string::npos);
}

}  // namespace
}  // namespace hearth::agent
