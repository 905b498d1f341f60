// /tasks and /workers on the real HTTP server, over a controller that the test plays.
#include "front/tasks/tasks_service.h"

#include <gtest/gtest.h>

#include <set>

#include <boost/json.hpp>

#include "base/task_limits.h"
#include "front/http/testing/front_fixture.h"

namespace hearth::tasks {
namespace {

namespace json = boost::json;
using net::testing::RawClient;
using net::testing::RawResponse;

class TasksServiceTest : public front::testing::FrontFixture {
 protected:
  void mount() override {
    auto tasks = TasksService::create(api_, *service_, policy_);
    ASSERT_TRUE(tasks);
    tasks_ = std::move(*tasks);
  }
  void unmount() override { tasks_.reset(); }

  JobId submit(const std::string& body = R"({"code":"1","prompt":"math test"})") {
    const RawResponse response = post("/tasks", body);
    EXPECT_EQ(response.status, 201) << response.body;
    return parse_job_id(text(json(response), "id")).value_or(JobId());
  }
  json::value task(JobId id) {
    const RawResponse response = get("/tasks/" + to_string(id));
    EXPECT_EQ(response.status, 200) << response.body;
    return json(response);
  }
  void run(JobId id, const std::string& out, const std::string& err, AttemptResult result) {
    api_.start_attempt(id, "worker-1");
    api_.write(id, StreamKind::Stdout, out);
    api_.write(id, StreamKind::Stderr, err);
    api_.finish(id, std::move(result));
  }
  void expect_problem(const RawResponse& response, int status, const std::string& code,
                      const std::string& field = "") {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    EXPECT_EQ(text(json(response), "code"), code) << response.body;
    EXPECT_EQ(text(json(response), "field"), field) << response.body;
  }
  // Until the request behind `waiting` waits. Each answered request lets the loops run.
  void until_waiting(std::int64_t waiting) {
    for (int i = 0; i < 10'000 && tasks_->waiting() != waiting; ++i) {
      get("/workers");
    }
    ASSERT_EQ(tasks_->waiting(), waiting);
  }

  callbacks::CallbackPolicy policy_;
  std::unique_ptr<TasksService> tasks_;
};

AttemptResult completed(std::int64_t wall_ms = 7) {
  return {.state = JobState::Completed, .exit_code = 0, .wall_ms = wall_ms};
}

std::set<std::string> names_of(const json::value& value) {
  std::set<std::string> names;
  for (const auto& member : value.as_object()) {
    names.emplace(member.key());
  }
  return names;
}

const std::set<std::string> kMembers = {
    "id",       "status",    "code",      "prompt",      "language",   "stdout",   "stderr",
    "exitCode", "createdAt", "startedAt", "completedAt", "durationMs", "workerId", "error"};

TEST_F(TasksServiceTest, ATaskIsMadeAndShownWithExactlyItsMembers) {
  const RawResponse made =
      post("/tasks", R"j({"code":"console.log(2+2)","prompt":"math test","timeout":5})j");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(names_of(json(made)), (std::set<std::string>{"id", "status"}));
  EXPECT_EQ(text(json(made), "status"), "QUEUED");
  const std::string id = text(json(made), "id");
  EXPECT_EQ(made.headers.at("location"), "/tasks/" + id);

  const json::value waiting = task(*parse_job_id(id));
  EXPECT_EQ(names_of(waiting), kMembers);
  EXPECT_EQ(text(waiting, "status"), "QUEUED");
  EXPECT_EQ(text(waiting, "stdout"), "");
  for (const char* unknown :
       {"exitCode", "startedAt", "completedAt", "durationMs", "workerId", "error"}) {
    EXPECT_TRUE(waiting.at(unknown).is_null()) << unknown;
  }

  run(*parse_job_id(id), "4\n", "", completed(31));
  const json::value ended = task(*parse_job_id(id));
  EXPECT_EQ(names_of(ended), kMembers);
  EXPECT_EQ(text(ended, "status"), "COMPLETED");
  EXPECT_EQ(text(ended, "code"), "console.log(2+2)");
  EXPECT_EQ(text(ended, "prompt"), "math test");
  EXPECT_EQ(text(ended, "language"), "js");
  EXPECT_EQ(text(ended, "stdout"), "4\n");
  EXPECT_EQ(text(ended, "stderr"), "");
  EXPECT_EQ(ended.at("exitCode").as_int64(), 0);
  EXPECT_EQ(ended.at("durationMs").as_int64(), 31);
  EXPECT_EQ(text(ended, "workerId"), "worker-1");
  EXPECT_TRUE(ended.at("error").is_null());
  EXPECT_LE(text(ended, "createdAt"), text(ended, "startedAt"));
  EXPECT_LE(text(ended, "startedAt"), text(ended, "completedAt"));
}

TEST_F(TasksServiceTest, AFailureSaysSoInASentence) {
  const JobId id = submit(R"j({"code":"throw new Error('test error')"})j");
  run(id, "", "Error: test error\n",
      {.state = JobState::Failed,
       .reason = Reason::ExitNonzero,
       .message = "The program ended with exit code 1.",
       .exit_code = 1});
  const json::value failed = task(id);
  EXPECT_EQ(text(failed, "status"), "FAILED");
  EXPECT_EQ(text(failed, "stderr"), "Error: test error\n");
  EXPECT_EQ(text(failed, "error"), "The program ended with exit code 1.");
  EXPECT_EQ(failed.at("exitCode").as_int64(), 1);
  const JobId slow = submit(R"({"code":"while(true){}","timeout":5})");
  run(slow, "", "",
      {.state = JobState::TimedOut, .reason = Reason::TimedOut, .message = "Its timeoutMs."});
  EXPECT_EQ(text(task(slow), "status"), "TIMED_OUT");
  EXPECT_NE(text(task(slow), "error").find("its timeout of 5 s"), std::string::npos);
}

TEST_F(TasksServiceTest, BytesThatAreNoTextAreGivenTwice) {
  const JobId id = submit();
  run(id, std::string("a\xff\0", 3), "\xc3\xa9", completed());
  const json::value shown = task(id);
  EXPECT_EQ(text(shown, "stdout"), std::string("a\xEF\xBF\xBD\0", 5));
  EXPECT_EQ(text(shown, "stdoutBase64"), "Yf8A");
  EXPECT_EQ(text(shown, "stderr"), "\xc3\xa9");
  EXPECT_FALSE(shown.as_object().contains("stderrBase64"));
}

TEST_F(TasksServiceTest, OutputIsShownUpToItsBoundAndNotCutWithinACharacter) {
  const auto most = static_cast<std::size_t>(limits::kTaskOutputBytesMax);
  const JobId whole = submit();
  run(whole, std::string(most, 'x'), "", completed());
  EXPECT_EQ(text(task(whole), "stdout").size(), most);
  EXPECT_EQ(names_of(task(whole)), kMembers);
  const JobId more = submit();
  run(more, std::string(most - 1, 'x') + "\xc3\xa9", "e", completed());
  const json::value shown = task(more);
  EXPECT_EQ(text(shown, "stdout"), std::string(most - 1, 'x'));
  EXPECT_EQ(text(shown, "stderr"), "e");
  EXPECT_TRUE(shown.at("truncated").as_bool());
  EXPECT_FALSE(shown.as_object().contains("stdoutBase64"));
}

TEST_F(TasksServiceTest, WhatWasDroppedIsSaid) {
  const JobId id = submit();
  api_.start_attempt(id);
  api_.write(id, StreamKind::Stdout, "head");
  api_.skip(id, StreamKind::Stdout, 1000);
  api_.write(id, StreamKind::Stdout, "tail");
  api_.finish(id, completed());
  EXPECT_EQ(text(task(id), "stdout"), "head");
  EXPECT_TRUE(task(id).at("truncated").as_bool());
}

TEST_F(TasksServiceTest, OutputIsThereWhileItRuns) {
  const JobId id = submit();
  api_.start_attempt(id, "w");
  api_.write(id, StreamKind::Stdout, "so far");
  EXPECT_EQ(text(task(id), "status"), "RUNNING");
  EXPECT_EQ(text(task(id), "stdout"), "so far");
  EXPECT_EQ(text(task(id), "workerId"), "w");
  EXPECT_TRUE(task(id).at("durationMs").is_null());
}

TEST_F(TasksServiceTest, ErrorsNameTheField) {
  expect_problem(post("/tasks", R"({"prompt":"p"})"), 400, "invalid_field", "code");
  expect_problem(post("/tasks", R"({"code":"1","timeout":0})"), 400, "invalid_field", "timeout");
  expect_problem(post("/tasks", R"({"code":"1","colour":"red"})"), 400, "unknown_field", "colour");
  expect_problem(post("/tasks", "{"), 400, "invalid_json");
  expect_problem(post("/tasks", ""), 400, "invalid_json");
  expect_problem(post("/tasks", "[]"), 400, "invalid_request");
  expect_problem(post("/tasks", R"({"code":"1"})", "text/plain"), 415, "unsupported_media_type");
  expect_problem(post("/tasks", R"({"code":")" + std::string(1 << 20, 'x') + R"("})"), 413,
                 "too_large");
  expect_problem(post("/tasks?colour=red", R"({"code":"1"})"), 400, "unknown_field", "colour");
  for (const char* wait : {"x", "-1", "0.0", "61", "nan", "inf", "1s", "1e9"}) {
    expect_problem(post("/tasks?wait=" + std::string(wait), R"({"code":"1"})"), 400,
                   "invalid_field", "wait");
  }
  expect_problem(get("/tasks/nonsense"), 404, "not_found");
  for (const RawResponse& unknown :
       {get("/tasks/0000000000001"), get("/tasks/0000000000001?wait=1"),
        post("/tasks/0000000000001/cancel", "")}) {
    expect_problem(unknown, 404, "not_found");
    EXPECT_TRUE(text(json(unknown), "detail").starts_with("there is no task 0000000000001"));
  }
  EXPECT_EQ(api_.submit_calls(), 0);
}

TEST_F(TasksServiceTest, ALanguageThatNobodyOffersIsTheClientsMistake) {
  api_.fail_commands(Error{.code = ErrorCode::FailedPrecondition,
                           .message = "No registered agent offers the language \"cobol\".",
                           .kind = "not_supported",
                           .field = "script.language"});
  // The whole submission fails; the fake has no outcome of its own for one item.
  expect_problem(post("/tasks", R"({"code":"1","language":"cobol"})"), 400, "invalid_field",
                 "language");
}

TEST_F(TasksServiceTest, WithoutASandboxNoFieldIsToBlame) {
  api_.fail_commands(Error{.code = ErrorCode::FailedPrecondition,
                           .message = "No registered agent offers the sandbox level \"process\".",
                           .kind = "sandbox_unavailable",
                           .field = "sandbox"});
  const RawResponse refused = post("/tasks", R"({"code":"1"})");
  expect_problem(refused, 422, "sandbox_unavailable");
  EXPECT_EQ(refused.body.find("level \\\""), std::string::npos) << refused.body;
}

TEST_F(TasksServiceTest, AJobThatRunsACommandIsNoTask) {
  api::SubmitResults results;
  JobSpec spec;
  spec.execution.command = {"true"};
  api_.submit({{.spec = spec, .after_refs = {}}},
              [&results](Result<api::SubmitResults> made) { results = *made; });
  const std::string id = to_string(results.front()->id);
  const RawResponse response = get("/tasks/" + id);
  expect_problem(response, 404, "not_found");
  EXPECT_NE(response.body.find("/v1/jobs/" + id), std::string::npos);
  expect_problem(post("/tasks/" + id + "/cancel", "{}"), 404, "not_found");
  EXPECT_FALSE(api_.get(results.front()->id)->record.cancel_requested_at);
  const JobId task_id = submit();
  const auto listed = json(get("/tasks")).at("tasks").as_array();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(text(listed[0], "id"), to_string(task_id));
}

TEST_F(TasksServiceTest, ABatchIsAnsweredInOrder) {
  const RawResponse response =
      post("/tasks", R"([{"code":"1"},{"code":"","prompt":"p"},{"code":"2"}])");
  ASSERT_EQ(response.status, 200) << response.body;
  const json::array results = json(response).as_array();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(text(results[0], "status"), "QUEUED");
  EXPECT_EQ(text(results[1].at("error"), "field"), "code");
  EXPECT_EQ(text(task(*parse_job_id(text(results[2], "id"))), "code"), "2");
  EXPECT_EQ(api_.submit_calls(), 1);
  const RawResponse none = post("/tasks?wait=1", R"([{"code":""}])");
  ASSERT_EQ(none.status, 200);
  EXPECT_EQ(text(json(none).as_array().at(0).at("error"), "field"), "code");
}

TEST_F(TasksServiceTest, ATaskCanBeCancelled) {
  const JobId id = submit();
  const RawResponse cancelled = post("/tasks/" + to_string(id) + "/cancel", "");
  EXPECT_EQ(cancelled.status, 202) << cancelled.body;
  EXPECT_EQ(text(json(cancelled), "status"), "CANCELLED");
  EXPECT_EQ(names_of(json(cancelled)), kMembers);
  EXPECT_EQ(post("/tasks/" + to_string(id) + "/cancel", "{}").status, 200);
  expect_problem(post("/tasks/" + to_string(id) + "/cancel", R"({"a":1})"), 400, "unknown_field");
}

TEST_F(TasksServiceTest, ListsTasksNewestFirstInPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(to_string(submit()));
  }
  run(*parse_job_id(ids[1]), "", "", completed());
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const json::value page = json(get("/tasks?limit=2" + cursor));
    for (const json::value& line : page.at("tasks").as_array()) {
      seen.push_back(text(line, "id"));
      EXPECT_FALSE(line.as_object().contains("code"));
    }
    cursor = text(page, "nextCursor").empty() ? "" : "&cursor=" + text(page, "nextCursor");
  } while (!cursor.empty());
  std::reverse(ids.begin(), ids.end());
  EXPECT_EQ(seen, ids);
  const json::value ended = json(get("/tasks?status=COMPLETED,FAILED"));
  ASSERT_EQ(ended.at("tasks").as_array().size(), 1U);
  EXPECT_EQ(text(ended.at("tasks").at(0), "id"), ids[3]);
  expect_problem(get("/tasks?status=GONE"), 400, "invalid_field", "status");
  expect_problem(get("/tasks?limit=0"), 400, "invalid_field", "limit");
  expect_problem(get("/tasks?cursor=x"), 400, "invalid_field", "cursor");
}

TEST_F(TasksServiceTest, WorkersAreShownWithTheirStatistics) {
  AgentView agent;
  agent.record.info.id = AgentId("worker-1");
  agent.record.info.type = "code";
  agent.record.info.features = {"image:debian", "lang:js", "lang:sh"};
  agent.record.done = 4;
  agent.record.failed = 1;
  agent.record.busy_ms = 1234;
  agent.running = 2;
  api_.set_agent(agent);
  const json::value worker = json(get("/workers")).at("workers").at(0);
  EXPECT_EQ(text(worker, "id"), "worker-1");
  EXPECT_EQ(text(worker, "type"), "code");
  EXPECT_EQ(text(worker, "status"), "IDLE");
  EXPECT_EQ(worker.at("languages"), json::parse(R"(["js","sh"])"));
  EXPECT_EQ(worker.at("done").as_int64(), 4);
  EXPECT_EQ(worker.at("failed").as_int64(), 1);
  EXPECT_EQ(worker.at("running").as_int64(), 2);
  EXPECT_EQ(worker.at("busyMs").as_int64(), 1234);
  EXPECT_FALSE(text(worker, "lastHeartbeatAt").empty());
}

TEST_F(TasksServiceTest, EveryRouteTakesExactlyTheCredentialsItNeeds) {
  door_.is_open = false;
  start();
  expect_needs(TasksService::routes(), TasksService::needs());
}

// Waiting.

TEST_F(TasksServiceTest, AWaitIsAnsweredWithTheTaskWhenItEnds) {
  RawClient client(port());
  client.send(net::testing::post("/tasks?wait=1", R"({"code":"1"})"));
  until_waiting(1);
  const JobId id = api_.list({}).value().front().record.id;
  run(id, "4\n", "", completed());
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(response.headers.at("location"), "/tasks/" + to_string(id));
  EXPECT_EQ(names_of(json(response)), kMembers);
  EXPECT_EQ(text(json(response), "status"), "COMPLETED");
  EXPECT_EQ(text(json(response), "stdout"), "4\n");
  EXPECT_EQ(tasks_->waiting(), 0);
}

TEST_F(TasksServiceTest, AWaitThatIsOverIsAnsweredWithTheStateThereIs) {
  RawClient client(port());
  client.send(net::testing::post("/tasks?wait=1.5", R"({"code":"1"})"));
  until_waiting(1);
  server_->tick();
  server_->tick();
  EXPECT_EQ(tasks_->waiting(), 1);
  server_->tick();
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(text(json(response), "status"), "QUEUED");
  EXPECT_EQ(names_of(json(response)), kMembers);
}

TEST_F(TasksServiceTest, ABatchIsWaitedForAsAWhole) {
  RawClient client(port());
  client.send(net::testing::post("/tasks?wait=true", R"([{"code":"1"},{"code":""},{"code":"2"}])"));
  until_waiting(1);
  const std::vector<JobView> jobs = api_.list({}).value();
  run(jobs[0].record.id, "second", "", completed());
  EXPECT_EQ(tasks_->waiting(), 1);
  run(jobs[1].record.id, "first", "", completed());
  const json::array results = json(client.read_response()).as_array();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(text(results[0], "stdout"), "first");
  EXPECT_EQ(text(results[1].at("error"), "field"), "code");
  EXPECT_EQ(text(results[2], "stdout"), "second");
}

TEST_F(TasksServiceTest, ATaskThatIsThereAlreadyCanBeWaitedFor) {
  const JobId id = submit();
  RawClient client(port());
  client.send(net::testing::get("/tasks/" + to_string(id) + "?wait=10"));
  until_waiting(1);
  run(id, "out", "", completed());
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(text(json(response), "stdout"), "out");
  EXPECT_EQ(get("/tasks/" + to_string(id) + "?wait=10").status, 200) << "it has ended already";
  expect_problem(get("/tasks/0000000000001?wait=10"), 404, "not_found");
}

TEST_F(TasksServiceTest, AClientThatLeavesHarmsNobody) {
  {
    RawClient client(port());
    client.send(net::testing::post("/tasks?wait=1", R"({"code":"1"})"));
    until_waiting(1);
  }
  run(api_.list({}).value().front().record.id, "", "", completed());
  EXPECT_EQ(tasks_->waiting(), 0);
  EXPECT_EQ(get("/workers").status, 200);
}

TEST_F(TasksServiceTest, WhoWaitsDoesNotCountAsARequestBeingAnswered) {
  door_.requests_at_once_max = 2;
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    clients.back()->send(net::testing::post("/tasks?wait=1", R"({"code":"1"})"));
    until_waiting(i + 1);
  }
  EXPECT_EQ(get("/workers").status, 200);
  tasks_->stop();
  for (const auto& client : clients) {
    EXPECT_EQ(text(json(client->read_response()), "status"), "QUEUED");
  }
}

TEST_F(TasksServiceTest, AStoppingServerAnswersWhoWaits) {
  RawClient client(port());
  client.send(net::testing::post("/tasks?wait=1", R"({"code":"1"})"));
  until_waiting(1);
  tasks_->stop();
  EXPECT_EQ(text(json(client.read_response()), "status"), "QUEUED");
  EXPECT_EQ(text(json(post("/tasks?wait=1", R"({"code":"1"})")), "status"), "QUEUED");
}

TEST_F(TasksServiceTest, AWaitEndsWithTheRefusalOfItsSubmission) {
  api_.fail_commands(
      Error{.code = ErrorCode::Unavailable, .message = "disk full", .kind = "storage_unavailable"});
  expect_problem(post("/tasks?wait=1", R"({"code":"1"})"), 503, "storage_unavailable");
  EXPECT_EQ(tasks_->waiting(), 0);
}

}  // namespace
}  // namespace hearth::tasks
