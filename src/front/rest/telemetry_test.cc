// Workers and their figures over HTTP, said by agents that the test plays.
#include <gtest/gtest.h>

#include "api/testing/fake_agent.h"
#include "base/telemetry_limits.h"
#include "front/rest/testing/event_reader.h"
#include "front/rest/testing/rest_fixture.h"

namespace hearth::rest {
namespace {

using api::testing::FakeConnection;
using net::testing::RawClient;
using net::testing::RawResponse;
using testing::Event;
using testing::EventReader;

class TelemetryTest : public testing::RestFixture {
 protected:
  // An agent with one link, number 1.
  void SetUp() override {
    RestFixture::SetUp();
    AgentView agent;
    agent.record.info.id = AgentId("a1");
    agent.record.info.labels = {{"zone", "b"}};
    agent.record.info.capacity = {.cpu_milli = 2'500, .memory_bytes = 1'024 * limits::kMiB};
    published_.set_agents(std::make_shared<const api::Published::Agents>(1, agent));
    api_.set_agent(agent);
    telemetry_.link_opened(1, agent.record.info, connection_);
    telemetry_.link_welcomed(1);
    telemetry_.start();
  }
  void TearDown() override {
    RestFixture::TearDown();
    telemetry_.stop();
  }
  void report(TelemetryReport report) { telemetry_.report(1, AgentId("a1"), std::move(report)); }
  static WorkerReport worker(const std::string& id, WorkerState state = WorkerState::Busy) {
    WorkerReport one;
    one.info = {.id = WorkerId(id), .runtime = "command", .key = "", .state = state};
    one.info.jobs = {JobId(7)};
    return one;
  }
  std::size_t count(const std::string& query) {
    return json(get("/v1/workers" + query)).at("workers").as_array().size();
  }
  int heartbeat(const std::string& body, const std::string& path = "/heartbeat/workers") {
    last_ = post(path, body);
    return last_.status;
  }

  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  RawResponse last_;
};

TEST_F(TelemetryTest, ShowsWorkersWithTheirFiguresAndNullForWhatIsNotKnown) {
  WorkerReport one = worker("w1");
  one.sample = {.pid = 42, .uptime = Duration(1'500), .cpu_percent = 12.5, .memory_bytes = 0};
  one.sample.pressure.memory = 1.25;
  one.sample.gpus = {{.index = 1, .memory_bytes = 5, .stale = true}};
  report({.whole = true, .workers = {one, worker("w2", WorkerState::Starting)}});
  const auto answer = json(get("/v1/workers"));
  EXPECT_EQ(answer.at("workersTotal").as_int64(), 2);
  const auto& shown = answer.at("workers").at(0);
  EXPECT_EQ(text(shown, "id"), "w1");
  EXPECT_EQ(text(shown, "agentId"), "a1");
  EXPECT_EQ(text(shown, "state"), "BUSY");
  EXPECT_EQ(shown.at("jobs").at(0).as_string(), to_string(JobId(7)));
  EXPECT_EQ(shown.at("pid").as_int64(), 42);
  EXPECT_EQ(shown.at("cpuPercent").to_number<double>(), 12.5);
  EXPECT_EQ(shown.at("memoryBytes").as_int64(), 0);
  EXPECT_TRUE(shown.at("memoryPeakBytes").is_null());
  EXPECT_TRUE(shown.at("pressure").at("cpu").is_null());
  EXPECT_EQ(shown.at("pressure").at("memory").to_number<double>(), 1.25);
  EXPECT_TRUE(shown.at("gpus").at(0).at("utilPercent").is_null());
  EXPECT_TRUE(shown.at("gpus").at(0).at("stale").as_bool());
  EXPECT_GE(shown.at("uptimeMs").as_int64(), 1'500);
  EXPECT_TRUE(answer.at("workers").at(1).at("pressure").is_null());
  EXPECT_TRUE(answer.at("workers").at(1).at("startedAt").is_null());
}

TEST_F(TelemetryTest, WorkersAreFoundByStateModelLabelsAndWhatIsFree) {
  WorkerReport hot = worker("hot", WorkerState::Ready);
  hot.info.jobs.clear();
  hot.info.key = "k";
  hot.sample.model = "tiny.gguf";
  TelemetryReport all{.whole = true, .workers = {hot, worker("w1")}};
  all.machine.emplace().gpus = {
      {.index = 0, .memory_used_bytes = limits::kMiB, .memory_total_bytes = 9 * limits::kMiB}};
  report(all);
  EXPECT_EQ(count(""), 2U);
  EXPECT_EQ(count("?idle=1"), 1U);
  EXPECT_EQ(count("?model=tiny.gguf"), 1U);
  EXPECT_EQ(count("?key=k"), 1U);
  EXPECT_EQ(count("?agent=a2"), 0U);
  EXPECT_EQ(count("?label=zone=b&minFreeRamMb=1024&minFreeCpu=2"), 2U);
  EXPECT_EQ(count("?label=zone=a"), 0U);
  EXPECT_EQ(count("?minFreeRamMb=1025"), 0U);
  EXPECT_EQ(count("?minFreeCpu=3"), 0U);
  EXPECT_EQ(count("?minFreeVramMb=8"), 2U);
  EXPECT_EQ(count("?minFreeVramMb=9"), 0U);
  EXPECT_EQ(count("?limit=1"), 1U);
  EXPECT_EQ(get("/v1/workers?limit=10001").status, 400);
  EXPECT_EQ(get("/v1/workers?free=1").status, 400);
}

TEST_F(TelemetryTest, TakesBothShapesOfAWorkersHeartbeat) {
  const std::string time = R"("timestamp":"2026-01-02T03:04:05Z")";
  EXPECT_EQ(heartbeat(R"({"worker_id":"x","state":"ready",)" + time + "}"), 200);
  EXPECT_EQ(last_.body, R"({"status":"ok"})");
  EXPECT_EQ(heartbeat(R"({"worker_id":"y","health_status":"healthy","extra":1,)" + time + "}",
                      "/v1/heartbeat"),
            200);
  const auto workers = json(get("/v1/workers")).at("workers");
  ASSERT_EQ(workers.as_array().size(), 2U);
  EXPECT_TRUE(workers.at(0).at("agentId").is_null());
  EXPECT_EQ(text(workers.at(0), "runtime"), "external");
  EXPECT_EQ(text(workers.at(1), "state"), "READY");
  EXPECT_EQ(heartbeat(R"({"worker_id":"x","state":"BUSY",)" + time + "}"), 200);
  EXPECT_EQ(text(json(get("/v1/workers")).at("workers").at(0), "state"), "BUSY");
  EXPECT_EQ(heartbeat(R"({"worker_id":"x","state":"stopped",)" + time + "}"), 200);
  EXPECT_EQ(count(""), 1U);
}

TEST_F(TelemetryTest, ABadHeartbeatNamesTheField) {
  const auto field_of = [this](const std::string& body) {
    EXPECT_EQ(heartbeat(body), 400) << body;
    return text(json(last_), "field");
  };
  EXPECT_EQ(field_of(R"({"timestamp":"2026-01-02T03:04:05Z","state":"ready"})"), "worker_id");
  EXPECT_EQ(field_of(R"({"worker_id":"../x","timestamp":"2026-01-02T03:04:05Z"})"), "worker_id");
  EXPECT_EQ(field_of(R"({"worker_id":"x","state":"ready"})"), "timestamp");
  EXPECT_EQ(field_of(R"({"worker_id":"x","state":"ready","timestamp":"noon"})"), "timestamp");
  EXPECT_EQ(field_of(R"({"worker_id":"x","timestamp":"2026-01-02T03:04:05Z"})"), "state");
  EXPECT_EQ(field_of(R"({"worker_id":"x","state":"asleep","timestamp":"2026-01-02T03:04:05Z"})"),
            "state");
  EXPECT_EQ(field_of(R"({"worker_id":"x","health_status":7,"timestamp":"2026-01-02T03:04:05Z"})"),
            "health_status");
}

TEST_F(TelemetryTest, HistoryComesFromTheAgent) {
  RawClient client(port());
  client.send(net::testing::get("/v1/telemetry?agent=a1&worker=w1&points=10&fromMs=60000"));
  const auto asked = connection_->next<api::testing::TelemetryAsked>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->query.worker, WorkerId("w1"));
  EXPECT_EQ(asked->query.points_max, 10);
  EXPECT_EQ(asked->query.from_ago, std::chrono::seconds(60));
  telemetry_.answer(1, asked->id,
                    TelemetrySeries{.columns = {"cpuPercent", "pids"},
                                    .ages = {Duration(2'000), Duration(1'000)},
                                    .values = {{1.5, std::nullopt}, {3.0, 4.0}}});
  const RawResponse response = client.read_response(false);
  ASSERT_EQ(response.status, 200) << response.body;
  const auto answer = json(response);
  EXPECT_EQ(answer.at("at").as_array().size(), 2U);
  EXPECT_EQ(answer.at("series").at("cpuPercent").at(0).to_number<double>(), 1.5);
  EXPECT_TRUE(answer.at("series").at("cpuPercent").at(1).is_null());
  EXPECT_EQ(get("/v1/telemetry").status, 400);
  EXPECT_EQ(get("/v1/telemetry?agent=nobody").status, 404);
  EXPECT_EQ(get("/v1/telemetry?agent=a1&points=3601").status, 400);
}

TEST_F(TelemetryTest, AStreamTellsOfWorkersAndTheirFigures) {
  report({.whole = true, .workers = {worker("w1")}});
  EventReader stream(port(), "/v1/events");
  const Event snapshot = stream.next();
  EXPECT_EQ(snapshot.name, "snapshot");
  EXPECT_EQ(snapshot.data.at("workers").as_array().size(), 1U);
  EXPECT_EQ(connection_->next<api::testing::TelemetryWanted>()->interval,
            limits::kTelemetryInterval);

  report({.workers = {worker("w2", WorkerState::Starting)}});
  Event event = stream.until("worker").back();
  EXPECT_EQ(text(event.data, "id"), "w2");
  EXPECT_EQ(text(event.data, "state"), "STARTING");
  EXPECT_TRUE(event.id.empty());

  WorkerReport busy = worker("w1");
  busy.sample.cpu_percent = 99.5;
  TelemetryReport all{.whole = true, .workers = {busy}};
  all.machine.emplace().load_1m = 0.5;
  report(all);
  event = stream.until("worker").back();
  EXPECT_EQ(text(event.data, "id"), "w2");
  EXPECT_EQ(text(event.data, "state"), "STOPPED");
  event = stream.until("telemetry").back();
  EXPECT_EQ(text(event.data, "agentId"), "a1");
  EXPECT_EQ(event.data.at("machine").at("load1m").to_number<double>(), 0.5);
  EXPECT_EQ(event.data.at("workers").at(0).at("cpuPercent").to_number<double>(), 99.5);
}

TEST_F(TelemetryTest, AStreamShowsOnlyTheTypesThatAreAskedFor) {
  EventReader stream(port(), "/v1/events?types=worker");
  EXPECT_EQ(stream.next().name, "snapshot");
  submit();
  TelemetryReport all{.whole = true, .workers = {worker("w1")}};
  all.machine.emplace();
  report(all);
  const Event event = stream.next();
  EXPECT_EQ(event.name, "worker");
  report({.whole = true, .workers = {worker("w1"), worker("w2")}});
  EXPECT_EQ(text(stream.next().data, "id"), "w2");
  EXPECT_FALSE(connection_->has<api::testing::TelemetryWanted>());  // nobody reads figures
  EXPECT_EQ(get("/v1/events?types=worker,all").status, 400);
}

// Whoever comes back is shown all workers as they are; jobs go on where they were.
TEST_F(TelemetryTest, AResumedStreamShowsTheWorkersThereAre) {
  submit();
  report({.whole = true, .workers = {worker("w1")}});
  EventReader stream(port(), "/v1/events", std::to_string(api_.last_event().value()));
  const std::vector<Event> events = stream.until("worker");
  EXPECT_EQ(text(events.back().data, "id"), "w1");
  for (const Event& event : events) {
    EXPECT_NE(event.name, "job");
    EXPECT_NE(event.name, "snapshot");
  }
}

}  // namespace
}  // namespace hearth::rest
