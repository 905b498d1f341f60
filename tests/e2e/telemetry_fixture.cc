#include "tests/e2e/telemetry_fixture.h"

#include <gtest/gtest.h>

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;

json::array TelemetryCluster::workers(const std::string& query) {
  const Answer answer = get("/v1/workers" + query);
  EXPECT_EQ(answer.status, 200) << answer.raw;
  return answer.status == 200 ? answer.body.as_object().at("workers").as_array() : json::array();
}

std::set<std::string> TelemetryCluster::worker_ids() {
  std::set<std::string> ids;
  for (const json::value& worker : workers()) {
    ids.insert(std::string(worker.at("id").as_string()));
  }
  return ids;
}

void TelemetryCluster::wait_workers(std::size_t count, const std::string& query) {
  wait_until([&] { return workers(query).size() == count; },
             std::to_string(count) + " workers " + query);
}

json::object TelemetryCluster::worker_of(const std::string& job) {
  for (const json::value& worker : workers()) {
    if (worker.at("jobs").at(0).as_string() == job) {
      return worker.as_object();
    }
  }
  ADD_FAILURE() << "no worker of job " << job;
  return {};
}

pid_t TelemetryCluster::pid_of_worker(const std::string& job) {
  pid_t pid = 0;
  wait_until(
      [&] {
        const json::object worker = worker_of(job);
        const json::value* known = worker.if_contains("pid");
        pid = known != nullptr && known->is_int64() ? static_cast<pid_t>(known->as_int64()) : 0;
        return pid > 0;
      },
      "the process of job " + job);
  return pid;
}

std::string TelemetryCluster::sleeper() {
  return submit({{"command", {"sleep", "600"}}, {"requiredCpu", 0.1}, {"requiredRamMb", 16}});
}

double TelemetryCluster::metric(const std::string& name) {
  const std::string all = "\n" + get("/metrics").raw;
  const std::size_t at = all.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(all.substr(at + name.size() + 2));
}

}  // namespace hearth::e2e
