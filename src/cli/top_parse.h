// What `hearth top` takes out of the controller's JSON. Pure.
//
// A figure that is null or missing stays unknown; it never becomes 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/time.h"

namespace hearth::cli {

// Percent of ten seconds in which something waited.
struct TopPressure {
  std::optional<double> cpu;
  std::optional<double> memory;
  std::optional<double> io;
};

struct TopGpu {
  std::int64_t index = 0;
  std::string name;
  std::optional<double> util_percent;
  std::optional<std::int64_t> memory_used;
  std::optional<std::int64_t> memory_total;
  std::optional<double> celsius;
  std::optional<TimePoint> stale_since;
};

struct TopMachine {
  std::optional<double> cpu_percent;  // 100 is one core
  std::optional<std::int64_t> cpu_milli;
  std::optional<double> load;
  std::optional<std::int64_t> memory_used;
  std::optional<std::int64_t> memory_total;
  std::optional<std::int64_t> disk_free;
  std::optional<std::int64_t> net_rx;  // bytes a second
  std::optional<std::int64_t> net_tx;
  TopPressure pressure;
  std::vector<TopGpu> gpus;
  std::string gpu_problem;

  // Of all cores: 0 to 1.
  [[nodiscard]] std::optional<double> cpu_share() const;
};

struct TopAgent {
  std::string id;
  std::string status;
  std::string host;
  std::int64_t running = 0;
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::optional<TopMachine> machine;

  // What is shown of an agent that cannot be heard would be of the past.
  [[nodiscard]] bool is_heard() const { return status != "DISCONNECTED" && status != "DEAD"; }
};

struct TopFigures {
  std::optional<double> cpu_percent;
  std::optional<std::int64_t> memory;
  std::optional<std::int64_t> memory_peak;
  std::optional<std::int64_t> io_read;  // bytes a second
  std::optional<std::int64_t> io_write;
  std::optional<std::int64_t> pids;
  std::optional<double> throttled_percent;
  std::optional<std::int64_t> oom_kills;
  TopPressure pressure;
  std::vector<TopGpu> gpus;  // index, util_percent, memory_used of its part

  [[nodiscard]] std::optional<double> io() const;  // of what is known
};

struct TopWorker {
  std::string id;
  std::string agent;  // empty: not Hearth's own
  std::string runtime;
  std::string state;
  std::string model;
  std::string key;
  std::vector<std::string> jobs;
  std::optional<TimePoint> started_at;  // by the controller's clock
  TopFigures figures;
};

struct TopJob {
  std::string id;
  std::string state;
  std::string name;
  std::string command;
  std::string agent;
  std::string reason;
  std::string message;
  std::string queue;
  std::int64_t priority = 0;
  double cpu = 0;
  std::int64_t ram_mb = 0;
  std::int64_t gpus = 0;
  std::int64_t attempt = 0;
  std::optional<std::int64_t> exit_code;
  std::optional<std::int64_t> signal;
  std::optional<std::int64_t> percent;
  std::optional<TimePoint> created_at;
  std::optional<TimePoint> queued_at;
  std::optional<TimePoint> assigned_at;
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> completed_at;

  [[nodiscard]] const std::string& label() const { return name.empty() ? command : name; }
};

std::optional<double> number_in(const boost::json::value& object, std::string_view key);
std::optional<std::int64_t> count_in(const boost::json::value& object, std::string_view key);
std::optional<TimePoint> time_in(const boost::json::value& object, std::string_view key);

TopAgent read_agent(const boost::json::value& agent);  // without its machine
TopMachine read_machine(const boost::json::value& machine);
TopWorker read_worker(const boost::json::value& worker);
TopFigures read_figures(const boost::json::value& worker);
TopJob read_job(const boost::json::value& job);
// What of a JobChange changes; the rest of `job` stays.
void apply_change(TopJob& job, const boost::json::value& change);

}  // namespace hearth::cli
