#include "tests/e2e/job_history.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/rfc3339.h"
#include "tests/e2e/job_output.h"
#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::number;
using harness::program_path;
using harness::text;

namespace {

constexpr std::int64_t kFailure = 3;  // what fault_job.cc exits with when it should fail

bool is_final(const std::string& state) {
  return state == "COMPLETED" || state == "FAILED" || state == "CANCELLED" || state == "TIMED_OUT";
}

std::int64_t wall_ms(const std::string& time) {
  const auto parsed = parse_rfc3339(time);
  return parsed ? to_ms(*parsed) : 0;
}

// What the log of a job says of one attempt.
struct Run {
  int starts = 0;
  std::int64_t start_ns = 0;
  std::int64_t start_wall_ms = 0;
  std::string folder;
  std::optional<std::int64_t> end_ns;
  std::int64_t code = 0;
};

std::map<std::int64_t, Run> read_log(const std::string& path) {
  std::map<std::int64_t, Run> runs;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string what;
    std::int64_t attempt = 0;
    std::int64_t at_ns = 0;
    words >> what >> attempt >> at_ns;
    Run& run = runs[attempt];
    if (what == "start") {
      ++run.starts;
      run.start_ns = at_ns;
      words >> run.start_wall_ms >> run.folder;
    } else {
      run.end_ns = at_ns;
      words >> run.code;
    }
  }
  return runs;
}

std::optional<json::object> attempt_of(const json::object& job, std::int64_t wanted) {
  const auto* attempts = job.if_contains("attempts");
  if (attempts == nullptr || !attempts->is_array()) {
    return std::nullopt;
  }
  for (const auto& attempt : attempts->get_array()) {
    if (number(attempt.as_object(), "number") == wanted) {
      return attempt.as_object();
    }
  }
  return std::nullopt;
}

bool fits(const std::string& state, const std::string& condition) {
  return is_final(state) && (condition == "any" || (condition == "ok") == (state == "COMPLETED"));
}

}  // namespace

// Judges one job.
class JobJudge {
 public:
  JobJudge(const JobHistory& history, const JobHistory::JobOf& job_of, std::string id)
      : history_(history),
        job_of_(job_of),
        id_(std::move(id)),
        told_(history.told_.at(id_)),
        job_(job_of(id_)),
        runs_(read_log(history.log_of(id_))),
        state_(text(job_, "state")) {}

  std::vector<std::string> judge(const JobHistory::OutputOf& output_of) {
    if (job_.empty()) {
      say("was acknowledged and is lost");
      return sayings_;
    }
    if (!is_final(state_)) {
      say("has not ended");
      return sayings_;
    }
    check_runs();
    check_after_end();
    check_cancel();
    check_end();
    check_dependencies();
    if (state_ == "COMPLETED" || text(job_, "reason") == "exit_nonzero") {
      check_output(output_of);
    }
    return sayings_;
  }

 private:
  void say(const std::string& what) {
    std::ifstream in(history_.log_of(id_));
    std::ostringstream log;
    log << in.rdbuf();
    sayings_.push_back("job " + id_ + " " + what + "\n  log:\n" + log.str() +
                       "  job: " + json::serialize(job_));
  }

  // Each attempt starts at most once, is one that the controller knows, and runs where it should.
  void check_runs() {
    const std::int64_t attempts = number(job_, "attempt");
    for (const auto& [attempt, run] : runs_) {
      const auto told = attempt_of(job_, attempt);
      if (attempt < 1 || attempt > attempts || !told) {
        say("ran attempt " + std::to_string(attempt) + ", of which nobody knows");
        continue;
      }
      if (run.starts != 1) {
        say("started attempt " + std::to_string(attempt) + " " + std::to_string(run.starts) +
            " times");
      }
      if (run.folder.find("/agent-" + text(*told, "agentId") + "/") == std::string::npos) {
        say("ran attempt " + std::to_string(attempt) + " in " + run.folder + ", not on agent " +
            text(*told, "agentId"));
      }
      check_overlap(attempt, run, *told);
    }
  }

  // Only an attempt that was given up because its agent was silent can overlap with a later one.
  void check_overlap(std::int64_t attempt, const Run& run, const json::object& told) {
    const auto next = runs_.upper_bound(attempt);
    if (next == runs_.end() || text(told, "reason") == "agent_lost") {
      return;
    }
    if (run.start_ns > next->second.start_ns || run.end_ns.value_or(0) > next->second.start_ns) {
      say("ran attempt " + std::to_string(attempt) + " while attempt " +
          std::to_string(next->first) + " ran already");
    }
  }

  void check_after_end() {
    const std::int64_t ended_ms = wall_ms(text(job_, "completedAt"));
    for (const auto& [attempt, run] : runs_) {
      const auto told = attempt_of(job_, attempt);
      const bool lost = told && text(*told, "reason") == "agent_lost";
      if (!lost && run.start_wall_ms > ended_ms) {
        say("started attempt " + std::to_string(attempt) + " after its end");
      }
    }
  }

  void check_cancel() {
    if (told_.cancel_promised && state_ != "CANCELLED") {
      say("was promised to be cancelled");
    }
    if (!told_.ended_as.empty() && state_ != told_.ended_as) {
      say("had ended as " + told_.ended_as + " and changed");
    }
    if (state_ == "CANCELLED" && !told_.cancel_asked) {
      say("was cancelled by nobody");
    }
  }

  void check_end() {
    const std::int64_t last = number(job_, "attempt");
    const std::string reason = text(job_, "reason");
    const auto run = runs_.find(last);
    const bool ran_to_end = run != runs_.end() && run->second.end_ns.has_value();
    if (state_ == "COMPLETED" && (!ran_to_end || run->second.code != 0)) {
      say("is COMPLETED but its last attempt never ran to its end");
    } else if (state_ == "FAILED" && reason == "exit_nonzero") {
      if (!ran_to_end || run->second.code != kFailure || number(job_, "exitCode") != kFailure) {
        say("is said to have exited, but its last attempt did not");
      }
      if (number(job_, "failures") <= told_.plan.max_retries) {
        say("failed with retries left");
      }
    } else if (state_ == "FAILED" && reason == "dependency_failed") {
      if (!runs_.empty() || all_dependencies_fit()) {
        say("blames a dependency, but ran or has none that failed");
      }
    } else if (state_ == "FAILED" && number(job_, "losses") <= told_.plan.max_lost) {
      say("failed though nothing in it does");
    } else if (state_ == "TIMED_OUT") {
      say("timed out though nothing in it takes long");
    }
  }

  bool all_dependencies_fit() {
    return std::all_of(told_.plan.after.begin(), told_.plan.after.end(), [this](const auto& on) {
      return fits(text(job_of_(on.first), "state"), on.second);
    });
  }

  void check_dependencies() {
    if (runs_.empty()) {
      return;
    }
    const auto first = std::min_element(
        runs_.begin(), runs_.end(),
        [](const auto& a, const auto& b) { return a.second.start_ns < b.second.start_ns; });
    for (const auto& [before, condition] : told_.plan.after) {
      const json::object other = job_of_(before);
      const auto others = read_log(history_.log_of(before));
      const auto last = others.find(number(other, "attempt"));
      const bool ended_later = last != others.end() && last->second.end_ns.has_value() &&
                               *last->second.end_ns > first->second.start_ns;
      if (!fits(text(other, "state"), condition) || ended_later ||
          wall_ms(text(other, "completedAt")) > first->second.start_wall_ms) {
        say("started before " + before + " allowed it (" + condition + "), which is " +
            json::serialize(other));
      }
    }
  }

  void check_output(const JobHistory::OutputOf& output_of) {
    const std::int64_t last = number(job_, "attempt");
    const auto told = attempt_of(job_, last);
    const auto* truncated = told ? told->if_contains("truncated") : nullptr;
    if (truncated != nullptr && truncated->is_bool() && truncated->get_bool()) {
      say("lost output");
    }
    check_stream(output_of, last, "stdout", told_.plan.out_bytes);
    check_stream(output_of, last, "stderr", told_.plan.err_bytes);
  }

  void check_stream(const JobHistory::OutputOf& output_of, std::int64_t attempt,
                    const std::string& stream, std::int64_t bytes) {
    const std::string expected = job_output(id_, attempt, stream, bytes);
    const std::string found = output_of(id_, attempt, stream);
    if (found != expected) {
      const auto differ =
          std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
      say("has wrong bytes on " + stream + " from " + std::to_string(differ.first - found.begin()) +
          " on: " + std::to_string(found.size()) + " bytes, not " +
          std::to_string(expected.size()));
    }
  }

  const JobHistory& history_;
  const JobHistory::JobOf& job_of_;
  const std::string id_;
  const JobHistory::Told& told_;
  const json::object job_;
  const std::map<std::int64_t, Run> runs_;
  const std::string state_;
  std::vector<std::string> sayings_;
};

JobHistory::JobHistory(std::string folder) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
}

json::object JobHistory::body(const JobPlan& plan) const {
  json::array after;
  for (const auto& [id, condition] : plan.after) {
    after.push_back({{"id", id}, {"on", condition}});
  }
  json::object body = {{"command",
                        {program_path("e2e_fault_job"), folder_, std::to_string(plan.run_ms),
                         std::to_string(plan.out_bytes), std::to_string(plan.err_bytes),
                         std::to_string(plan.fail_first), plan.leaves_child ? "1" : "0"}},
                       {"maxRetries", plan.max_retries},
                       {"maxLost", plan.max_lost},
                       {"after", after}};
  if (!plan.group.empty()) {
    body["group"] = plan.group;
    body["groupLimit"] = plan.group_limit;
  }
  return body;
}

void JobHistory::on_submitted(const std::string& id, const JobPlan& plan) {
  told_[id].plan = plan;
}

void JobHistory::on_cancel_asked(const std::string& id) {
  told_.at(id).cancel_asked = true;
}

void JobHistory::on_cancel_answered(const std::string& id, int status, const json::object& job) {
  if (status == 202) {
    told_.at(id).cancel_promised = true;
  } else if (status == 200) {
    told_.at(id).ended_as = text(job, "state");
  }
}

std::vector<std::string> JobHistory::judge(const JobOf& job_of, const OutputOf& output_of) const {
  std::vector<std::string> sayings;
  for (const auto& [id, told] : told_) {
    auto some = JobJudge(*this, job_of, id).judge(output_of);
    std::move(some.begin(), some.end(), std::back_inserter(sayings));
  }
  judge_groups(job_of, sayings);
  return sayings;
}

// No group ran more jobs at once than it may: counted by runs whose end is known, but for attempts
// that were given up because their agent was silent, which may overlap with anything.
void JobHistory::judge_groups(const JobOf& job_of, std::vector<std::string>& sayings) const {
  struct Group {
    std::int64_t limit = 0;
    std::map<std::int64_t, int> changes;  // by time
  };
  std::map<std::string, Group> groups;
  for (const auto& [id, told] : told_) {
    if (told.plan.group.empty()) {
      continue;
    }
    Group& group = groups[told.plan.group];
    group.limit = told.plan.group_limit;
    const json::object job = job_of(id);
    for (const auto& [attempt, run] : read_log(log_of(id))) {
      const auto told_attempt = attempt_of(job, attempt);
      if (run.end_ns && told_attempt && text(*told_attempt, "reason") != "agent_lost") {
        ++group.changes[run.start_ns];
        --group.changes[*run.end_ns];
      }
    }
  }
  for (const auto& [name, group] : groups) {
    std::int64_t running = 0;
    std::int64_t most = 0;
    for (const auto& [at_ns, change] : group.changes) {
      running += change;
      most = std::max(most, running);
    }
    if (most > group.limit) {
      sayings.push_back("group " + name + " ran " + std::to_string(most) + " jobs at once, not " +
                        std::to_string(group.limit));
    }
  }
}

JobHistory::Totals JobHistory::totals(const JobOf& job_of) const {
  Totals totals;
  for (const auto& [id, told] : told_) {
    ++totals.jobs;
    const json::object job = job_of(id);
    ++totals.states[text(job, "state")];
    for (const auto& [number_of, run] : read_log(log_of(id))) {
      totals.starts += run.starts;
      totals.ends += run.end_ns.has_value() ? 1 : 0;
      const auto told_attempt = attempt_of(job, number_of);
      const std::string reason = told_attempt ? text(*told_attempt, "reason") : "";
      if (reason == "agent_lost" || reason == "agent_restarted" || reason == "launcher_lost") {
        ++totals.lost[reason];
      }
    }
  }
  return totals;
}

std::vector<std::string> JobHistory::ids() const {
  std::vector<std::string> result;
  for (const auto& [id, told] : told_) {
    result.push_back(id);
  }
  return result;
}

}  // namespace hearth::e2e
