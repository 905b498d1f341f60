#include "api/upload_uses.h"

#include <gtest/gtest.h>

#include <array>

#include "api/testing/loop_fixture.h"
#include "base/testing/temp_dir.h"
#include "uploads/disk_upload_store.h"
#include "uploads/testing/memory_upload_store.h"

namespace hearth::api {
namespace {

using testing::FakeAgent;
using uploads::OpenUpload;

ChangeSet submitted(JobId job, const std::string& upload) {
  ChangeSet changes;
  auto payload = std::make_shared<JobPayload>();
  payload->upload = upload;
  changes.new_jobs.push_back({.id = job, .payload = payload});
  return changes;
}

ChangeSet reached(JobId job, JobState state) {
  ChangeSet changes;
  JobEvent event;
  event.after.id = job;
  event.after.state = state;
  changes.events.push_back(event);
  return changes;
}

class UploadUsesTest : public ::testing::Test {
 protected:
  std::int64_t held() { return store_.stats().held; }

  hearth::testing::ManualClock clock_;
  uploads::testing::MemoryUploadStore store_{clock_};
  UploadUses uses_{&store_};
};

TEST_F(UploadUsesTest, HoldsFromTheFirstJobToTheLast) {
  const std::string upload = store_.put("x").id;
  uses_.committed(submitted(JobId(1), upload));
  uses_.committed(submitted(JobId(2), upload));
  uses_.committed(submitted(JobId(3), ""));
  EXPECT_EQ(uses_.upload_of(JobId(1)), upload);
  EXPECT_EQ(uses_.upload_of(JobId(3)), "");
  uses_.committed(reached(JobId(1), JobState::Running));
  uses_.committed(reached(JobId(1), JobState::Completed));
  EXPECT_EQ(uses_.upload_of(JobId(1)), "");
  uses_.committed(reached(JobId(1), JobState::Completed));  // nobody's
  uses_.committed(reached(JobId(3), JobState::Failed));
  EXPECT_EQ(held(), 1);
  uses_.committed(reached(JobId(2), JobState::TimedOut));
  EXPECT_EQ(held(), 0);
}

TEST_F(UploadUsesTest, AJobMayEndInTheCommitThatMadeIt) {
  ChangeSet both = submitted(JobId(1), store_.put("x").id);
  both.events = reached(JobId(1), JobState::Failed).events;
  uses_.committed(both);
  EXPECT_EQ(held(), 0);
}

TEST_F(UploadUsesTest, WithoutAStoreThereIsNothingToHold) {
  UploadUses none(nullptr);
  none.restore(JobId(1), "upload");
  none.committed(submitted(JobId(2), "upload"));
  none.committed(reached(JobId(2), JobState::Failed));
  EXPECT_EQ(none.upload_of(JobId(1)), "");
}

// The same with a whole controller, on a disk that survives it.
class UploadSideTest : public testing::LoopTest {
 protected:
  UploadSideTest() { restart(); }
  ~UploadSideTest() override {
    store_->let_go();
    loop_.reset();
  }

  void restart() {
    loop_.reset();
    disk_uploads_.reset();
    disk_uploads_ = uploads::open_disk_upload_store(
                        folder_.file("uploads"),
                        [](int) { return uploads::Content{.files = 1, .bytes = 1}; }, clock_, *log_)
                        .value();
    uploads_ = disk_uploads_.get();
    start();
  }
  std::string upload(const std::string& bytes) {
    auto incoming = std::move(uploads_->begin()).value();
    EXPECT_TRUE(incoming->write(bytes));
    testing::Answer<uploads::Upload> kept;
    uploads_->keep(std::move(incoming), kept.callback());
    return kept.wait().value().id;
  }
  static SubmitRequestItem naming(const std::string& upload) {
    SubmitRequestItem item = job();
    item.spec.execution.upload = upload;
    return item;
  }
  bool is_there(const std::string& upload) { return uploads_->open(upload).has_value(); }

  hearth::testing::TempDir folder_;
  std::unique_ptr<uploads::UploadStore> disk_uploads_;
};

TEST_F(UploadSideTest, IsGivenToWhoeverHoldsAnAttemptOfItsJob) {
  const std::string mine = upload("mine");
  const std::string other = upload("other");
  FakeAgent a = agent("a");
  FakeAgent b = agent("b");
  const JobId id = submitted(naming(mine));
  const std::optional<testing::Assigned> at_a =
      a.inbox().next<testing::Assigned>();  // the first of equals
  ASSERT_TRUE(at_a);
  const AttemptKey key = at_a->key;
  ASSERT_EQ(key.job, id);
  Result<OpenUpload> opened = loop_->open_upload(a.id(), key, mine);
  ASSERT_TRUE(opened) << opened.error().message;
  std::array<char, 4> bytes{};
  EXPECT_EQ(::pread(opened->file.get(), bytes.data(), bytes.size(), 0), 4);
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), "mine");
  EXPECT_EQ(loop_->open_upload(b.id(), key, mine).error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(loop_->open_upload(a.id(), key, other).error().code, ErrorCode::PermissionDenied);
  EXPECT_EQ(loop_->open_upload(a.id(), key, "").error().code, ErrorCode::PermissionDenied);
  AttemptKey stale = key;
  ++stale.epoch;
  EXPECT_EQ(loop_->open_upload(a.id(), stale, mine).error().code, ErrorCode::FailedPrecondition);
  a.start(key);
  a.finish(key);
  ASSERT_TRUE(end_acked(a));
  EXPECT_EQ(loop_->open_upload(a.id(), key, mine).error().code, ErrorCode::FailedPrecondition);
}

TEST_F(UploadSideTest, StaysWhileALiveJobNamesItAlsoOverARestart) {
  const std::string used = upload("used");
  const std::string unused = upload("unused");
  EXPECT_TRUE(loop_->touch_upload(used));
  const JobId id = submitted(naming(used));
  advance(limits::kUploadKeptFor);
  EXPECT_TRUE(testing::eventually([&] { return !is_there(unused); }));
  EXPECT_TRUE(is_there(used));
  restart();
  advance(limits::kUploadKeptFor);
  EXPECT_EQ(uploads_->stats().held, 1);
  uploads_->sweep();
  EXPECT_TRUE(is_there(used));
  FakeAgent a = agent();
  run(a);
  ASSERT_TRUE(reaches(id, JobState::Completed));
  EXPECT_TRUE(testing::eventually([&] { return uploads_->stats().held == 0; }));
  EXPECT_TRUE(retry(id)) << "it outlives its job by a while";
  run(a);
  EXPECT_TRUE(testing::eventually([&] { return uploads_->stats().held == 0; }));
  advance(limits::kUploadKeptFor);
  EXPECT_TRUE(testing::eventually([&] { return !is_there(used); }));
  const Error gone = retry(id).error();
  EXPECT_EQ(gone.code, ErrorCode::FailedPrecondition);
  EXPECT_NE(gone.message.find("there is no upload \"" + used + "\""), std::string::npos);
  EXPECT_EQ(loop_->touch_upload(used).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace hearth::api
