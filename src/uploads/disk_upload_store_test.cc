#include "uploads/disk_upload_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "base/testing/temp_dir.h"

namespace hearth::uploads {
namespace {

namespace fs = std::filesystem;

class DiskUploadStoreTest : public ::testing::Test {
 protected:
  // A new process on the same folder.
  void open(DiskUploadOptions options = {}) {
    store_.reset();
    auto opened = open_disk_upload_store(
        folder_.file("data"), [this](int fd) { return check_(fd); }, clock_, log_, options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  std::future<Result<Upload>> begin_upload(const std::string& bytes) {
    auto incoming = std::move(store_->begin()).value();
    EXPECT_TRUE(incoming->write(bytes));
    auto kept = std::make_shared<std::promise<Result<Upload>>>();
    store_->keep(std::move(incoming),
                 [kept](Result<Upload> result) { kept->set_value(std::move(result)); });
    return kept->get_future();
  }
  Upload upload(const std::string& bytes) { return begin_upload(bytes).get().value(); }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.file("data"))) {
      if (entry.is_regular_file()) {
        names.push_back(fs::relative(entry.path(), folder_.file("data")));
      }
    }
    std::ranges::sort(names);
    return names;
  }
  [[nodiscard]] fs::path path_of(const std::string& name) const {
    return fs::path(folder_.file("data")) / name;
  }

  hearth::testing::TempDir folder_;
  hearth::testing::ManualClock clock_;
  hearth::testing::RecordingLog log_;
  CheckArchive check_ = [](int) { return Content{.files = 1, .bytes = 2}; };
  std::unique_ptr<UploadStore> store_;
};

TEST_F(DiskUploadStoreTest, UploadsSurviveARestart) {
  open();
  const Upload first = upload("first");
  clock_.advance(Duration(1'000));
  const Upload second = upload("second");
  EXPECT_LT(first.id, second.id) << "sorted by time";
  EXPECT_EQ(first.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
  EXPECT_LE(first.id.size(), 64U);
  open();
  EXPECT_EQ(store_->open(first.id)->upload, first);
  EXPECT_EQ(store_->open(second.id)->upload, second);
  EXPECT_EQ(store_->stats().bytes, 11);
  EXPECT_EQ(files().size(), 4U);
  EXPECT_EQ(fs::status(path_of(first.id)).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(DiskUploadStoreTest, WhenItWasNeededSurvivesARestart) {
  open();
  const Upload upload_before = upload("x");
  clock_.advance(Duration(3'600'000));
  ASSERT_TRUE(store_->touch(upload_before.id));
  store_->sweep();
  clock_.advance(limits::kUploadKeptFor - Duration(2'000));
  open();
  store_->sweep();
  EXPECT_TRUE(store_->open(upload_before.id));
  clock_.advance(Duration(3'000));
  store_->sweep();
  EXPECT_FALSE(store_->open(upload_before.id));
  EXPECT_TRUE(files().empty());
}

TEST_F(DiskUploadStoreTest, AWallClockThatWasSetRemovesNothingThatIsUsedAndKeepsNothingForEver) {
  open();
  const Upload used = upload("x");
  clock_.set(std::chrono::hours(24 * 365));
  open();
  store_->hold(used.id);
  store_->sweep();
  EXPECT_TRUE(store_->open(used.id));
  store_->release(used.id);
  store_->sweep();
  clock_.set(-std::chrono::hours(24 * 730));
  open();
  EXPECT_TRUE(store_->open(used.id));
  clock_.advance(limits::kUploadKeptFor);
  store_->sweep();
  EXPECT_FALSE(store_->open(used.id));
}

TEST_F(DiskUploadStoreTest, WhatAKilledProcessLeftByHalfGoesAtTheStart) {
  open();
  const Upload whole = upload("whole");
  const Upload cut = upload("cut short");
  const Upload bare = upload("without its note");
  const Upload gone = upload("without its archive");
  const Upload bad = upload("with a bad note");
  store_.reset();
  fs::resize_file(path_of(cut.id), 3);
  fs::remove(path_of(bare.id + ".info"));
  fs::remove(path_of(gone.id));
  std::ofstream(path_of(bad.id + ".info")) << "hearth upload 1\nfiles -3\n";
  std::ofstream(path_of("incoming/half")) << "half";
  std::ofstream(path_of("u1.info.0123.tmp")) << "half";
  open();
  EXPECT_EQ(files(), (std::vector<std::string>{whole.id, whole.id + ".info"}));
  EXPECT_TRUE(store_->open(whole.id));
  EXPECT_EQ(store_->stats().kept, 1);
}

TEST_F(DiskUploadStoreTest, WhatIsRefusedOrGivenUpLeavesNoFile) {
  check_ = [](int) -> Result<Content> {
    return Error{.code = ErrorCode::InvalidArgument, .message = "evil", .kind = "archive_refused"};
  };
  open();
  EXPECT_EQ(begin_upload("evil").get().error().kind, "archive_refused");
  {
    auto incoming = std::move(store_->begin()).value();
    ASSERT_TRUE(incoming->write("and the client is gone"));
    EXPECT_EQ(files().size(), 1U);
  }
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(store_->stats().bytes, 0);
}

// The check is looked at from outside while it waits.
TEST_F(DiskUploadStoreTest, ChecksThatWaitAreBounded) {
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> started = 0;
  check_ = [&](int) {
    ++started;
    started.notify_all();
    gone.wait();
    return Content{.files = 1, .bytes = 2};
  };
  open({.limits = {.checks_waiting_max = 1}, .threads = 1});
  auto checked = begin_upload("checked");
  started.wait(0);
  auto waits = begin_upload("waits");
  const Error refused = begin_upload("too many").get().error();
  EXPECT_EQ(refused.limit, "kUploadChecksWaitingMax");
  EXPECT_EQ(refused.kind, "rate_limited");
  EXPECT_EQ(store_->stats().checks_waiting, 1);
  go.set_value();
  EXPECT_TRUE(checked.get());
  EXPECT_TRUE(waits.get());
}

TEST_F(DiskUploadStoreTest, WhoWaitsWhenItEndsIsTold) {
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> started = 0;
  check_ = [&](int) {
    ++started;
    started.notify_all();
    gone.wait();
    return Content{.files = 1, .bytes = 2};
  };
  open({.threads = 1});
  auto checked = begin_upload("checked");
  started.wait(0);
  auto waits = begin_upload("waits");
  std::thread ends([this] { store_.reset(); });
  go.set_value();
  ends.join();
  EXPECT_TRUE(checked.get());
  const Result<Upload> late = waits.get();
  EXPECT_TRUE(late || late.error().code == ErrorCode::Unavailable);
}

TEST_F(DiskUploadStoreTest, AFullDiskIsSaidAndLeavesNothing) {
  open();
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto incoming = std::move(store_->begin()).value();
  struct rlimit small = before;
  small.rlim_cur = 10;
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<> written = incoming->write(std::string(100, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, old);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, "storage_unavailable");
  EXPECT_EQ(written.error().code, ErrorCode::Unavailable);
  incoming.reset();
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(store_->stats().bytes, 0);
  EXPECT_TRUE(begin_upload("fits").get());
}

TEST_F(DiskUploadStoreTest, AnUnusableFolderIsAClearError) {
  std::ofstream(folder_.file("data")) << "a file";
  const auto opened = open_disk_upload_store(folder_.file("data"), check_, clock_, log_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(folder_.file("data")), std::string::npos);
}

}  // namespace
}  // namespace hearth::uploads
