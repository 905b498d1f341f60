// Requests and answers of the REST front door.
#include "front/rest/rest_service.h"

#include "front/rest/testing/rest_fixture.h"

namespace hearth::rest {
namespace {

using net::testing::RawClient;
using net::testing::RawResponse;

class RestServiceTest : public testing::RestFixture {
 protected:
  void expect_problem(const RawResponse& response, int status, const char* code) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    const auto problem = json(response);
    EXPECT_EQ(text(problem, "code"), code) << response.body;
    EXPECT_EQ(problem.at("status").as_int64(), status);
    EXPECT_FALSE(text(problem, "detail").empty());
    EXPECT_FALSE(text(problem, "title").empty());
  }
};

TEST_F(RestServiceTest, SubmitsAndShowsAJobWithoutItsSecrets) {
  const RawResponse made = post(
      "/v1/jobs",
      R"({"command":["echo","hi"],"name":"n","env":{"A":"1"},"secretEnv":{"TOKEN":"hunter2"}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = text(json(made), "id");
  EXPECT_EQ(text(json(made), "state"), "QUEUED");
  EXPECT_EQ(made.headers.at("location"), "/v1/jobs/" + id);
  EXPECT_EQ(api_.submitted().at(0).spec.execution.secret_env.at("TOKEN"), "hunter2");
  const RawResponse shown = get("/v1/jobs/" + id);
  EXPECT_EQ(shown.status, 200);
  const auto job = json(shown);
  EXPECT_EQ(text(job, "id"), id);
  EXPECT_EQ(text(job, "name"), "n");
  EXPECT_EQ(job.at("command").at(1).as_string(), "hi");
  EXPECT_EQ(job.at("requiredRamMb").as_int64(), 512);
  EXPECT_EQ(shown.body.find("hunter2"), std::string::npos);
  EXPECT_EQ(shown.body.find("TOKEN"), std::string::npos);
}

TEST_F(RestServiceTest, AKnownKeyGivesTheExistingJob) {
  const JobId id = submit(R"({"command":["true"],"idempotencyKey":"k"})");
  const RawResponse again = post("/v1/jobs", R"({"command":["false"],"idempotencyKey":"k"})");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.headers.at("idempotent-replay"), "true");
  EXPECT_EQ(text(json(again), "id"), to_string(id));
  EXPECT_EQ(json(again).at("command").at(0).as_string(), "true");
}

TEST_F(RestServiceTest, AnArrayMakesAJobPerIndex) {
  const std::string body = R"({"command":["true"],"array":{"from":1,"to":3},"idempotencyKey":"k"})";
  const RawResponse made = post("/v1/jobs", body);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto answer = json(made);
  ASSERT_EQ(answer.at("ids").as_array().size(), 3U);
  EXPECT_EQ(answer.at("ids").at(0), answer.at("id"));
  const auto last = json(get("/v1/jobs/" + std::string(answer.at("ids").at(2).as_string())));
  EXPECT_EQ(last.at("arrayIndex").as_int64(), 3);
  const RawResponse again = post("/v1/jobs", body);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.headers.at("idempotent-replay"), "true");
  EXPECT_EQ(json(again).at("ids"), answer.at("ids"));
}

TEST_F(RestServiceTest, ErrorsNameFieldAndLimit) {
  const RawResponse field = post("/v1/jobs", R"({"command":["true"],"timeoutMs":0})");
  expect_problem(field, 400, "invalid_field");
  EXPECT_EQ(text(json(field), "field"), "timeoutMs");
  const RawResponse limit =
      post("/v1/jobs", R"({"command":["true"],"name":")" + std::string(300, 'x') + "\"}");
  expect_problem(limit, 413, "too_large");
  EXPECT_EQ(text(json(limit), "limit"), "name_bytes_max");
  EXPECT_EQ(json(limit).at("limitValue").as_int64(), 256);
  expect_problem(post("/v1/jobs", "{"), 400, "invalid_json");
  expect_problem(post("/v1/jobs", R"({"command":["true"],"cmd":1})"), 400, "unknown_field");
  const RawResponse open =
      post("/v1/jobs", R"({"script":{"language":"js","code":"1"},"sandbox":"none"})");
  expect_problem(open, 400, "invalid_field");
  EXPECT_EQ(text(json(open), "field"), "sandbox");
  EXPECT_EQ(api_.submit_calls(), 0);
}

TEST_F(RestServiceTest, AScriptIsShownAsItWasGiven) {
  const JobId id = submit(
      R"({"script":{"language":"node","code":"console.log(1)\n","args":["a"]},"image":"debian"})");
  const auto job = json(get("/v1/jobs/" + to_string(id)));
  EXPECT_EQ(job.at("script"),
            boost::json::parse(R"({"language":"js","code":"console.log(1)\n","args":["a"]})"));
  EXPECT_TRUE(job.at("command").is_null());
  EXPECT_EQ(text(job, "image"), "debian");
  EXPECT_EQ(text(job, "sandbox"), "image");
  EXPECT_EQ(job.at("graceMs").as_int64(), 0);
  const auto listed = json(get("/v1/jobs")).at("jobs").at(0);
  EXPECT_EQ(listed.at("script"), job.at("script"));
  const auto command = json(get("/v1/jobs/" + to_string(submit())));
  EXPECT_TRUE(command.at("script").is_null());
  EXPECT_EQ(command.at("command"), boost::json::parse(R"(["true"])"));
}

TEST_F(RestServiceTest, ErrorsOfTheControllerKeepTheirCode) {
  const std::vector<std::tuple<Error, int, const char*>> cases = {
      {Error{.code = ErrorCode::ResourceExhausted,
             .message = "full",
             .kind = "queue_full",
             .limit = "kQueueJobsMax",
             .limit_value = 5},
       429, "queue_full"},
      {Error{.code = ErrorCode::Unavailable, .message = "disk full", .kind = "storage_unavailable"},
       503, "storage_unavailable"},
      {Error{.code = ErrorCode::FailedPrecondition, .message = "no", .kind = "infeasible"}, 422,
       "infeasible"},
      {Error{.code = ErrorCode::FailedPrecondition, .message = "no", .kind = "sandbox_unavailable"},
       422, "sandbox_unavailable"},
      {internal_error("oops"), 500, "internal"},
  };
  for (const auto& [error, status, code] : cases) {
    api_.fail_commands(error);
    const RawResponse response = post("/v1/jobs", R"({"command":["true"]})");
    expect_problem(response, status, code);
    EXPECT_EQ(response.headers.contains("retry-after"), status == 429 || status == 503);
  }
}

TEST_F(RestServiceTest, BrowsersCannotBeUsedAgainstUs) {
  const std::string body = R"({"command":["true"]})";
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data; boundary=x", "application/x-ndjson"}) {
    expect_problem(post("/v1/jobs", body, type), 415, "unsupported_media_type");
  }
  const JobId id = submit();
  expect_problem(post("/v1/jobs/" + to_string(id) + "/cancel", "", ""), 415,
                 "unsupported_media_type");
  EXPECT_EQ(post("/v1/jobs", body, "application/json; charset=utf-8").status, 201);
  expect_problem(post("/v1/jobs", body, "application/json", "Origin: http://evil.example\r\n"), 403,
                 "forbidden");
  expect_problem(get("/v1/jobs", "Origin: null\r\n"), 403, "forbidden");
  EXPECT_EQ(get("/v1/jobs", "Origin: http://localhost\r\n").status, 200);
  expect_problem(ask("GET /v1/jobs HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 403, "forbidden");
  expect_problem(ask("GET /healthz HTTP/1.1\r\nHost: 10.0.0.1:7070\r\n\r\n"), 403, "forbidden");
  EXPECT_EQ(ask("GET /healthz HTTP/1.1\r\nHost: [::1]:7070\r\n\r\n").status, 200);
  EXPECT_EQ(api_.submit_calls(), 2);
}

TEST_F(RestServiceTest, MethodsAndPathsThatAreNotThere) {
  expect_problem(get("/v1/nothing"), 404, "not_found");
  expect_problem(get("/v1/jobs/"), 404, "not_found");
  const RawResponse wrong = ask("DELETE /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect_problem(wrong, 405, "method_not_allowed");
  EXPECT_EQ(wrong.headers.at("allow"), "POST, GET, HEAD, OPTIONS");
  const RawResponse options = ask("OPTIONS /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("allow"), "POST, GET, HEAD, OPTIONS");
  EXPECT_FALSE(options.headers.contains("access-control-allow-origin"));
  const RawResponse head = ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.headers.at("content-length"), "0");
  for (const char* path : {"/v1/jobs/x", "/v1/jobs/0000000000001", "/v1/jobs/x/output",
                           "/v1/jobs/0000000000001/events", "/v1/jobs/%ff/explain"}) {
    expect_problem(get(path), 404, "not_found");
  }
  expect_problem(post("/v1/jobs/0000000000001/cancel", "{}"), 404, "not_found");
  expect_problem(post("/v1/jobs/0000000000001/retry", "{}"), 404, "not_found");
}

TEST_F(RestServiceTest, ListsByFilterAndPage) {
  for (int i = 0; i < 7; ++i) {
    submit(R"({"command":["true"],"queue":"q)" + std::to_string(i % 2) + R"(","labels":{"i":")" +
           std::to_string(i) + R"("}})");
  }
  const auto first = json(get("/v1/jobs?limit=3"));
  EXPECT_EQ(first.at("jobs").as_array().size(), 3U);
  EXPECT_EQ(first.at("jobs").at(0).at("labels").at("i").as_string(), "6");
  const auto rest = json(get("/v1/jobs?limit=5&cursor=" + text(first, "nextCursor")));
  EXPECT_EQ(rest.at("jobs").as_array().size(), 4U);
  EXPECT_TRUE(rest.at("nextCursor").is_null());
  EXPECT_EQ(json(get("/v1/jobs?queue=q1")).at("jobs").as_array().size(), 3U);
  EXPECT_EQ(json(get("/v1/jobs?label=i%3D2")).at("jobs").as_array().size(), 1U);
  EXPECT_EQ(json(get("/v1/jobs?label=i=2&label=i=2")).at("jobs").as_array().size(), 1U);
  EXPECT_EQ(json(get("/v1/jobs?state=QUEUED,RUNNING")).at("jobs").as_array().size(), 7U);
  EXPECT_EQ(json(get("/v1/jobs?state=RUNNING&state=FAILED")).at("jobs").as_array().size(), 0U);
  EXPECT_TRUE(json(get("/v1/jobs?limit=7")).at("nextCursor").is_null());
  for (const char* bad : {"?state=queued", "?limit=0", "?limit=1001", "?limit=x", "?cursor=x",
                          "?label=x", "?limit=1&limit=2"}) {
    expect_problem(get(std::string("/v1/jobs") + bad), 400, "invalid_field");
  }
  expect_problem(get("/v1/jobs?status=QUEUED"), 400, "unknown_field");
  expect_problem(get("/v1/jobs?name=%"), 400, "invalid_request");
}

TEST_F(RestServiceTest, APageOfLargeJobsIsCut) {
  const std::string body = R"({"command":["true"],"stdin":")" + std::string(1'000'000, 'x') + "\"}";
  for (int i = 0; i < 7; ++i) {
    submit(body);
  }
  const RawResponse page = get("/v1/jobs");
  EXPECT_LT(page.body.size(), 6U << 20U);
  const auto answer = json(page);
  const std::size_t shown = answer.at("jobs").as_array().size();
  EXPECT_LT(shown, 7U);
  const auto rest = json(get("/v1/jobs?cursor=" + text(answer, "nextCursor")));
  EXPECT_EQ(shown + rest.at("jobs").as_array().size(), 7U);
}

TEST_F(RestServiceTest, CancelsOnceAndForAll) {
  const JobId running = submit();
  api_.start_attempt(running);
  const RawResponse requested = post("/v1/jobs/" + to_string(running) + "/cancel", "{}");
  EXPECT_EQ(requested.status, 202);
  EXPECT_FALSE(text(json(requested), "cancelRequestedAt").empty());
  EXPECT_EQ(text(json(requested), "state"), "RUNNING");
  const JobId queued = submit();
  EXPECT_EQ(post("/v1/jobs/" + to_string(queued) + "/cancel", "").status, 202);
  const RawResponse again = post("/v1/jobs/" + to_string(queued) + "/cancel", " { } ");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(text(json(again), "state"), "CANCELLED");
  expect_problem(post("/v1/jobs/" + to_string(queued) + "/cancel", R"({"force":true})"), 400,
                 "unknown_field");
}

TEST_F(RestServiceTest, RetriesWhatHasEnded) {
  const JobId id = submit();
  expect_problem(post("/v1/jobs/" + to_string(id) + "/retry", "{}"), 409, "not_finished");
  api_.start_attempt(id);
  api_.finish(id, {.state = JobState::Failed, .reason = Reason::ExitNonzero, .exit_code = 3});
  const RawResponse retried = post("/v1/jobs/" + to_string(id) + "/retry", "{}");
  EXPECT_EQ(retried.status, 201);
  EXPECT_EQ(text(json(retried), "retryOf"), to_string(id));
  EXPECT_NE(text(json(retried), "id"), to_string(id));
}

TEST_F(RestServiceTest, ShowsAttemptsAndExplains) {
  const JobId id = submit();
  const auto why = json(get("/v1/jobs/" + to_string(id) + "/explain"));
  EXPECT_EQ(why.at("reasons").at(0).at("required").as_int64(), 512);
  EXPECT_EQ(text(why.at("reasons").at(0), "agentId"), "a1");
  EXPECT_EQ(text(why.at("reasons").at(0), "since"), "1970-01-01T00:00:01.500Z");
  api_.start_attempt(id, "a1");
  auto job = json(get("/v1/jobs/" + to_string(id)));
  EXPECT_TRUE(job.at("attempts").at(0).at("exitCode").is_null());
  EXPECT_TRUE(job.at("attempts").at(0).at("cpuMs").is_null());
  api_.write(id, StreamKind::Stdout, "four");
  api_.finish(id, {.state = JobState::Failed,
                   .reason = Reason::ExitNonzero,
                   .message = "it \"failed\"\n\xff",
                   .exit_code = 3,
                   .cpu_ms = 12});
  job = json(get("/v1/jobs/" + to_string(id)));
  EXPECT_EQ(text(job, "reason"), "exit_nonzero");
  EXPECT_EQ(job.at("exitCode").as_int64(), 3);
  EXPECT_EQ(text(job, "message"), "it \"failed\"\n\xEF\xBF\xBD");
  EXPECT_EQ(job.at("attempts").at(0).at("stdoutBytes").as_int64(), 4);
  EXPECT_EQ(job.at("attempts").at(0).at("cpuMs").as_int64(), 12);
}

TEST_F(RestServiceTest, TakesABatchOfEitherKind) {
  const std::string lines =
      "{\"command\":[\"a\"],\"ref\":\"x\"}\n{\"command\":[]}\n"
      "{\"command\":[\"b\"],\"after\":[\"@x\"]}\n"
      "{\"command\":[\"c\"],\"array\":{\"from\":0,\"to\":1}}\n";
  const RawResponse response = post("/v1/jobs:batch", lines, "application/x-ndjson");
  ASSERT_EQ(response.status, 200) << response.body;
  const auto results = json(response).at("results").as_array();
  ASSERT_EQ(results.size(), 4U);
  EXPECT_FALSE(text(results[0], "id").empty());
  EXPECT_EQ(text(results[1].at("error"), "field"), "command");
  EXPECT_EQ(results[3].at("ids").as_array().size(), 2U);
  EXPECT_EQ(api_.submit_calls(), 1);
  EXPECT_EQ(api_.submitted().at(1).after_refs.at(0).first, 0U);

  const RawResponse array = post("/v1/jobs:batch", R"([{"command":["a"]},{"command":["b"]}])");
  EXPECT_EQ(json(array).at("results").as_array().size(), 2U);
  EXPECT_TRUE(json(post("/v1/jobs:batch", "[]")).at("results").as_array().empty());
  expect_problem(post("/v1/jobs:batch", "[{},"), 400, "invalid_json");
  expect_problem(post("/v1/jobs:batch", "[]", "text/plain"), 415, "unsupported_media_type");
  const auto scripts = json(post("/v1/jobs:batch", R"([
      {"script":{"language":"js","code":"1"}},
      {"script":{"language":"js","code":"1"},"sandbox":"none"}])"))
                           .at("results");
  EXPECT_FALSE(text(scripts.at(0), "id").empty());
  EXPECT_EQ(text(scripts.at(1).at("error"), "field"), "sandbox");
}

TEST_F(RestServiceTest, BoundsABatchAsItStreams) {
  std::string lines;
  for (std::int64_t i = 0; i <= limits::kBatchItemsMax; ++i) {
    lines += "{\"command\":[\"a\"]}\n";
  }
  const RawResponse many = post("/v1/jobs:batch", lines, "application/x-ndjson");
  expect_problem(many, 413, "too_large");
  EXPECT_EQ(text(json(many), "limit"), "batch_items_max");
  const RawResponse big =
      ask("POST /v1/jobs:batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          "Content-Length: 67108865\r\n\r\n");
  expect_problem(big, 413, "too_large");
  EXPECT_EQ(text(json(big), "limit"), "batch_body_bytes_max");
  EXPECT_EQ(api_.submit_calls(), 0);
}

TEST_F(RestServiceTest, ShowsAgentsAndDrainsThem) {
  AgentView agent;
  agent.record.info.id = AgentId("a1");
  agent.record.info.capacity = {.cpu_milli = 2500, .memory_bytes = 1024 * limits::kMiB};
  agent.record.info.labels = {{"zone", "b"}};
  api_.set_agent(agent);
  const auto agents = json(get("/v1/agents")).at("agents");
  ASSERT_EQ(agents.as_array().size(), 1U);
  EXPECT_EQ(agents.at(0).at("capacity").at("cpu").to_number<double>(), 2.5);
  EXPECT_EQ(agents.at(0).at("capacity").at("ramMb").as_int64(), 1024);
  EXPECT_TRUE(agents.at(0).at("usage").at("cpuPercent").is_null());
  const RawResponse drained = post("/v1/agents/a1/drain", R"({"enable":true})");
  EXPECT_EQ(drained.status, 200);
  EXPECT_TRUE(json(drained).at("draining").as_bool());
  EXPECT_FALSE(json(post("/v1/agents/a1/drain", R"({"enable":false})")).at("draining").as_bool());
  expect_problem(post("/v1/agents/nobody/drain", "{}"), 404, "not_found");
  expect_problem(post("/v1/agents/a1/drain", R"({"enable":1})"), 400, "invalid_field");
  expect_problem(post("/v1/agents/a1/drain", R"({"on":true})"), 400, "unknown_field");
}

TEST_F(RestServiceTest, TellsOfItself) {
  EXPECT_EQ(text(json(get("/healthz")), "status"), "ok");
  EXPECT_EQ(get("/readyz").status, 200);
  api_.set_readiness({.ready = false, .why = "the disk is full"});
  const RawResponse not_ready = get("/readyz");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_EQ(text(json(not_ready), "why"), "the disk is full");
  submit();
  const RawResponse metrics = get("/metrics");
  EXPECT_TRUE(metrics.headers.at("content-type").starts_with("text/plain; version=0.0.4"));
  for (const char* line : {"hearth_jobs{state=\"QUEUED\"} 1\n", "hearth_jobs{state=\"FAILED\"} 0\n",
                           "hearth_ready 0\n", "# TYPE hearth_agents gauge\n",
                           "hearth_http_responses_total{class=\"5xx\"} 1\n"}) {
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line << metrics.body;
  }
  EXPECT_EQ(text(json(get("/openapi.json")), "openapi"), "3.1.0");
}

TEST_F(RestServiceTest, ManyAnswersOverOneConnectionFromAnotherThread) {
  api_.hold_commands(true);
  RawClient client(port());
  ASSERT_TRUE(client.send(net::testing::post("/v1/jobs", R"({"command":["true"]})") +
                          net::testing::get("/healthz")));
  RawClient other(port());
  ASSERT_TRUE(other.send(net::testing::get("/healthz")));
  EXPECT_EQ(other.read_response().status, 200);  // a held command holds up nobody else
  while (api_.submit_calls() == 0) {
    ASSERT_TRUE(other.send(net::testing::get("/healthz")));
    other.read_response();
  }
  api_.release();
  EXPECT_EQ(client.read_response().status, 201);
  EXPECT_EQ(client.read_response().status, 200);
}

}  // namespace
}  // namespace hearth::rest
