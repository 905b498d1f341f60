// A whole ControllerLoop over a memory disk, output in memory and a clock moved by hand.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/controller_loop.h"
#include "api/testing/answer.h"
#include "api/testing/fake_agent.h"
#include "api/testing/gated_store.h"
#include "base/testing/manual_clock.h"
#include "output/testing/memory_output_store.h"
#include "store/memory/memory_store.h"

namespace hearth::api::testing {

class LoopTest : public ::testing::Test {
 protected:
  LoopTest() {
    options_.storage_retry_initial = Duration(1);
    options_.storage_retry_max = Duration(5);
    start();
  }
  ~LoopTest() override {
    store_->let_go();
    loop_.reset();
  }

  // A new process on the same disk. `outputs_` plays the output files, which survive as well.
  void start() {
    if (store_) {
      store_->let_go();
    }
    loop_.reset();
    store_ = std::make_unique<GatedStore>(store::open_memory_store(disk_));
    auto loop = ControllerLoop::start({.store = *store_,
                                       .outputs = *outputs_,
                                       .clock = clock_,
                                       .log = *log_,
                                       .on_fatal = [this](const Error&) { ++fatal_calls_; },
                                       .uploads = uploads_},
                                      options_);
    ASSERT_TRUE(loop) << loop.error().message;
    loop_ = std::move(*loop);
  }

  static SubmitRequestItem job(const std::string& name = "job") {
    SubmitRequestItem item;
    item.spec.name = name;
    item.spec.execution.command = {"true", name};
    return item;
  }
  static SubmitRequestItem keyed(const std::string& key) {
    SubmitRequestItem item = job();
    item.spec.idempotency_key = key;
    return item;
  }

  Answer<SubmitResults> submit_later(std::vector<SubmitRequestItem> items) {
    Answer<SubmitResults> answer;
    loop_->submit(std::move(items), answer.callback());
    return answer;
  }
  Result<core::SubmitOutcome> submit(SubmitRequestItem item = job()) {
    Result<SubmitResults> results = submit_later({std::move(item)}).wait();
    if (!results) {
      return results.error();
    }
    return results->at(0);
  }
  JobId submitted(SubmitRequestItem item = job()) {
    const Result<core::SubmitOutcome> outcome = submit(std::move(item));
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? outcome->id : JobId{};
  }
  Result<JobView> cancel(JobId job) {
    Answer<JobView> answer;
    loop_->cancel(job, answer.callback());
    return answer.wait();
  }
  Result<core::SubmitOutcome> retry(JobId job) {
    Answer<core::SubmitOutcome> answer;
    loop_->retry(job, answer.callback());
    return answer.wait();
  }
  Result<core::Explanation> explain(JobId job) {
    Answer<core::Explanation> answer;
    loop_->explain(job, answer.callback());
    return answer.wait();
  }

  JobState state_of(JobId job) {
    const Result<JobView> view = loop_->get(job);
    EXPECT_TRUE(view) << view.error().message;
    return view ? view->record.state : JobState::Submitted;
  }
  bool reaches(JobId job, JobState state) {
    return eventually([&] { return state_of(job) == state; });
  }

  FakeAgent agent(const std::string& name = "a") {
    FakeAgent fresh(*loop_, name);
    fresh.connect();
    EXPECT_TRUE(fresh.inbox().next<core::Welcome>());
    return fresh;
  }
  // The next attempt the agent is given.
  static AttemptKey assigned(FakeAgent& to) {
    const std::optional<Assigned> message = to.inbox().next<Assigned>();
    EXPECT_TRUE(message) << "nothing was assigned";
    return message ? message->key : AttemptKey{};
  }
  // Takes acknowledgements until that of the attempt's end.
  static std::optional<Acked> end_acked(FakeAgent& of) {
    while (std::optional<Acked> ack = of.inbox().next<Acked>()) {
      if (ack->finished) {
        return ack;
      }
    }
    return std::nullopt;
  }
  // Runs the job's attempt to its end on the agent.
  void run(FakeAgent& on, const std::string& output = "") {
    const AttemptKey key = assigned(on);
    on.start(key);
    if (!output.empty()) {
      ASSERT_TRUE(on.write(key, 0, output));
    }
    on.finish(key, static_cast<std::int64_t>(output.size()));
    const std::optional<Acked> ack = end_acked(on);
    ASSERT_TRUE(ack);
    ASSERT_TRUE(ack->accepted);
  }
  std::string output_of(JobId job, std::optional<std::uint32_t> attempt = std::nullopt) {
    const Result<OutputAnswer> answer = loop_->output({.job = job, .attempt = attempt});
    return answer ? answer->slice.slice.bytes : "<" + answer.error().message + ">";
  }
  void advance(Duration by) {
    clock_.advance(by);
    loop_->wake();
  }

  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<output::testing::MemoryOutputStore> outputs_ =
      std::make_unique<output::testing::MemoryOutputStore>(16);
  hearth::testing::ManualClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::atomic<int> fatal_calls_{0};
  LoopOptions options_;
  std::unique_ptr<GatedStore> store_;
  uploads::UploadStore* uploads_ = nullptr;  // of the next start()
  std::unique_ptr<ControllerLoop> loop_;
};

}  // namespace hearth::api::testing
