#include "output/file_output_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace hearth::output {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kAll = 1 << 26;

StreamId out(std::uint64_t job, std::uint32_t attempt = 1) {
  return {JobId(job), attempt, StreamKind::Stdout};
}
StreamId err(std::uint64_t job, std::uint32_t attempt = 1) {
  return {JobId(job), attempt, StreamKind::Stderr};
}

StreamId results(std::uint64_t job, std::uint32_t attempt = 1) {
  return {JobId(job), attempt, StreamKind::Results};
}

class FileOutputStoreTest : public ::testing::Test {
 protected:
  FileOutputStoreTest() { open(); }
  ~FileOutputStoreTest() override { fs::remove_all(folder_); }

  // A new process on the same folder.
  void open(FileOutputOptions options = {.inline_bytes_max = 8}) {
    store_ = open_file_output_store(folder_.string(), options).value();
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) {
        found.push_back(entry.path());
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::string text(const StreamId& id) {
    Result<OutputSlice> answer = store_->read(id, 0, kAll);
    return answer ? answer->slice.bytes : "<" + std::string(to_string(answer.error().code)) + ">";
  }

  fs::path folder_ = fs::path(::testing::TempDir()) /
                     ("output_store_" + std::to_string(::getpid()) + "_" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::unique_ptr<OutputStore> store_;
};

TEST_F(FileOutputStoreTest, SmallOutputStaysInMemoryAndIsReturnedForTheTransaction) {
  ASSERT_TRUE(store_->append(out(1), 0, "hello"));
  ASSERT_TRUE(store_->append(err(1), 0, "no"));
  EXPECT_EQ(text(out(1)), "hello");
  EXPECT_TRUE(store_->in_memory(JobId(1), 1));
  const std::vector<InlineOutput> outputs = store_->make_durable(JobId(1), 1).value();
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(outputs[0].bytes, "hello");
  EXPECT_EQ(outputs[0].stream, StreamKind::Stdout);
  EXPECT_EQ(outputs[1].bytes, "no");
  EXPECT_TRUE(files().empty());
  store_->finish(JobId(1), 1);
  EXPECT_EQ(text(out(1)), "<not_found>") << "from then on the job store has it";
}

TEST_F(FileOutputStoreTest, AllOfAStreamHoldsForResults) {
  ASSERT_TRUE(store_->append(results(1), 0, "a tar"));
  ASSERT_TRUE(store_->append(out(1), 0, "hello"));
  const std::vector<InlineOutput> outputs = store_->make_durable(JobId(1), 1).value();
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(outputs[1].stream, StreamKind::Results);
  EXPECT_EQ(outputs[1].bytes, "a tar");
  ASSERT_TRUE(store_->append(results(2), 0, "a longer tar"));
  EXPECT_FALSE(store_->in_memory(JobId(2), 1));
  EXPECT_TRUE(store_->make_durable(JobId(2), 1)->empty());
  store_->finish(JobId(2), 1);
  ASSERT_TRUE(store_->append(results(3), 0, "a tar of an attempt that is lost"));
  store_->abandon(JobId(3), 1);
  ASSERT_TRUE(store_->append(results(4), 7, ""));
  EXPECT_TRUE(store_->truncated(JobId(4), 1));
  ASSERT_TRUE(store_->make_durable(JobId(4), 1));
  open();
  EXPECT_EQ(text(results(2)), "a longer tar");
  EXPECT_TRUE(store_->read(results(2), 0, kAll)->complete);
  EXPECT_EQ(text(results(3)), "a tar of an attempt that is lost");
  EXPECT_TRUE(store_->truncated(JobId(4), 1));
  ASSERT_TRUE(store_->remove(JobId(2)));
  EXPECT_EQ(text(results(2)), "<not_found>");
}

TEST_F(FileOutputStoreTest, SaysWhereBytesAreMissingAlsoAfterARestart) {
  ASSERT_TRUE(store_->append(out(1), 0, "hel"));
  EXPECT_FALSE(store_->truncated(JobId(1), 1));
  ASSERT_TRUE(store_->append(out(1), 5, ""));  // an end without the bytes before it
  EXPECT_EQ(store_->received(out(1)), 5);
  EXPECT_TRUE(store_->truncated(JobId(1), 1));
  EXPECT_FALSE(store_->truncated(JobId(2), 1)) << "nothing is known of it";
  EXPECT_TRUE(store_->make_durable(JobId(1), 1)->empty()) << "a gap is kept in a file";
  open();
  EXPECT_TRUE(store_->truncated(JobId(1), 1));
  EXPECT_EQ(text(out(1)), "hel");
  EXPECT_EQ(store_->read(out(1), 3, kAll)->slice.offset, 5);
}

TEST_F(FileOutputStoreTest, EmptyStreamsAreNotStored) {
  ASSERT_TRUE(store_->append(out(1), 0, "x"));
  EXPECT_EQ(store_->make_durable(JobId(1), 1).value().size(), 1U);
  EXPECT_EQ(store_->make_durable(JobId(2), 1).value().size(), 0U);
}

TEST_F(FileOutputStoreTest, LargerOutputMovesToAFileOfItsStreamAlone) {
  ASSERT_TRUE(store_->append(out(1), 0, "12345678"));
  ASSERT_TRUE(store_->append(err(1), 0, "e"));
  EXPECT_TRUE(files().empty());
  ASSERT_TRUE(store_->append(out(1), 8, "9"));
  EXPECT_EQ(files().size(), 1U);
  EXPECT_FALSE(store_->in_memory(JobId(1), 1));
  EXPECT_EQ(text(out(1)), "123456789");
  const std::vector<InlineOutput> outputs = store_->make_durable(JobId(1), 1).value();
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_EQ(outputs[0].stream, StreamKind::Stderr);
  store_->finish(JobId(1), 1);
  const OutputSlice answer = store_->read(out(1), 2, 3).value();
  EXPECT_EQ(answer.slice.bytes, "345");
  EXPECT_EQ(answer.size, 9);
  EXPECT_TRUE(answer.complete);
}

TEST_F(FileOutputStoreTest, SliceOfARunningStreamIsNotComplete) {
  ASSERT_TRUE(store_->append(out(1), 0, "abc"));
  EXPECT_FALSE(store_->read(out(1), 0, 2)->complete);
  EXPECT_EQ(store_->read(out(1), 0, 2)->slice.next_offset, 2);
  EXPECT_EQ(store_->read(out(1), 3, 2)->slice.bytes, "");
  EXPECT_EQ(store_->read(out(1), 0, 0).error().code, ErrorCode::InvalidArgument);
}

TEST_F(FileOutputStoreTest, ResentChunksAreSkippedInMemoryAndInFiles) {
  ASSERT_TRUE(store_->append(out(1), 0, "abc"));
  ASSERT_TRUE(store_->append(out(1), 0, "abcd"));
  EXPECT_EQ(store_->received(out(1)), 4);
  ASSERT_TRUE(store_->append(out(1), 4, "efghij"));
  ASSERT_TRUE(store_->append(out(1), 2, "cdefghijk"));
  EXPECT_EQ(text(out(1)), "abcdefghijk");
}

TEST_F(FileOutputStoreTest, ChunkBeyondTheEndIsAGapKeptInAFile) {
  ASSERT_TRUE(store_->append(out(1), 0, "ab"));
  ASSERT_TRUE(store_->append(out(1), 100, "yz"));
  EXPECT_EQ(store_->received(out(1)), 102);
  const OutputSlice answer = store_->read(out(1), 0, kAll).value();
  EXPECT_EQ(answer.slice.bytes, "ab");
  EXPECT_EQ(answer.slice.next_offset, 100);
  EXPECT_TRUE(store_->make_durable(JobId(1), 1).value().empty());
  open();
  EXPECT_EQ(store_->read(out(1), 50, kAll)->slice.bytes, "yz");
}

TEST_F(FileOutputStoreTest, CountsWhatItDoesNotKeep) {
  open({.inline_bytes_max = 4});
  ASSERT_TRUE(store_->append(out(1), 0, "12345678"));
  ASSERT_TRUE(store_->append(out(1), 100, "x"));  // the agent lost what lies between
  ASSERT_TRUE(store_->append(out(1), 100, "x"));
  EXPECT_EQ(store_->stats().dropped_bytes, 92);
  EXPECT_EQ(store_->stats().file_bytes, 9);
  EXPECT_EQ(store_->stats().moved_to_files, 1);
  EXPECT_EQ(store_->stats().memory_bound, 0);
}

TEST_F(FileOutputStoreTest, TotalMemoryIsBounded) {
  open({.inline_bytes_max = 8, .memory_bytes_max = 10});
  ASSERT_TRUE(store_->append(out(1), 0, "12345678"));
  ASSERT_TRUE(store_->append(out(2), 0, "12345678"));
  EXPECT_EQ(files().size(), 1U) << "the second had no room in memory";
  EXPECT_EQ(store_->stats().memory_bytes, 8);
  EXPECT_EQ(store_->stats().file_bytes, 8);
  EXPECT_EQ(store_->stats().memory_bound, 1);
  EXPECT_EQ(store_->stats().attempts, 2);
  store_->finish(JobId(1), 1);
  ASSERT_TRUE(store_->append(out(3), 0, "12345678"));
  EXPECT_EQ(files().size(), 1U) << "finish gives its memory back";
}

TEST_F(FileOutputStoreTest, FilesBeyondTheOpenLimitWorkTheSame) {
  open({.inline_bytes_max = 0, .files_open_max = 1});
  for (const std::uint64_t job : {1, 2, 3}) {
    ASSERT_TRUE(store_->append(out(job), 0, "abc"));
    ASSERT_TRUE(store_->append(out(job), 3, "def"));
    EXPECT_EQ(text(out(job)), "abcdef");
    ASSERT_TRUE(store_->make_durable(JobId(job), 1));
  }
}

TEST_F(FileOutputStoreTest, DurableFilesSurviveARestartWhole) {
  ASSERT_TRUE(store_->append(out(1), 0, "0123456789"));
  ASSERT_TRUE(store_->make_durable(JobId(1), 1));
  open();
  EXPECT_EQ(store_->received(out(1)), 10);
  EXPECT_EQ(text(out(1)), "0123456789");
  EXPECT_TRUE(store_->make_durable(JobId(1), 1).value().empty()) << "may be repeated";
}

TEST_F(FileOutputStoreTest, RunningFileSurvivesUpToItsLastCheckpointAndIsSentAgain) {
  const std::string checkpointed(limits::kOutputCheckpointBytes, 'a');
  ASSERT_TRUE(store_->append(out(1), 0, checkpointed));
  ASSERT_TRUE(store_->append(out(1), limits::kOutputCheckpointBytes, "tail"));
  ASSERT_TRUE(store_->append(out(2), 0, "memory"));
  open();
  EXPECT_EQ(store_->received(out(1)), limits::kOutputCheckpointBytes);
  EXPECT_EQ(store_->received(out(2)), 0);
  EXPECT_FALSE(store_->read(out(1), 0, 1)->complete);
  ASSERT_TRUE(store_->append(out(1), 0, checkpointed + "tail!"));
  EXPECT_EQ(text(out(1)), checkpointed + "tail!");
}

TEST_F(FileOutputStoreTest, DamagedSidecarCountsAsNothingReceived) {
  ASSERT_TRUE(store_->append(out(1), 0, "0123456789"));
  ASSERT_TRUE(store_->make_durable(JobId(1), 1));
  std::ofstream(files().at(1)) << "rubbish";
  open();
  EXPECT_EQ(store_->received(out(1)), 0);
  EXPECT_EQ(text(out(1)), "<data_loss>");
  ASSERT_TRUE(store_->append(out(1), 0, "0123456789"));
  EXPECT_EQ(text(out(1)), "0123456789");
}

TEST_F(FileOutputStoreTest, AbandonedOutputStaysReadable) {
  ASSERT_TRUE(store_->append(out(1), 0, "half"));
  ASSERT_TRUE(store_->append(err(1), 0, "a longer half"));
  store_->abandon(JobId(1), 1);
  EXPECT_EQ(text(out(1)), "half");
  EXPECT_TRUE(store_->read(err(1), 0, kAll)->complete);
  EXPECT_EQ(store_->append(out(1), 4, "late").error().code, ErrorCode::FailedPrecondition);
  open();
  EXPECT_EQ(text(out(1)), "half");
}

TEST_F(FileOutputStoreTest, AdoptedOutputGoesOn) {
  ASSERT_TRUE(store_->append(out(1), 0, "half"));
  store_->abandon(JobId(1), 1);
  store_->revive(JobId(1), 1);
  EXPECT_EQ(store_->received(out(1)), 4);
  ASSERT_TRUE(store_->append(out(1), 4, " and half"));
  EXPECT_FALSE(store_->read(out(1), 0, 1)->complete);
  ASSERT_TRUE(store_->make_durable(JobId(1), 1));
  open();
  EXPECT_EQ(text(out(1)), "half and half");
}

TEST_F(FileOutputStoreTest, LateChunkDoesNotBringAFinishedAttemptBack) {
  ASSERT_TRUE(store_->append(out(1), 0, "done"));
  store_->finish(JobId(1), 1);
  EXPECT_EQ(store_->append(out(1), 0, "done").error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(text(out(1)), "<not_found>");
}

TEST_F(FileOutputStoreTest, FullDiskIsAnErrorAndTheSameBytesMayComeAgain) {
  ASSERT_TRUE(store_->append(out(1), 0, "123456789"));
  const fs::path file = files().at(0);
  store_->finish(JobId(1), 1);
  fs::remove(file);
  fs::create_symlink("/dev/full", file);
  open();
  ASSERT_TRUE(store_->append(out(1), 0, "12345"));
  const Result<> refused = store_->append(out(1), 5, "6789");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(refused.error().kind, "storage_unavailable");
  EXPECT_NE(refused.error().message.find(file.string()), std::string::npos);
  EXPECT_EQ(text(out(1)), "12345");
  fs::remove(file);
  ASSERT_TRUE(store_->append(out(1), 5, "6789"));
  EXPECT_EQ(text(out(1)), "123456789");
}

TEST_F(FileOutputStoreTest, ListenersHearOfNewBytesAndOfTheEndOnly) {
  std::vector<StreamId> heard;
  const ListenerId id =
      store_->listen(JobId(1), [&](const StreamId& stream) { heard.push_back(stream); });
  ASSERT_TRUE(store_->append(out(1), 0, "ab"));
  ASSERT_TRUE(store_->append(out(1), 0, "ab"));
  ASSERT_TRUE(store_->append(out(2), 0, "ab"));
  EXPECT_EQ(heard, std::vector<StreamId>{out(1)});
  store_->finish(JobId(1), 1);
  EXPECT_EQ(heard, (std::vector<StreamId>{out(1), out(1), err(1), results(1)}));
  store_->unlisten(JobId(1), id);
  store_->abandon(JobId(1), 2);
  EXPECT_EQ(heard.size(), 4U);
}

TEST_F(FileOutputStoreTest, ListenersAreBounded) {
  std::vector<ListenerId> ids;
  for (std::int64_t i = 0; i < limits::kWatchersMax; ++i) {
    ids.push_back(store_->listen(JobId(1), [](const StreamId&) {}));
  }
  EXPECT_EQ(store_->listen(JobId(2), [](const StreamId&) {}), 0U);
  store_->unlisten(JobId(1), ids.front());
  EXPECT_NE(store_->listen(JobId(2), [](const StreamId&) {}), 0U);
}

// All files below the folder.
std::size_t count_files(const std::filesystem::path& folder) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  return files;
}

TEST_F(FileOutputStoreTest, WhatAKilledProcessWroteByHalfGoesWhenTheAttemptIsTakenUpAgain) {
  const std::string large(limits::kOutputInlineBytesMax + 1, 'x');
  ASSERT_TRUE(store_->append(out(1), 0, large));
  ASSERT_TRUE(store_->make_durable(JobId(1), 1));
  std::string sidecar;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    sidecar = entry.path().extension() == ".extents" ? entry.path().string() : sidecar;
  }
  ASSERT_NE(sidecar, "");
  std::ofstream(sidecar + ".0123456789abcdef.tmp") << "fin";
  open();
  ASSERT_TRUE(store_->append(out(1), 0, large)) << "the agent sends it again";
  EXPECT_EQ(count_files(folder_), 2U) << "the bytes and their extents";
  EXPECT_EQ(text(out(1)), large);
}

TEST_F(FileOutputStoreTest, SmallOutputMakesNoFileAndLargeOutputGoesWithItsJob) {
  ASSERT_TRUE(store_->append(out(1), 0, "abc"));
  ASSERT_EQ(store_->make_durable(JobId(1), 1)->size(), 1U);
  store_->finish(JobId(1), 1);
  EXPECT_EQ(count_files(folder_), 0U);

  const std::string large(limits::kOutputInlineBytesMax + 1, 'x');
  for (const std::uint64_t job : {2U, 3U}) {
    ASSERT_TRUE(store_->append(out(job), 0, large));
    ASSERT_TRUE(store_->make_durable(JobId(job), 1));
    store_->finish(JobId(job), 1);
  }
  EXPECT_EQ(count_files(folder_), 4U) << "the bytes and their extents of each";
  std::vector<JobId> found;
  for (std::uint32_t part = 0; part < kOutputParts; ++part) {
    const std::vector<JobId> jobs = store_->jobs_in_part(part).value();
    found.insert(found.end(), jobs.begin(), jobs.end());
  }
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<JobId>{JobId(2), JobId(3)}));

  ASSERT_TRUE(store_->remove(JobId(2)));
  EXPECT_EQ(count_files(folder_), 2U);
  EXPECT_FALSE(store_->read(out(2), 0, kAll));
  EXPECT_EQ(text(out(3)), large);
  EXPECT_TRUE(store_->remove(JobId(2))) << "nothing there is fine";
}

TEST_F(FileOutputStoreTest, UnusableFolderIsAClearError) {
  std::ofstream(folder_ / "file") << "x";
  const auto refused = open_file_output_store((folder_ / "file").string());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find((folder_ / "file").string()), std::string::npos);
}

TEST_F(FileOutputStoreTest, ManyThreadsOfWritersReadersAndEnders) {
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < 4; ++writer) {
    threads.emplace_back([&, writer] {
      for (std::uint64_t i = 0; i < 50; ++i) {
        const std::uint64_t job = 1 + writer * 1'000 + i;
        for (std::int64_t offset = 0; offset < 12; offset += 3) {
          ASSERT_TRUE(store_->append(out(job), offset, "abc"));
        }
        ASSERT_TRUE(store_->make_durable(JobId(job), 1));
        store_->finish(JobId(job), 1);
      }
    });
  }
  threads.emplace_back([&] {
    for (std::uint64_t i = 0; i < 2'000; ++i) {
      const Result<OutputSlice> answer = store_->read(out(1 + i % 4 * 1'000 + i / 40), 0, kAll);
      if (answer) {
        ASSERT_EQ(answer->slice.bytes,
                  std::string("abcabcabcabc").substr(0, answer->slice.bytes.size()));
      }
    }
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(text(out(1'049)), "abcabcabcabc");
}

}  // namespace
}  // namespace hearth::output
