// What `hearth top` knows: built from the events of GET /v1/events and from pages of GET /v1/jobs,
// which say what changes of jobs do not (names, commands, what they ask for). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "cli/top_parse.h"
#include "client/sse_parser.h"

namespace hearth::cli {

inline constexpr std::array<std::string_view, 8> kTopStates = {
    "SUBMITTED", "QUEUED", "ASSIGNED", "RUNNING", "COMPLETED", "FAILED", "TIMED_OUT", "CANCELLED"};
inline constexpr std::size_t kTopFailuresMax = 50;

// A page of GET /v1/jobs.
struct TopPage {
  std::vector<TopJob> jobs;
  bool has_more = false;
};
Result<TopPage> read_page(const boost::json::value& answer);

// Jobs that wait and ask for the same.
struct TopClass {
  std::string queue;
  std::int64_t priority = 0;
  double cpu = 0;
  std::int64_t ram_mb = 0;
  std::int64_t gpus = 0;
  std::int64_t waiting = 0;
  std::optional<TimePoint> oldest;  // since when its first job is queued
  std::string example;              // that job's name or command
};

// Ends a second; unknown until it was watched for a second.
struct TopRates {
  std::optional<double> finished;
  std::optional<double> failed;
};

class TopModel {
 public:
  // `now`: this machine's clock, which need not be the controller's.
  Result<> take(const client::SseEvent& event, TimePoint now);

  // Pages as they were answered after the events taken so far. Jobs that are no longer QUEUED (or
  // ASSIGNED, RUNNING) are gone from what is waiting (running).
  void take_waiting(TopPage page);
  void take_running(TopPage page);
  void take_failures(TopPage page);
  // There are jobs of which only a change was told: the pages are worth asking for.
  [[nodiscard]] bool wants_pages() const { return wants_pages_; }

  [[nodiscard]] bool has_snapshot() const { return has_snapshot_; }
  // Every agent that can be heard has told what its machine and its workers use. Some never do.
  [[nodiscard]] bool has_figures() const;

  [[nodiscard]] const std::map<std::string, std::int64_t>& counts() const { return counts_; }
  [[nodiscard]] TopRates rates(TimePoint now) const;
  [[nodiscard]] const std::map<std::string, TopAgent>& agents() const { return agents_; }
  using WorkerKey = std::pair<std::string, std::string>;  // agent, worker
  [[nodiscard]] const std::map<WorkerKey, TopWorker>& workers() const { return workers_; }
  // Workers that the snapshot counted and did not name.
  [[nodiscard]] std::int64_t workers_not_named() const { return workers_not_named_; }
  [[nodiscard]] const std::map<std::string, TopJob>& running() const { return running_; }
  [[nodiscard]] const std::deque<TopJob>& failures() const { return failures_; }  // latest first
  // Highest priority first, then who has waited longest.
  [[nodiscard]] std::vector<TopClass> classes() const;
  // More jobs wait, or run, than the pages name.
  [[nodiscard]] bool waiting_is_cut() const { return waiting_is_cut_; }
  [[nodiscard]] bool running_is_cut() const { return running_is_cut_; }
  [[nodiscard]] const TopJob* find_running(const std::string& id) const;

  // The controller's clock at this machine's `now`, by what it told last.
  [[nodiscard]] TimePoint controller_time(TimePoint now) const { return now + clock_ahead_; }

 private:
  struct Ends {
    std::int64_t second = 0;
    std::int64_t finished = 0;
    std::int64_t failed = 0;
  };

  void take_snapshot(const boost::json::value& snapshot, TimePoint now);
  void take_change(const boost::json::value& change, TimePoint now);
  void take_worker(const boost::json::value& worker);
  void take_telemetry(const boost::json::value& figures);
  void count_change(const TopJob& job, const std::string& event);
  void add_ends(std::int64_t finished, std::int64_t failed, TimePoint now);
  void add_failure(TopJob job);
  void note_clock(const std::optional<TimePoint>& told, TimePoint now);

  bool has_snapshot_ = false;
  bool wants_pages_ = false;
  bool waiting_is_cut_ = false;
  bool running_is_cut_ = false;
  std::map<std::string, std::int64_t> counts_;
  // By what events told, apart from the pages, which may be ahead of them.
  std::unordered_map<std::string, std::string> states_;
  std::map<std::string, TopAgent> agents_;
  std::map<WorkerKey, TopWorker> workers_;
  std::int64_t workers_not_named_ = 0;
  std::map<std::string, TopJob> waiting_;
  std::map<std::string, TopJob> running_;
  std::deque<TopJob> failures_;
  std::deque<Ends> ends_;
  std::optional<TimePoint> watched_since_;
  Duration clock_ahead_{0};
};

}  // namespace hearth::cli
