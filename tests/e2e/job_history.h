// The judge of the fault tests: compares what really ran (each process of a job writes to the job's
// own file) with what the API says in the end and with what clients were told meanwhile.
//
// Jobs are those that body() describes. Tell it every answer a client gets, let the faults stop,
// wait until the jobs have ended, and ask judge().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace hearth::e2e {

namespace json = boost::json;

// What a job does, and what was asked for it.
struct JobPlan {
  std::int64_t run_ms = 0;
  std::int64_t out_bytes = 0;
  std::int64_t err_bytes = 0;
  std::int64_t fail_first = 0;  // attempts that exit with 3
  bool leaves_child = false;
  std::int64_t max_retries = 0;
  std::int64_t max_lost = 1000;
  std::string group;
  std::int64_t group_limit = 0;
  std::map<std::string, std::string> after;  // job id (or @ref) -> "ok", "any" or "notok"
};

class JobHistory {
 public:
  // Makes the folder of the job logs.
  explicit JobHistory(std::string folder);

  // What to submit for `plan`: command, retries, dependencies. Add what else the job should have.
  [[nodiscard]] boost::json::object body(const JobPlan& plan) const;
  [[nodiscard]] std::string log_of(const std::string& id) const { return folder_ + "/" + id; }

  // A client was told that this job was made; `plan.after` has ids.
  void on_submitted(const std::string& id, const JobPlan& plan);
  // Before the request is sent: from then on the job may end as CANCELLED.
  void on_cancel_asked(const std::string& id);
  // 202: it must. 200: it had ended as `job`, and must not change any more.
  void on_cancel_answered(const std::string& id, int status, const boost::json::object& job);

  // A job as GET tells it, empty when there is none; the bytes of one stream of one attempt.
  using JobOf = std::function<boost::json::object(const std::string& id)>;
  using OutputOf = std::function<std::string(const std::string& id, std::int64_t attempt,
                                             const std::string& stream)>;
  // One sentence for each contradiction; the first says most. Empty when all is well.
  [[nodiscard]] std::vector<std::string> judge(const JobOf& job_of,
                                               const OutputOf& output_of) const;

  struct Totals {
    std::int64_t jobs = 0;
    std::int64_t starts = 0;
    std::int64_t ends = 0;
    std::map<std::string, std::int64_t> states;
    std::map<std::string, std::int64_t> lost;  // attempts that were lost, by reason
  };
  // Of what judge() saw, so that a test can tell that its faults reached anything.
  [[nodiscard]] Totals totals(const JobOf& job_of) const;
  [[nodiscard]] std::vector<std::string> ids() const;

 private:
  struct Told {
    JobPlan plan;
    bool cancel_asked = false;
    bool cancel_promised = false;
    std::string ended_as;  // state of the answer to a cancel that came too late
  };

  void judge_groups(const JobOf& job_of, std::vector<std::string>& sayings) const;

  std::string folder_;
  std::map<std::string, Told> told_;
  friend class JobJudge;
};

}  // namespace hearth::e2e
