// Events and pages as the controller sends them, for tests of `hearth top`.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "cli/top_model.h"

namespace hearth::cli::testing {

namespace json = boost::json;

inline const TimePoint kNow = *parse_rfc3339("2026-11-22T02:28:24Z");

inline json::object job(const std::string& id, const std::string& state) {
  return {{"id", id},
          {"state", state},
          {"reason", nullptr},
          {"message", nullptr},
          {"exitCode", nullptr},
          {"signal", nullptr},
          {"attempt", 1},
          {"agentId", state == "QUEUED" ? json::value(nullptr) : json::value("a")},
          {"createdAt", "2026-11-22T02:28:00Z"},
          {"queuedAt", "2026-11-22T02:28:00Z"},
          {"assignedAt", nullptr},
          {"startedAt", state == "RUNNING" ? json::value("2026-11-22T02:28:10Z") : nullptr},
          {"completedAt", nullptr},
          {"progress", nullptr},
          {"name", nullptr},
          {"command", {"sleep", "60"}},
          {"queue", "default"},
          {"priority", 0},
          {"requiredCpu", 1.0},
          {"requiredRamMb", 512},
          {"gpus", 0}};
}

inline json::object with(json::object object, const json::object& members) {
  for (const auto& [key, value] : members) {
    object[key] = value;
  }
  return object;
}

inline json::object agent(const std::string& id, const std::string& status) {
  return {{"id", id},     {"status", status}, {"hostname", "host-" + id},
          {"running", 1}, {"done", 12},       {"failed", 3}};
}

// All that is not given is null, as for a worker of which nothing was measured yet.
inline json::object worker(const std::string& id, const std::string& agent_id,
                           const json::object& figures = {}) {
  json::object all{{"id", id},
                   {"agentId", agent_id},
                   {"runtime", "command"},
                   {"key", nullptr},
                   {"state", "BUSY"},
                   {"jobs", json::array{}},
                   {"pid", nullptr},
                   {"startedAt", nullptr},
                   {"uptimeMs", nullptr},
                   {"cpuPercent", nullptr},
                   {"memoryBytes", nullptr},
                   {"memoryPeakBytes", nullptr},
                   {"ioReadBytesPerSec", nullptr},
                   {"ioWriteBytesPerSec", nullptr},
                   {"pids", nullptr},
                   {"throttledPercent", nullptr},
                   {"oomKills", nullptr},
                   {"pressure", nullptr},
                   {"gpus", json::array{}},
                   {"model", nullptr}};
  return with(std::move(all), figures);
}

inline json::object machine(const json::object& figures = {}) {
  return with({{"cpuPercent", 150.0},
               {"cpuMilli", 4000},
               {"load1m", 1.25},
               {"memoryTotalBytes", std::int64_t{8} << 30},
               {"memoryUsedBytes", std::int64_t{2} << 30},
               {"diskFreeBytes", std::int64_t{100} << 30},
               {"netRxBytesPerSec", 2048},
               {"netTxBytesPerSec", nullptr},
               {"pressure", nullptr},
               {"gpus", json::array{}},
               {"gpuProblem", nullptr}},
              figures);
}

inline json::object telemetry(const std::string& agent_id, const json::value& of_machine,
                              const json::array& workers = {}) {
  return {{"agentId", agent_id},
          {"at", to_rfc3339(kNow)},
          {"machine", of_machine},
          {"workers", workers}};
}

inline json::object snapshot(const json::object& counts, const json::array& agents = {},
                             const json::array& workers = {}) {
  return {{"counts", counts}, {"agents", agents}, {"workers", workers}};
}

inline void take(TopModel& model, const std::string& event, const json::object& data,
                 TimePoint now = kNow) {
  const auto taken = model.take({.id = {}, .event = event, .data = json::serialize(data)}, now);
  ASSERT_TRUE(taken) << taken.error().message;
}

inline void change(TopModel& model, const std::string& event, json::object record,
                   TimePoint now = kNow) {
  record["event"] = event;
  record["at"] = to_rfc3339(now);
  for (const char* unchanging : {"name", "command", "queue", "priority", "requiredCpu"}) {
    record.erase(unchanging);
  }
  take(model, "job", record, now);
}

inline TopPage page(const json::array& jobs, bool has_more = false) {
  auto read = read_page(
      json::object{{"jobs", jobs}, {"nextCursor", has_more ? json::value("x") : nullptr}});
  EXPECT_TRUE(read);
  return std::move(*read);
}

}  // namespace hearth::cli::testing
