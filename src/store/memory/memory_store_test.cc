#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

#include "store/testing/change_builder.h"

namespace hearth::store {
namespace {

class MemoryStoreTest : public ::testing::Test {
 protected:
  MemoryStoreTest() { restart(); }

  void restart() {
    store_ = open_memory_store(disk_);
    recovery_ = store_->recover().value();
  }
  AppendStatus append_a_job() {
    build_.submit();
    const ChangeSet changes = build_.take();
    return store_->append({&changes}).status;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<Store> store_;
  Recovery recovery_;
  testing::ChangeBuilder build_;
};

TEST_F(MemoryStoreTest, MeetsAFaultAtTheAppendItWasInjectedFor) {
  disk_->inject(MemoryDisk::Fault::NotDone, 2);
  EXPECT_EQ(append_a_job(), AppendStatus::Durable);
  EXPECT_EQ(append_a_job(), AppendStatus::Durable);
  EXPECT_EQ(append_a_job(), AppendStatus::NotDone);
  EXPECT_EQ(append_a_job(), AppendStatus::Durable);
  EXPECT_EQ(disk_->appends(), 3U);
}

TEST_F(MemoryStoreTest, ACrashBeforeTheCommitLosesTheBatchAndNothingElse) {
  EXPECT_EQ(append_a_job(), AppendStatus::Durable);
  disk_->inject(MemoryDisk::Fault::FatalLost);
  EXPECT_EQ(append_a_job(), AppendStatus::Fatal);
  EXPECT_EQ(append_a_job(), AppendStatus::Fatal) << "broken until it is opened again";
  restart();
  EXPECT_EQ(recovery_.jobs.size(), 1U);
  EXPECT_EQ(recovery_.controller_epoch, 2U);
}

TEST_F(MemoryStoreTest, ACrashAfterTheCommitKeepsTheBatch) {
  disk_->inject(MemoryDisk::Fault::FatalCommitted);
  EXPECT_EQ(append_a_job(), AppendStatus::Fatal);
  restart();
  EXPECT_EQ(recovery_.jobs.size(), 1U);
  EXPECT_EQ(recovery_.last_seq, build_.last_seq());
  EXPECT_EQ(append_a_job(), AppendStatus::Durable);
}

TEST_F(MemoryStoreTest, AReaderOutlivesTheStoreThatMadeIt) {
  auto reader = store_->reader().value();
  EXPECT_EQ(append_a_job(), AppendStatus::Durable);
  restart();
  EXPECT_EQ(reader->counts()->at(JobState::Queued), 1);
}

}  // namespace
}  // namespace hearth::store
