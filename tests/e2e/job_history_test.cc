// The judge sees: each contradiction, planted into a history that is otherwise fine, is told.
#include "tests/e2e/job_history.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/job_output.h"

namespace hearth::e2e {
namespace {

namespace json = boost::json;

constexpr std::int64_t kOutBytes = 100'000;
constexpr const char* kId = "job1";
constexpr const char* kBefore = "job0";

// job1 ran once on agent a, from 1.0 s to 2.0 s after 12:00:00, and COMPLETED.
class JobHistoryTest : public ::testing::Test {
 protected:
  JobHistoryTest() : folder_(make_folder()), history_(folder_ + "/logs") {
    plan_.out_bytes = kOutBytes;
    plan_.max_retries = 1;
    jobs_[kId] = job("COMPLETED", {attempt(1, "a", "COMPLETED", "")});
    log(kId, start(1, 1'000, "a") + end(1, 2'000, 0));
    outputs_[std::string("1 stdout")] = job_output(kId, 1, "stdout", kOutBytes);
    history_.on_submitted(kId, plan_);
  }
  ~JobHistoryTest() override { std::filesystem::remove_all(folder_); }

  static json::object attempt(int number, const std::string& agent, const std::string& state,
                              const std::string& reason) {
    return {{"number", number},
            {"agentId", agent},
            {"state", state},
            {"reason", reason},
            {"truncated", false}};
  }
  static json::object job(const std::string& state, const std::vector<json::object>& attempts) {
    json::array all(attempts.begin(), attempts.end());
    return {{"state", state},
            {"attempt", all.size()},
            {"completedAt", "1970-01-01T12:00:02.100Z"},
            {"attempts", all}};
  }
  static std::string start(int attempt, std::int64_t at_ms, const std::string& agent) {
    constexpr std::int64_t kNoonMs = 12 * 3'600 * 1'000;
    return "start " + std::to_string(attempt) + " " + std::to_string(at_ms * 1'000'000) + " " +
           std::to_string(kNoonMs + at_ms) + " /scratch/agent-" + agent + "/attempts/x\n";
  }
  static std::string end(int attempt, std::int64_t at_ms, int code) {
    return "end " + std::to_string(attempt) + " " + std::to_string(at_ms * 1'000'000) + " " +
           std::to_string(code) + "\n";
  }
  void log(const std::string& id, const std::string& lines) const {
    std::ofstream(history_.log_of(id)) << lines;
  }

  std::string judge() {
    const auto sayings = history_.judge(
        [this](const std::string& id) { return jobs_[id]; },
        [this](const std::string& /*id*/, std::int64_t attempt, const std::string& stream) {
          return outputs_[std::to_string(attempt) + " " + stream];
        });
    return sayings.empty() ? "" : sayings.front().substr(0, sayings.front().find('\n'));
  }

  // job1 depends on job0, which COMPLETED before it started.
  void make_dependent(const std::string& condition = "ok") {
    plan_.after = {{kBefore, condition}};
    history_.on_submitted(kId, plan_);
    jobs_[kBefore] = job("COMPLETED", {attempt(1, "a", "COMPLETED", "")});
    jobs_[kBefore]["completedAt"] = "1970-01-01T12:00:00.900Z";
    log(kBefore, start(1, 100, "a") + end(1, 800, 0));
  }

 private:
  static std::string make_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "history-XXXXXX").string();
    return ::mkdtemp(pattern.data());
  }

 protected:
  std::string folder_;
  JobHistory history_;
  JobPlan plan_;
  std::map<std::string, json::object> jobs_;
  std::map<std::string, std::string> outputs_;
};

TEST_F(JobHistoryTest, AGoodHistoryIsFine) {
  EXPECT_EQ(judge(), "");
  make_dependent();
  EXPECT_EQ(judge(), "");
}

TEST_F(JobHistoryTest, ALostJob) {
  jobs_.erase(kId);
  EXPECT_EQ(judge(), "job job1 was acknowledged and is lost");
}

TEST_F(JobHistoryTest, AJobThatNeverEnds) {
  jobs_[kId]["state"] = "RUNNING";
  EXPECT_EQ(judge(), "job job1 has not ended");
}

TEST_F(JobHistoryTest, AnEndWithoutARun) {
  log(kId, "");
  EXPECT_EQ(judge(), "job job1 is COMPLETED but its last attempt never ran to its end");
  log(kId, start(1, 1'000, "a"));
  EXPECT_EQ(judge(), "job job1 is COMPLETED but its last attempt never ran to its end");
  log(kId, start(1, 1'000, "a") + end(1, 2'000, 3));
  EXPECT_EQ(judge(), "job job1 is COMPLETED but its last attempt never ran to its end");
}

TEST_F(JobHistoryTest, AnAttemptThatStartsTwice) {
  log(kId, start(1, 1'000, "a") + start(1, 1'100, "a") + end(1, 2'000, 0));
  EXPECT_EQ(judge(), "job job1 started attempt 1 2 times");
}

TEST_F(JobHistoryTest, AnAttemptThatNobodyKnows) {
  log(kId, start(1, 1'000, "a") + end(1, 2'000, 0) + start(2, 2'050, "a"));
  EXPECT_EQ(judge(), "job job1 ran attempt 2, of which nobody knows");
}

TEST_F(JobHistoryTest, ARunOnAnotherAgent) {
  log(kId, start(1, 1'000, "b") + end(1, 2'000, 0));
  EXPECT_EQ(judge(), "job job1 ran attempt 1 in /scratch/agent-b/attempts/x, not on agent a");
}

TEST_F(JobHistoryTest, ARunAfterTheEnd) {
  log(kId, start(1, 2'200, "a") + end(1, 2'300, 0));
  EXPECT_EQ(judge(), "job job1 started attempt 1 after its end");
}

TEST_F(JobHistoryTest, ALateStartOfAnAttemptThatWasGivenUpForSilenceIsAllowed) {
  jobs_[kId] =
      job("COMPLETED", {attempt(1, "b", "FAILED", "agent_lost"), attempt(2, "a", "COMPLETED", "")});
  outputs_["2 stdout"] = job_output(kId, 2, "stdout", kOutBytes);
  log(kId, start(2, 1'000, "a") + end(2, 2'000, 0) + start(1, 2'500, "b"));
  EXPECT_EQ(judge(), "");
  jobs_[kId].at("attempts").as_array()[0].as_object()["reason"] = "agent_restarted";
  EXPECT_EQ(judge(), "job job1 ran attempt 1 while attempt 2 ran already");
}

TEST_F(JobHistoryTest, WrongOutput) {
  outputs_["1 stdout"][70'000] ^= 1;
  EXPECT_EQ(judge(), "job job1 has wrong bytes on stdout from 70000 on: 100000 bytes, not 100000");
  outputs_["1 stdout"] = job_output(kId, 1, "stdout", kOutBytes - 1);
  EXPECT_EQ(judge(), "job job1 has wrong bytes on stdout from 99999 on: 99999 bytes, not 100000");
  outputs_["1 stdout"] = job_output(kId, 2, "stdout", kOutBytes);
  EXPECT_NE(judge().find("wrong bytes on stdout"), std::string::npos) << "of another attempt";
}

TEST_F(JobHistoryTest, OutputOnTheOtherStream) {
  outputs_["1 stderr"] = "x";
  EXPECT_EQ(judge(), "job job1 has wrong bytes on stderr from 0 on: 1 bytes, not 0");
}

TEST_F(JobHistoryTest, LostOutput) {
  jobs_[kId].at("attempts").as_array()[0].as_object()["truncated"] = true;
  EXPECT_EQ(judge(), "job job1 lost output");
}

TEST_F(JobHistoryTest, AnIgnoredCancel) {
  history_.on_cancel_asked(kId);
  history_.on_cancel_answered(kId, 202, {});
  EXPECT_EQ(judge(), "job job1 was promised to be cancelled");
  jobs_[kId]["state"] = "CANCELLED";
  EXPECT_EQ(judge(), "");
}

TEST_F(JobHistoryTest, AnEndThatChanges) {
  history_.on_cancel_asked(kId);
  history_.on_cancel_answered(kId, 200, {{"state", "FAILED"}});
  EXPECT_EQ(judge(), "job job1 had ended as FAILED and changed");
}

TEST_F(JobHistoryTest, ACancelOfNobody) {
  jobs_[kId]["state"] = "CANCELLED";
  EXPECT_EQ(judge(), "job job1 was cancelled by nobody");
}

TEST_F(JobHistoryTest, AFailureOfNothing) {
  jobs_[kId]["state"] = "FAILED";
  jobs_[kId]["reason"] = "spawn_failed";
  EXPECT_EQ(judge(), "job job1 failed though nothing in it does");
  jobs_[kId]["reason"] = "exit_nonzero";
  EXPECT_EQ(judge(), "job job1 is said to have exited, but its last attempt did not");
  log(kId, start(1, 1'000, "a") + end(1, 2'000, 3));
  jobs_[kId]["exitCode"] = 3;
  jobs_[kId]["failures"] = 1;
  EXPECT_EQ(judge(), "job job1 failed with retries left");
  jobs_[kId]["failures"] = 2;
  EXPECT_EQ(judge(), "");
  jobs_[kId]["state"] = "TIMED_OUT";
  EXPECT_EQ(judge(), "job job1 timed out though nothing in it takes long");
}

TEST_F(JobHistoryTest, ABrokenDependency) {
  make_dependent();
  const std::string broken = "job job1 started before job0 allowed it (ok)";
  log(kBefore, start(1, 100, "a") + end(1, 1'001, 0));
  EXPECT_NE(judge().find(broken), std::string::npos) << "its process still ran: " << judge();
  make_dependent();
  jobs_[kBefore]["completedAt"] = "1970-01-01T12:00:01.001Z";
  EXPECT_NE(judge().find(broken), std::string::npos) << "it was not over: " << judge();
  make_dependent();
  jobs_[kBefore]["state"] = "CANCELLED";
  EXPECT_NE(judge().find(broken), std::string::npos) << "it was cancelled: " << judge();
  make_dependent("notok");
  EXPECT_NE(judge().find("allowed it (notok)"), std::string::npos) << judge();
}

TEST_F(JobHistoryTest, ADependencyThatIsBlamedForNothing) {
  make_dependent();
  jobs_[kId]["state"] = "FAILED";
  jobs_[kId]["reason"] = "dependency_failed";
  log(kId, "");
  EXPECT_EQ(judge(), "job job1 blames a dependency, but ran or has none that failed");
  jobs_[kBefore]["state"] = "FAILED";
  EXPECT_EQ(judge(), "");
}

TEST_F(JobHistoryTest, AGroupPastItsLimit) {
  plan_.group = "g";
  plan_.group_limit = 1;
  history_.on_submitted(kId, plan_);
  history_.on_submitted("job2", plan_);
  jobs_["job2"] = jobs_[kId];
  // Runs write what follows from their own id.
  const auto judge_all = [this] {
    return history_.judge(
        [this](const std::string& id) { return jobs_[id]; },
        [](const std::string& id, std::int64_t attempt, const std::string& stream) {
          return job_output(id, attempt, stream, stream == "stdout" ? kOutBytes : 0);
        });
  };
  log("job2", start(1, 2'000, "a") + end(1, 2'050, 0));
  EXPECT_TRUE(judge_all().empty()) << judge_all().front();
  log("job2", start(1, 1'999, "a") + end(1, 2'050, 0));
  ASSERT_EQ(judge_all().size(), 1U);
  EXPECT_EQ(judge_all().front(), "group g ran 2 jobs at once, not 1");
}

}  // namespace
}  // namespace hearth::e2e
