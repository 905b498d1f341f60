#include "agent/uploads/upload_cache.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>

#include "agent/link/testing/fake_link.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/testing/manual_clock.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

namespace fs = std::filesystem;

class NoOutput final : public OutputSource {
 public:
  output::LogSlice read_output(const OutputStreamKey& /*stream*/, std::int64_t offset,
                               std::int64_t /*max*/) override {
    return {.offset = offset, .bytes = {}, .next_offset = offset};
  }
};

AttemptKey key(std::uint64_t job) {
  return {.job = JobId(job), .attempt = 1, .epoch = 1};
}

Error error_of(ErrorCode code) {
  return Error{.code = code, .message = "for a test"};
}

class UploadCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(EventLoop::create(clock_)).value();
    make({});
  }
  void TearDown() override {
    link_.close();
    cache_.reset();
  }

  void make(UploadCacheOptions options) {
    options.folder = folder_.path();
    cache_ = std::move(UploadCache::create({*loop_, clock_, *log_, metrics_}, options)).value();
    cache_->use(link_);
  }

  void get(std::uint64_t job, const std::string& upload) {
    answers_.erase(job);
    cache_->get(key(job), upload, [this, job](Result<UniqueFd> file) {
      EXPECT_FALSE(answers_.contains(job)) << "once";
      answers_.emplace(job, std::move(file));
    });
    EXPECT_FALSE(answers_.contains(job)) << "not before it has returned";
  }
  // What the job got: the bytes, "<code>", or "" when it waits.
  std::string got(std::uint64_t job) {
    loop_->run_once(Duration(0));
    const auto found = answers_.find(job);
    if (found == answers_.end()) {
      return "";
    }
    if (!found->second) {
      return "<" + std::string(to_string(found->second.error().code)) + ">";
    }
    std::array<char, 256> buffer{};
    const ssize_t size = ::read(found->second->get(), buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(size)};
  }
  void pass(Duration time) {
    clock_.advance(time);
    loop_->run_once(Duration(0));
  }
  [[nodiscard]] std::int64_t files() const {
    return std::distance(fs::directory_iterator(folder_.path()), {});
  }
  // Files are removed on another thread.
  bool becomes(std::int64_t count) {
    for (int turns = 0; turns < 2'000 && files() != count; ++turns) {
      loop_->run_once(Duration(5));
    }
    return files() == count;
  }

  hearth::testing::TempDir folder_;
  hearth::testing::ManualClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  UploadMetrics metrics_;
  std::unique_ptr<EventLoop> loop_;
  NoOutput output_;
  testing::FakeLink link_{output_};
  std::unique_ptr<UploadCache> cache_;
  std::map<std::uint64_t, Result<UniqueFd>> answers_;
};

TEST_F(UploadCacheTest, FetchesOnceForAllWhoWaitAndKeepsIt) {
  get(1, "up");
  get(2, "up");
  ASSERT_EQ(link_.fetches.size(), 1U);
  EXPECT_EQ(link_.fetches[0].wanted.upload, "up");
  EXPECT_EQ(link_.fetches[0].wanted.attempt, key(1));
  EXPECT_EQ(got(1), "");
  link_.give_copy(0, "archive");
  EXPECT_EQ(got(1), "archive");
  EXPECT_EQ(got(2), "archive") << "with a position of its own";
  get(3, "up");
  EXPECT_EQ(got(3), "archive");
  EXPECT_TRUE(link_.fetches.empty());
  EXPECT_EQ(cache_->count(), 1);
  EXPECT_EQ(cache_->bytes(), 7);
}

TEST_F(UploadCacheTest, OfTheControllersOwnFileItKeepsNothing) {
  get(1, "up");
  get(2, "up");
  UniqueFd file(::memfd_create("upload", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "theirs", 6), 6);  // its position is at its end
  link_.give(0, FetchedUpload{.file = std::move(file), .bytes = 6});
  EXPECT_EQ(got(1), "theirs");
  EXPECT_EQ(got(2), "theirs");
  EXPECT_EQ(cache_->count(), 0);
  EXPECT_EQ(files(), 0);
  get(3, "up");
  EXPECT_EQ(link_.fetches.size(), 1U);
}

TEST_F(UploadCacheTest, TheLeastRecentlyUsedGoes) {
  make({.bytes_max = 20, .count_max = 3});
  for (std::uint64_t job = 1; job <= 3; ++job) {
    get(job, "up" + std::to_string(job));
    link_.give_copy(0, "12345");
    EXPECT_EQ(got(job), "12345");
  }
  get(4, "up1");
  EXPECT_EQ(got(4), "12345");
  get(5, "up5");
  link_.give_copy(0, "12345");
  EXPECT_EQ(got(5), "12345");
  EXPECT_EQ(cache_->count(), 3);
  EXPECT_TRUE(becomes(3));
  get(6, "up2");
  EXPECT_EQ(link_.fetches.size(), 1U) << "the longest unused is gone";
  link_.give_copy(0, "123456789012345");
  EXPECT_EQ(got(6), "123456789012345");
  EXPECT_EQ(cache_->bytes(), 20) << "also when there are too many bytes";
  EXPECT_EQ(cache_->count(), 2);
}

// It was there when it was asked for, and not any more when it would have been given.
TEST_F(UploadCacheTest, WhatGoesBeforeItIsGivenIsFetchedAgain) {
  make({.count_max = 1});
  get(1, "up1");
  link_.give_copy(0, "first");
  EXPECT_EQ(got(1), "first");
  get(2, "up2");
  get(3, "up1");
  link_.give_copy(0, "second");
  EXPECT_EQ(got(3), "");
  ASSERT_EQ(link_.fetches.size(), 1U);
  EXPECT_EQ(link_.fetches[0].wanted.attempt, key(3));
  link_.give_copy(0, "first");
  EXPECT_EQ(got(3), "first");
}

TEST_F(UploadCacheTest, WhatIsLargerThanAllItMayKeepIsGivenAndGone) {
  make({.bytes_max = 3});
  get(1, "up");
  link_.give_copy(0, "larger");
  EXPECT_EQ(got(1), "larger");
  EXPECT_EQ(cache_->bytes(), 0);
  EXPECT_TRUE(becomes(0));
}

TEST_F(UploadCacheTest, TriesAgainWhatMayPass) {
  for (const ErrorCode code : {ErrorCode::Unavailable, ErrorCode::ResourceExhausted,
                               ErrorCode::DataLoss, ErrorCode::DeadlineExceeded}) {
    get(1, "up" + std::string(to_string(code)));
    link_.give(0, error_of(code));
    EXPECT_EQ(got(1), "");
    EXPECT_TRUE(link_.fetches.empty()) << "not at once";
    pass(limits::kReconnectMax);
    ASSERT_EQ(link_.fetches.size(), 1U) << to_string(code);
    link_.give_copy(0, "came");
    EXPECT_EQ(got(1), "came");
  }
}

TEST_F(UploadCacheTest, IsPatientForSoLong) {
  get(1, "up");
  std::int64_t tries = 0;
  for (Duration waited{}; waited < limits::kUploadFetchPatience; waited += limits::kReconnectMax) {
    ASSERT_EQ(link_.fetches.size(), 1U);
    link_.give(0, error_of(ErrorCode::Unavailable));
    ++tries;
    ASSERT_EQ(got(1), "");
    pass(limits::kReconnectMax);
  }
  EXPECT_GT(tries, 10);
  link_.give(0, error_of(ErrorCode::Unavailable));
  EXPECT_EQ(got(1), "<unavailable>");
  EXPECT_NE(answers_.at(1).error().message.find("fetch the upload \"up\""), std::string::npos);
}

TEST_F(UploadCacheTest, WhatWillNotPassEndsAllWhoWait) {
  get(1, "up");
  get(2, "up");
  get(3, "other");
  link_.give(0, error_of(ErrorCode::NotFound));
  EXPECT_EQ(got(1), "<not_found>");
  EXPECT_EQ(got(2), "<not_found>");
  EXPECT_EQ(got(3), "");
}

TEST_F(UploadCacheTest, ARefusalOfOneAttemptIsNotThatOfAnother) {
  get(1, "up");
  get(2, "up");
  link_.give(0, error_of(ErrorCode::FailedPrecondition));
  EXPECT_EQ(got(1), "<failed_precondition>");
  EXPECT_EQ(got(2), "");
  ASSERT_EQ(link_.fetches.size(), 1U);
  EXPECT_EQ(link_.fetches[0].wanted.attempt, key(2));
  link_.give_copy(0, "archive");
  EXPECT_EQ(got(2), "archive");
}

TEST_F(UploadCacheTest, WhoIsForgottenHearsNothing) {
  get(1, "up");
  get(2, "up");
  cache_->forget(key(1));
  cache_->forget(key(7));
  link_.give_copy(0, "archive");
  EXPECT_EQ(got(1), "");
  EXPECT_EQ(got(2), "archive");
  get(3, "other");
  cache_->forget(key(3));
  link_.give(0, error_of(ErrorCode::Unavailable));
  pass(limits::kReconnectMax);
  EXPECT_TRUE(link_.fetches.empty()) << "nobody needs it";
  get(4, "up");
  cache_->forget(key(4));
  EXPECT_EQ(got(4), "");
}

TEST_F(UploadCacheTest, FetchesSoManyAtOnce) {
  make({.fetches_max = 2});
  for (std::uint64_t job = 1; job <= 3; ++job) {
    get(job, "up" + std::to_string(job));
  }
  ASSERT_EQ(link_.fetches.size(), 2U);
  link_.give_copy(0, "first");
  ASSERT_EQ(link_.fetches.size(), 2U);
  EXPECT_EQ(link_.fetches[1].wanted.upload, "up3");
}

TEST_F(UploadCacheTest, ANameThatIsAPathIsNoUpload) {
  for (const char* name : {"../evil", "", "a/b", ".", "x\ny"}) {
    get(1, name);
    EXPECT_EQ(got(1), "<invalid_argument>") << name;
  }
  EXPECT_TRUE(link_.fetches.empty());
}

TEST_F(UploadCacheTest, CountsWhatItSpares) {
  make({.bytes_max = 10});
  get(1, "up1");
  get(2, "up1");
  EXPECT_EQ(metrics_.under_way, 1);
  link_.give(0, error_of(ErrorCode::Unavailable));
  EXPECT_EQ(metrics_.under_way, 0);
  EXPECT_EQ(metrics_.fetches_failed, 1U);
  pass(limits::kReconnectMax);
  link_.give_copy(0, "1234567");
  EXPECT_EQ(metrics_.fetches, 1U);
  EXPECT_EQ(metrics_.fetched_bytes, 7U);
  EXPECT_EQ(metrics_.hits, 0U) << "both waited for it";
  get(3, "up1");
  get(4, "up1");
  EXPECT_EQ(got(4), "1234567");
  EXPECT_EQ(metrics_.hits, 2U);
  EXPECT_EQ(metrics_.kept, 1);
  EXPECT_EQ(metrics_.kept_bytes, 7);
  EXPECT_EQ(metrics_.evictions, 0U);
  get(5, "up2");
  link_.give_copy(0, "12345");
  EXPECT_EQ(metrics_.evictions, 1U);
  EXPECT_EQ(metrics_.kept, 1);
  EXPECT_EQ(metrics_.kept_bytes, 5);
  get(6, "up3");
  UniqueFd file(::memfd_create("upload", MFD_CLOEXEC));
  link_.give(0, FetchedUpload{.file = std::move(file), .bytes = 100});
  EXPECT_EQ(metrics_.fetches, 3U);
  EXPECT_EQ(metrics_.fetched_bytes, 12U) << "the controller's own file did not come";
  std::string text;
  MetricsText out(text);
  metrics_.write(out);
  for (const char* line :
       {"hearth_agent_upload_hits_total 2\n", "hearth_agent_upload_fetches_total 3\n",
        "hearth_agent_upload_fetches_failed_total 1\n",
        "hearth_agent_upload_fetched_bytes_total 12\n", "hearth_agent_upload_evictions_total 1\n",
        "hearth_agent_uploads_kept 1\n", "hearth_agent_upload_kept_bytes 5\n",
        "hearth_agent_upload_fetches 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST_F(UploadCacheTest, AnAnswerMayAskAgain) {
  bool again = false;
  cache_->get(key(1), "up", [&](Result<UniqueFd> first) {
    EXPECT_FALSE(first);
    get(1, "up");
    again = true;
  });
  link_.give(0, error_of(ErrorCode::NotFound));
  EXPECT_TRUE(again);
  ASSERT_EQ(link_.fetches.size(), 1U);
  link_.give_copy(0, "archive");
  EXPECT_EQ(got(1), "archive");
}

}  // namespace
}  // namespace hearth::agent
