// A cluster and the questions that tests of telemetry ask of it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/harness/cluster.h"
#include "tests/harness/event_stream.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::ClusterTest;

class TelemetryCluster : public ClusterTest {
 protected:
  json::array workers(const std::string& query = "");
  std::set<std::string> worker_ids();
  void wait_workers(std::size_t count, const std::string& query = "");
  // Of a job that has one; fails the test when it has none.
  json::object worker_of(const std::string& job);
  // Waits until it runs: a worker is told of when it begins to start, before it has a process.
  pid_t pid_of_worker(const std::string& job);
  // A job that sleeps; its id.
  std::string sleeper();
  // One series of /metrics without labels, or -1.
  double metric(const std::string& name);

  static inline const std::vector<std::string> kQuick = {
      "--heartbeat-interval", "500ms", "--heartbeat-timeout", "5s", "--worker-timeout", "3s"};
  // No test waits so long for anything: what happens before was not brought about by them.
  static inline const std::vector<std::string> kNeverByTime = {
      "--heartbeat-interval", "10m", "--heartbeat-timeout", "30m", "--worker-timeout", "30m"};
};

}  // namespace hearth::e2e
