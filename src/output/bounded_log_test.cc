#include "output/bounded_log.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>

#include "output/string_storage.h"

namespace hearth::output {
namespace {

// Writes only the first `writable` bytes ever, then fails like a full disk after a partial write.
class FillingStorage final : public ByteStorage {
 public:
  std::int64_t writable = std::numeric_limits<std::int64_t>::max();

  Result<> write_at(std::int64_t position, std::string_view bytes) override {
    const auto allowed =
        static_cast<std::size_t>(std::min(writable, static_cast<std::int64_t>(bytes.size())));
    writable -= static_cast<std::int64_t>(allowed);
    HEARTH_TRY(storage_.write_at(position, bytes.substr(0, allowed)));
    if (allowed < bytes.size()) {
      return Error{.code = ErrorCode::ResourceExhausted, .message = "no space"};
    }
    return {};
  }
  Result<std::string> read_at(std::int64_t position, std::int64_t size) override {
    return storage_.read_at(position, size);
  }
  Result<> sync() override { return {}; }

 private:
  StringStorage storage_;
};

std::string read_all(BoundedLog& log, std::int64_t from = 0) {
  std::string text;
  while (from < log.size()) {
    const LogSlice slice = log.read(from, 3).value();
    text += slice.bytes;
    if (slice.next_offset == from) {
      break;
    }
    if (slice.next_offset > slice.offset + static_cast<std::int64_t>(slice.bytes.size())) {
      text += '|';
    }
    from = slice.next_offset;
  }
  return text;
}

class BoundedLogTest : public ::testing::Test {
 protected:
  StringStorage storage_;
  BoundedLog log_{storage_, {.head_bytes = 4, .tail_bytes = 4}};
};

TEST_F(BoundedLogTest, KeepsEverythingWithinItsBounds) {
  ASSERT_TRUE(log_.append(0, "abcdef"));
  ASSERT_TRUE(log_.append(6, "gh"));
  EXPECT_EQ(read_all(log_), "abcdefgh");
  EXPECT_FALSE(log_.truncated());
}

TEST_F(BoundedLogTest, DropsTheMiddleBeyondThem) {
  ASSERT_TRUE(log_.append(0, "abcdefghij"));
  EXPECT_EQ(log_.size(), 10);
  EXPECT_TRUE(log_.truncated());
  EXPECT_EQ(read_all(log_), "abcd|ghij");
}

TEST_F(BoundedLogTest, ReadInsideTheGapStartsAtItsEnd) {
  ASSERT_TRUE(log_.append(0, "abcdefghij"));
  const LogSlice slice = log_.read(5, 100).value();
  EXPECT_EQ(slice.offset, 6);
  EXPECT_EQ(slice.bytes, "ghij");
  EXPECT_EQ(slice.next_offset, 10);
}

TEST_F(BoundedLogTest, ReadStopsBeforeTheGapAndSaysWhereItGoesOn) {
  ASSERT_TRUE(log_.append(0, "abcdefghij"));
  const LogSlice slice = log_.read(1, 100).value();
  EXPECT_EQ(slice.kept_until, log_.head_end());
  EXPECT_EQ(log_.read(log_.head_end(), 1).value().kept_until, log_.size());
  EXPECT_EQ(slice.bytes, "bcd");
  EXPECT_EQ(slice.next_offset, 6);
}

TEST_F(BoundedLogTest, ReadAtOrBeyondTheEndIsEmpty) {
  ASSERT_TRUE(log_.append(0, "ab"));
  for (const std::int64_t offset : {2, 7}) {
    const LogSlice slice = log_.read(offset, 100).value();
    EXPECT_EQ(slice.offset, offset);
    EXPECT_EQ(slice.bytes, "");
    EXPECT_EQ(slice.next_offset, offset);
  }
}

TEST_F(BoundedLogTest, ResendIsSkippedAndItsNewPartKept) {
  ASSERT_TRUE(log_.append(0, "abc"));
  ASSERT_TRUE(log_.append(0, "abc"));
  ASSERT_TRUE(log_.append(1, "XXde"));
  EXPECT_EQ(read_all(log_), "abcde");
}

TEST_F(BoundedLogTest, ChunkBeyondTheEndLeavesAGap) {
  ASSERT_TRUE(log_.append(0, "ab"));
  ASSERT_TRUE(log_.append(10, "kl"));
  EXPECT_EQ(log_.size(), 12);
  EXPECT_TRUE(log_.truncated());
  EXPECT_EQ(read_all(log_), "ab|kl");
}

TEST_F(BoundedLogTest, RefusesImpossibleOffsets) {
  EXPECT_EQ(log_.append(-1, "a").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(log_.append(std::numeric_limits<std::int64_t>::max(), "a").error().code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(log_.read(-1, 1).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(log_.size(), 0);
}

TEST_F(BoundedLogTest, ReopensFromItsExtents) {
  ASSERT_TRUE(log_.append(0, "abcdefghij"));
  BoundedLog again(storage_, {.head_bytes = 4, .tail_bytes = 4});
  ASSERT_TRUE(again.restore_extents(log_.extents()));
  EXPECT_EQ(read_all(again), "abcd|ghij");
  ASSERT_TRUE(again.append(10, "kl"));
  EXPECT_EQ(read_all(again), "abcd|ijkl");
}

TEST_F(BoundedLogTest, RefusesExtentsThatCannotBe) {
  for (const char* text : {"", "1 2", "1 2 3 4", "a b c", "3 2 4", "5 5 5", "4 4 9", "2 2 3",
                           "-1 0 0", "0 0 0 ", "99999999999999999999 0 0"}) {
    EXPECT_EQ(log_.restore_extents(text).error().code, ErrorCode::DataLoss) << text;
  }
  EXPECT_TRUE(log_.restore_extents("4 5 9"));
}

TEST(BoundedLogFaultTest, FullDiskLeavesALogThatCanBeContinued) {
  FillingStorage storage;
  BoundedLog log(storage, {.head_bytes = 4, .tail_bytes = 4});
  storage.writable = 3;
  EXPECT_FALSE(log.append(0, "abcdefghij"));
  storage.writable = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(log.append(0, "abcdefghij"));
  EXPECT_EQ(read_all(log), "abcd|ghij");

  storage.writable = 1;
  EXPECT_FALSE(log.append(10, "klm"));
  // What the failed write may have damaged is a gap now, and nothing else is lost.
  for (std::int64_t offset = 0; offset < log.size(); ++offset) {
    const LogSlice slice = log.read(offset, 1).value();
    if (slice.offset == offset && !slice.bytes.empty()) {
      EXPECT_EQ(slice.bytes[0], static_cast<char>('a' + offset));
    }
  }
  storage.writable = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(log.append(
      log.size(), std::string_view("klm").substr(static_cast<std::size_t>(log.size() - 10))));
  EXPECT_EQ(read_all(log), "abcd|jklm");
}

// The same stream, kept whole: a byte is readable exactly when the rule says that it is kept.
class NaiveLog {
 public:
  explicit NaiveLog(LogBounds bounds) : bounds_(bounds) {}

  void append(std::int64_t offset, std::string_view bytes) {
    if (offset + static_cast<std::int64_t>(bytes.size()) <= size) {
      return;
    }
    if (offset > size) {
      gap_seen_ = true;
      size = offset;
      std::erase_if(kept, [&](const auto& entry) { return !in_head_.contains(entry.first); });
    }
    for (const char byte : bytes) {
      if (offset == size) {
        if (!gap_seen_ && size < bounds_.head_bytes) {
          in_head_[size] = true;
        }
        kept[size++] = byte;
        const std::int64_t dropped = size - 1 - bounds_.tail_bytes;
        if (!in_head_.contains(dropped)) {
          kept.erase(dropped);
        }
      }
      ++offset;
    }
    if (bounds_.tail_bytes == 0) {
      std::erase_if(kept, [&](const auto& entry) { return !in_head_.contains(entry.first); });
    }
  }

  std::map<std::int64_t, char> kept;
  std::int64_t size = 0;

 private:
  LogBounds bounds_;
  std::map<std::int64_t, bool> in_head_;
  bool gap_seen_ = false;
};

std::map<std::int64_t, char> contents(BoundedLog& log, std::int64_t step) {
  std::map<std::int64_t, char> found;
  std::int64_t at = 0;
  while (at < log.size()) {
    const LogSlice slice = log.read(at, step).value();
    EXPECT_GE(slice.offset, at);
    EXPECT_GT(slice.next_offset, at) << "a reader must get on";
    for (std::size_t i = 0; i < slice.bytes.size(); ++i) {
      found[slice.offset + static_cast<std::int64_t>(i)] = slice.bytes[i];
    }
    at = slice.next_offset;
  }
  return found;
}

TEST(BoundedLogPropertyTest, AgreesWithANaiveModel) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](int limit) {
      return static_cast<std::int64_t>(random() % static_cast<unsigned>(limit));
    };
    const LogBounds bounds{.head_bytes = below(12), .tail_bytes = below(12)};
    StringStorage storage;
    BoundedLog log(storage, bounds);
    NaiveLog naive(bounds);
    for (int step = 0; step < 40; ++step) {
      const std::int64_t kind = below(6);
      const std::int64_t back = std::min(log.size(), below(8));
      const std::int64_t offset = kind == 0   ? log.size() + below(10)
                                  : kind == 1 ? log.size() - back
                                              : log.size();
      std::string bytes;
      for (std::int64_t i = 0, count = below(20); i < count; ++i) {
        bytes += static_cast<char>('a' + (offset + i) % 26);
      }
      ASSERT_TRUE(log.append(offset, bytes));
      naive.append(offset, bytes);
      ASSERT_EQ(log.size(), naive.size) << "seed " << seed << " step " << step;
      ASSERT_EQ(contents(log, 1 + below(9)), naive.kept) << "seed " << seed << " step " << step;
      ASSERT_EQ(log.truncated(), static_cast<std::int64_t>(naive.kept.size()) < naive.size);
    }
    BoundedLog again(storage, bounds);
    ASSERT_TRUE(again.restore_extents(log.extents())) << "seed " << seed << ": " << log.extents();
    ASSERT_EQ(contents(again, 5), naive.kept);
  }
}

}  // namespace
}  // namespace hearth::output
