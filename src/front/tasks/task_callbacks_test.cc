// Callbacks over a controller and a way out that the test plays, on time that it moves.
#include "front/tasks/task_callbacks.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include <boost/json.hpp>

#include "api/testing/fake_controller_api.h"
#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "callbacks/testing/fake_poster.h"
#include "front/tasks/task_json.h"

namespace hearth::tasks {
namespace {

namespace json = boost::json;
using callbacks::CallbackPolicy;
using callbacks::PostOutcome;

class TaskCallbacksTest : public ::testing::Test {
 protected:
  TaskCallbacksTest() { start(); }

  // A new process: only the controller's store stays.
  void start(callbacks::CallbackLimits limits = {}) {
    callbacks_.reset();
    poster_ = std::make_unique<callbacks::testing::FakePoster>();
    auto made = TaskCallbacks::create({.api = api_,
                                       .poster = *poster_,
                                       .policy = policy_,
                                       .clock = clock_,
                                       .log = log_,
                                       .chance = [] { return std::uint64_t{0}; }},
                                      limits);
    ASSERT_TRUE(made) << made.error().message;
    callbacks_ = std::move(*made);
    step();
  }
  // Until there is nothing more to do now.
  void step() {
    for (int i = 0; i < 10; ++i) {
      callbacks_->step(Duration(0));
    }
  }
  void pass(Duration time) {
    clock_.advance(time);
    step();
  }

  JobId submit(const std::string& url = "http://hooks.example/done?secret=1") {
    JobSpec spec;
    spec.execution.script = ScriptSpec{.language = "js", .code = "console.log(2+2)", .args = {}};
    spec.callback_url = url;
    JobId id;
    api_.submit({{.spec = std::move(spec), .after_refs = {}}},
                [&id](const Result<api::SubmitResults>& results) { id = (*results->at(0)).id; });
    return id;
  }
  void end(JobId job) {
    api_.start_attempt(job, "worker-1");
    api_.write(job, StreamKind::Stdout, "4\n");
    api_.finish(job, {.state = JobState::Completed, .exit_code = 0});
  }
  JobId ended(const std::string& url = "http://hooks.example/done?secret=1") {
    const JobId job = submit(url);
    end(job);
    step();
    return job;
  }
  std::vector<JobId> owed() { return api_.owed_callbacks({}, 1'000).value(); }
  void answer(int status) {
    poster_->answer({.status = status, .is_forbidden = false, .why = {}});
    step();
  }
  static std::string header(const callbacks::CallbackPost& post, const std::string& name) {
    for (const auto& [key, value] : post.headers) {
      if (key == name) {
        return value;
      }
    }
    return "";
  }

  hearth::testing::ManualClock clock_;
  hearth::testing::RecordingLog log_;
  CallbackPolicy policy_ = *CallbackPolicy::parse("hooks.example,other.example");
  api::testing::FakeControllerApi api_;
  std::unique_ptr<callbacks::testing::FakePoster> poster_;
  std::unique_ptr<TaskCallbacks> callbacks_;
};

TEST_F(TaskCallbacksTest, TheWholeTaskIsPostedOnceItHasEnded) {
  const JobId job = submit();
  step();
  EXPECT_TRUE(poster_->posts().empty());
  end(job);
  step();
  ASSERT_EQ(poster_->posts().size(), 1U);
  const auto post = poster_->posts().at(0);
  EXPECT_EQ(post.url.host, "hooks.example");
  EXPECT_EQ(post.url.target, "/done?secret=1");
  EXPECT_EQ(post.body, *task_json(api_, *api_.get(job)));
  EXPECT_EQ(json::parse(post.body).at("stdout").as_string(), "4\n");
  EXPECT_EQ(header(post, "Content-Type"), "application/json");
  EXPECT_EQ(header(post, "Hearth-Task-Id"), to_string(job));
  EXPECT_EQ(header(post, "Hearth-Delivery-Attempt"), "1");
  EXPECT_EQ(callbacks_->stats().held, 1);
  EXPECT_EQ(owed(), std::vector<JobId>{job}) << "until it was taken";
  answer(204);
  EXPECT_TRUE(owed().empty());
  EXPECT_EQ(callbacks_->stats().delivered, 1U);
  EXPECT_EQ(callbacks_->stats().held, 0);
  pass(std::chrono::hours(1));
  EXPECT_EQ(poster_->posts().size(), 1U);
}

TEST_F(TaskCallbacksTest, WhatIsNotTakenIsTriedAgainLater) {
  const JobId job = ended();
  answer(500);
  EXPECT_EQ(poster_->posts().size(), 1U);
  EXPECT_EQ(owed(), std::vector<JobId>{job});
  pass(limits::kCallbackPauseFirst - Duration(1));
  EXPECT_EQ(poster_->posts().size(), 1U);
  pass(Duration(1));
  ASSERT_EQ(poster_->posts().size(), 2U);
  EXPECT_EQ(header(poster_->posts().at(1), "Hearth-Delivery-Attempt"), "2");
  answer(302);
  pass(2 * limits::kCallbackPauseFirst);
  answer(200);
  EXPECT_EQ(callbacks_->stats().failed_tries, 2U);
  EXPECT_EQ(callbacks_->stats().delivered, 1U);
  EXPECT_TRUE(owed().empty());
}

TEST_F(TaskCallbacksTest, SettingTheWallClockDelaysNothing) {
  ended();
  answer(500);
  clock_.set(-std::chrono::hours(24));
  pass(limits::kCallbackPauseFirst);
  EXPECT_EQ(poster_->posts().size(), 2U);
}

TEST_F(TaskCallbacksTest, AfterTheLastTryItIsGivenUpLoggedAndCounted) {
  const JobId job = ended();
  for (std::int64_t i = 0; i < limits::kCallbackTriesMax; ++i) {
    ASSERT_EQ(poster_->waiting(), 1U) << i;
    answer(503);
    pass(limits::kCallbackPauseMax);
  }
  EXPECT_EQ(poster_->waiting(), 0U);
  EXPECT_EQ(callbacks_->stats().given_up, 1U);
  EXPECT_TRUE(owed().empty());
  const std::string log = log_.text();
  EXPECT_NE(log.find("given up"), std::string::npos) << log;
  EXPECT_NE(log.find(to_string(job)), std::string::npos);
  EXPECT_NE(log.find("503"), std::string::npos);
  EXPECT_EQ(log.find("secret"), std::string::npos) << "a URL's path and query are not logged";
}

TEST_F(TaskCallbacksTest, WhatThePolicyForbidsIsGivenUpAtOnce) {
  ended();
  poster_->answer({.status = 0, .is_forbidden = true, .why = "it is at 10.0.0.1"});
  step();
  EXPECT_EQ(callbacks_->stats().given_up, 1U);
  EXPECT_TRUE(owed().empty());
  policy_ = CallbackPolicy();  // the next start has another setting
  const JobId job = submit();
  end(job);
  start();
  EXPECT_TRUE(poster_->posts().empty());
  EXPECT_EQ(callbacks_->stats().given_up, 1U);
  EXPECT_NE(log_.text().find("callback_hosts"), std::string::npos);
  EXPECT_TRUE(owed().empty());
}

TEST_F(TaskCallbacksTest, ARestartDeliversWhatIsOwed) {
  const JobId first = ended();
  const JobId waiting = submit();
  ASSERT_EQ(poster_->posts().size(), 1U);
  callbacks_->stop();
  const JobId second = submit();
  end(second);
  start();
  ASSERT_EQ(poster_->posts().size(), 2U);
  EXPECT_EQ(header(poster_->posts().at(0), "Hearth-Task-Id"), to_string(first));
  EXPECT_EQ(header(poster_->posts().at(1), "Hearth-Task-Id"), to_string(second));
  answer(200);
  answer(200);
  EXPECT_TRUE(owed().empty());
  end(waiting);
  step();
  EXPECT_EQ(poster_->posts().size(), 3U);
}

TEST_F(TaskCallbacksTest, AFullDiskSettlesLaterAndDeliversOnce) {
  ended();
  api_.fail_commands(unavailable("the disk is full"));
  answer(200);
  EXPECT_EQ(owed().size(), 1U);
  api_.fail_commands(std::nullopt);
  pass(limits::kCallbackLookInterval);
  EXPECT_TRUE(owed().empty());
  EXPECT_EQ(poster_->posts().size(), 1U);
}

TEST_F(TaskCallbacksTest, MoreThanMayBeHeldWaitInTheStore) {
  start({.at_once_max = 2, .at_once_of_host_max = 1, .held_max = 5, .held_of_host_max = 3});
  std::set<std::string> expected;
  for (int i = 0; i < 250; ++i) {
    const JobId job =
        submit(i % 5 == 0 ? "http://other.example/" : "http://hooks.example/" + std::to_string(i));
    end(job);
    expected.insert(to_string(job));
  }
  step();
  EXPECT_LE(callbacks_->stats().held, 5);
  EXPECT_EQ(poster_->waiting(), 2U);
  for (int i = 0; i < 2'000 && !owed().empty(); ++i) {
    if (poster_->waiting() > 0) {
      answer(200);
    }
    pass(limits::kCallbackLookInterval);
    EXPECT_LE(poster_->waiting(), 2U);
  }
  std::multiset<std::string> told;
  for (const auto& post : poster_->posts()) {
    told.insert(header(post, "Hearth-Task-Id"));
  }
  EXPECT_EQ(told.size(), 250U) << "each once";
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()), expected);
  EXPECT_TRUE(owed().empty());
  EXPECT_EQ(callbacks_->stats().given_up, 0U);
}

TEST_F(TaskCallbacksTest, TheThreadDoesAllOfThisByItself) {
  callbacks_->start();
  const JobId job = submit();
  end(job);
  for (int i = 0; i < 1'000'000 && poster_->waiting() == 0; ++i) {
    std::this_thread::yield();
  }
  ASSERT_EQ(poster_->waiting(), 1U);
  poster_->answer({.status = 200, .is_forbidden = false, .why = {}});
  for (int i = 0; i < 1'000'000 && !owed().empty(); ++i) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(owed().empty());
  callbacks_->stop();
}

}  // namespace
}  // namespace hearth::tasks
