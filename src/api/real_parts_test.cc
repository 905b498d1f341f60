// The loop over what a controller really has: SQLite and output files.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "api/testing/loop_fixture.h"
#include "base/testing/temp_dir.h"
#include "output/file_output_store.h"
#include "store/sqlite/sqlite_store.h"

namespace hearth::api {
namespace {

using testing::Answer;
using testing::Assigned;
using testing::eventually;
using testing::FakeAgent;

class RealPartsTest : public ::testing::Test {
 protected:
  RealPartsTest() { start(); }

  // What a killed process does not do is to stop: only what is durable counts for the next one.
  void start() {
    loop_.reset();
    outputs_.reset();
    store_.reset();
    store_ = store::open_sqlite_store({.directory = folder_.path()}).value();
    outputs_ = output::open_file_output_store(folder_.file("output")).value();
    auto loop =
        ControllerLoop::start({.store = *store_,
                               .outputs = *outputs_,
                               .clock = clock_,
                               .log = *log_,
                               .on_fatal = [](const Error& error) { FAIL() << error.message; }},
                              {});
    ASSERT_TRUE(loop) << loop.error().message;
    loop_ = std::move(*loop);
  }

  std::vector<JobId> submit(std::size_t count) {
    std::vector<SubmitRequestItem> items(count);
    for (SubmitRequestItem& item : items) {
      item.spec.execution.command = {"true"};
    }
    Answer<SubmitResults> answer;
    loop_->submit(std::move(items), answer.callback());
    const Result<SubmitResults> results = answer.wait();
    EXPECT_TRUE(results);
    std::vector<JobId> ids;
    for (std::size_t i = 0; results && i < results->size(); ++i) {
      EXPECT_TRUE(results->at(i));
      ids.push_back(results->at(i)->id);
    }
    return ids;
  }

  hearth::testing::TempDir folder_;
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<output::OutputStore> outputs_;
  std::unique_ptr<ControllerLoop> loop_;
};

TEST_F(RealPartsTest, SmallAndLargeOutputIsThereAfterARestart) {
  const std::vector<JobId> jobs = submit(40);
  FakeAgent a(*loop_, "a");
  a.connect();
  std::map<JobId, std::string> written;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto message = a.inbox().next<Assigned>();
    ASSERT_TRUE(message);
    const std::string text = i % 4 == 0 ? std::string(40'000, static_cast<char>('a' + i % 26))
                                        : "line " + std::to_string(i) + "\n";
    a.start(message->key);
    ASSERT_TRUE(a.write(message->key, 0, text));
    a.finish(message->key, static_cast<std::int64_t>(text.size()));
    written[message->key.job] = text;
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& [job, text] : written) {
      ASSERT_TRUE(eventually(
          [&, id = job] { return loop_->get(id)->record.state == JobState::Completed; }));
      const Result<OutputAnswer> answer = loop_->output({.job = job});
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->slice.slice.bytes, text);
      EXPECT_TRUE(answer->slice.complete);
    }
    start();
  }
}

TEST_F(RealPartsTest, RunningAttemptGoesOnAfterARestartAndSendsItsOutputAgain) {
  FakeAgent a(*loop_, "a");
  a.connect();
  const JobId job = submit(1).front();
  const auto message = a.inbox().next<Assigned>();
  ASSERT_TRUE(message);
  a.start(message->key);
  ASSERT_TRUE(a.write(message->key, 0, "in memory"));
  start();
  a.use(*loop_);
  a.connect({{.key = message->key, .started = true, .finished = false}});
  ASSERT_TRUE(a.inbox().next<core::Welcome>());
  const Result<std::int64_t> position = a.write(message->key, 0, "");
  ASSERT_TRUE(position);
  EXPECT_EQ(*position, 0) << "an empty chunk asks what was received";
  a.finish(message->key, 9);
  EXPECT_EQ(loop_->metrics().finishes_waiting, 1);
  ASSERT_TRUE(a.write(message->key, 0, "in memory"));
  ASSERT_TRUE(eventually([&] { return loop_->get(job)->record.state == JobState::Completed; }));
  EXPECT_EQ(loop_->output({.job = job})->slice.slice.bytes, "in memory");
}

}  // namespace
}  // namespace hearth::api
