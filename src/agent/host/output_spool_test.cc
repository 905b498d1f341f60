#include "agent/host/output_spool.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace hearth::agent {
namespace {

OutputStreamKey stream(std::uint64_t job) {
  return {{JobId(job), 1, 1}, StreamKind::Stdout};
}

class OutputSpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "hearth-spool-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  OutputSpool spool(SpoolLimits limits) { return {folder_, limits, *log_}; }
  [[nodiscard]] std::int64_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  }
  // Everything that is kept from the start, a gap shown as one '~'.
  static std::string read_all(OutputSpool& spool, const OutputStreamKey& id) {
    std::string all;
    for (std::int64_t at = 0; at < spool.size(id);) {
      const output::LogSlice slice = spool.read_output(id, at, 3);
      all += (slice.offset > at ? "~" : "") + slice.bytes;
      at = slice.offset + static_cast<std::int64_t>(slice.bytes.size());
    }
    return all;
  }

  std::string folder_;
  std::unique_ptr<Log> log_ = make_null_log();
};

TEST_F(OutputSpoolTest, KeepsLittleInMemoryAndMuchInAFile) {
  OutputSpool kept = spool({.memory_bytes_max = 8});
  EXPECT_EQ(kept.append(stream(1), "12345678"), 8);
  EXPECT_EQ(files(), 0);
  EXPECT_EQ(kept.append(stream(1), "9"), 9);
  EXPECT_EQ(files(), 1);
  EXPECT_EQ(kept.append(stream(1), "abc"), 12);
  EXPECT_EQ(read_all(kept, stream(1)), "123456789abc");
  EXPECT_EQ(kept.bytes_kept(), 12);
  kept.forget(stream(1).attempt);
  EXPECT_EQ(files(), 0);
  EXPECT_EQ(kept.bytes_kept(), 0);
}

TEST_F(OutputSpoolTest, KeepsResultsAsOutput) {
  OutputSpool kept = spool({.bytes_max = 10, .memory_bytes_max = 4});
  const OutputStreamKey results{stream(1).attempt, StreamKind::Results};
  kept.append(results, "a tar");
  EXPECT_EQ(files(), 1);
  EXPECT_FALSE(kept.truncated(stream(1).attempt));
  kept.append(results, "more than there is room for");
  EXPECT_TRUE(kept.truncated(stream(1).attempt));
  kept.forget(stream(1).attempt);
  EXPECT_EQ(files(), 0);
  EXPECT_EQ(kept.bytes_kept(), 0);
}

TEST_F(OutputSpoolTest, KeepsHeadAndTailOfAStreamPastItsBound) {
  OutputSpool kept = spool({.memory_bytes_max = 4, .stream = {.head_bytes = 4, .tail_bytes = 4}});
  kept.append(stream(1), "abcdefgh");
  EXPECT_FALSE(kept.past_bound(stream(1)));
  EXPECT_FALSE(kept.truncated(stream(1).attempt));
  EXPECT_EQ(kept.append(stream(1), "ijkl"), 12);
  EXPECT_TRUE(kept.past_bound(stream(1)));
  EXPECT_TRUE(kept.truncated(stream(1).attempt));
  EXPECT_EQ(read_all(kept, stream(1)), "abcd~ijkl");
  EXPECT_EQ(kept.bytes_kept(), 8);
}

TEST_F(OutputSpoolTest, DropsWhatIsPastTheBoundOfAllStreams) {
  OutputSpool kept = spool({.bytes_max = 10, .memory_bytes_max = 4});
  kept.append(stream(1), "12345678");
  EXPECT_EQ(kept.append(stream(2), "abcdef"), 6);
  EXPECT_EQ(kept.append(stream(2), "g"), 7);
  EXPECT_TRUE(kept.truncated(stream(2).attempt));
  EXPECT_FALSE(kept.truncated(stream(1).attempt));
  EXPECT_LE(kept.bytes_kept(), 10);
  EXPECT_EQ(kept.bytes_dropped() + kept.bytes_kept(), 15);
  // The end is known all the same: a controller that waits for seven bytes gets its answer.
  const output::LogSlice slice = kept.read_output(stream(2), 0, 100);
  EXPECT_EQ(slice.offset + static_cast<std::int64_t>(slice.bytes.size()), 7);
  // Space that is given back can be used again.
  kept.forget(stream(1).attempt);
  kept.append(stream(3), "xyz");
  EXPECT_EQ(read_all(kept, stream(3)), "xyz");
}

TEST_F(OutputSpoolTest, DropsWhatTheDiskRefuses) {
  OutputSpool kept(folder_ + "/missing", {.memory_bytes_max = 2}, *log_);
  EXPECT_EQ(kept.append(stream(1), "ab"), 2);
  EXPECT_EQ(kept.append(stream(1), "cd"), 4);
  EXPECT_TRUE(kept.truncated(stream(1).attempt));
  EXPECT_EQ(read_all(kept, stream(1)), "ab~");
}

TEST_F(OutputSpoolTest, ReadsNothingOfAStreamItDoesNotKnow) {
  OutputSpool kept = spool({});
  EXPECT_EQ(kept.size(stream(1)), 0);
  EXPECT_EQ(kept.read_output(stream(1), 5, 10).offset, 5);
  EXPECT_EQ(kept.read_output(stream(1), 5, 10).bytes, "");
}

}  // namespace
}  // namespace hearth::agent
