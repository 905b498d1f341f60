// What is owed to those who asked to be told of a job's end.
#include <gtest/gtest.h>

#include <thread>

#include "api/testing/loop_fixture.h"

namespace hearth::api {
namespace {

using testing::eventually;
using testing::FakeAgent;

class CallbacksLoopTest : public testing::LoopTest {
 protected:
  static SubmitRequestItem with_callback() {
    SubmitRequestItem item = job();
    item.spec.callback_url = "http://hooks.example/done";
    return item;
  }
  std::vector<JobId> owed() { return loop_->owed_callbacks({}, 10).value(); }
};

TEST_F(CallbacksLoopTest, ACallbackIsOwedWithTheEndOfItsJobAndOutlivesRestarts) {
  const JobId first = submitted(with_callback());
  const JobId second = submitted(with_callback());
  const JobId without = submitted();
  EXPECT_TRUE(owed().empty());
  for (const JobId job : {first, second, without}) {
    ASSERT_TRUE(cancel(job));
  }
  EXPECT_EQ(owed(), (std::vector<JobId>{first, second}));
  start();
  EXPECT_EQ(owed(), (std::vector<JobId>{first, second}));
  ASSERT_TRUE(loop_->settle_callbacks({first}));
  EXPECT_EQ(owed(), std::vector<JobId>{second});
  start();
  EXPECT_EQ(owed(), std::vector<JobId>{second});
  EXPECT_EQ(loop_->get(first)->spec.callback_url, "http://hooks.example/done");
}

TEST_F(CallbacksLoopTest, AJobThatIsSubmittedAgainCallsBackAgain) {
  const JobId first = submitted(with_callback());
  ASSERT_TRUE(cancel(first));
  ASSERT_TRUE(loop_->settle_callbacks({first}));
  const auto again = retry(first);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_TRUE(cancel(again->id));
  EXPECT_EQ(owed(), std::vector<JobId>{again->id});
}

TEST_F(CallbacksLoopTest, AFullDiskSettlesNothing) {
  const JobId job = submitted(with_callback());
  ASSERT_TRUE(cancel(job));
  disk_->set_full(true);
  EXPECT_FALSE(loop_->settle_callbacks({job}));
  disk_->set_full(false);
  EXPECT_EQ(owed(), std::vector<JobId>{job});
  EXPECT_TRUE(loop_->settle_callbacks({job}));
  EXPECT_TRUE(owed().empty());
}

TEST_F(CallbacksLoopTest, ManyThreadsSettleAtOnce) {
  std::vector<JobId> jobs;
  for (int i = 0; i < 8; ++i) {
    jobs.push_back(submitted(with_callback()));
    ASSERT_TRUE(cancel(jobs.back()));
  }
  std::vector<std::thread> threads;
  for (const JobId job : jobs) {
    threads.emplace_back([this, job] { EXPECT_TRUE(loop_->settle_callbacks({job})); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(owed().empty());
}

}  // namespace
}  // namespace hearth::api
