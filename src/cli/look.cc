#include <array>
#include <cstdio>

#include <boost/json.hpp>

#include "base/limits.h"
#include "cli/cell_text.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/job_line.h"
#include "cli/json_text.h"
#include "cli/table.h"
#include "cli/top_parse.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kCommandWidth = 48;

Result<int> print_json(Session& session, const json::value& value) {
  HEARTH_TRY(session.out(json::serialize(value) + "\n"));
  return kExitFine;
}

// How long it ran, runs or waits.
std::string time_of(const json::value& job, TimePoint now) {
  const auto at = [&job](const char* key) { return time_at(job, key); };
  if (has_value(job, "completedAt")) {
    return has_value(job, "startedAt") ? human_duration(at("completedAt") - at("startedAt")) : "-";
  }
  const TimePoint since = has_value(job, "startedAt") ? at("startedAt") : at("createdAt");
  return human_duration(std::max(now - since, Duration{0}));
}

std::string jobs_target(const JobsCommand& command) {
  std::string target = "/v1/jobs?limit=" + std::to_string(command.limit);
  for (const std::string& state : command.states) {
    target += "&state=" + url_encode(state);
  }
  for (const std::string& label : command.labels) {
    target += "&label=" + url_encode(label);
  }
  if (!command.queue.empty()) {
    target += "&queue=" + url_encode(command.queue);
  }
  if (!command.name.empty()) {
    target += "&name=" + url_encode(command.name);
  }
  return target;
}

// As people write it: JSON's own form of 0.25 is 2.5E-1.
std::string shown(const json::value& value) {
  if (value.is_string()) {
    return std::string(value.get_string());
  }
  if (value.is_double()) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%g", value.get_double());
    return text.data();
  }
  return json::serialize(value);
}

Result<int> show_one_job(Session& session, const std::string& id) {
  HEARTH_ASSIGN(const auto job, session.get("/v1/jobs/" + url_encode(id)));
  if (session.json()) {
    return print_json(session, job);
  }
  Table table({"field", "value"});
  for (const auto& [key, value] : job.as_object()) {
    if (value.is_null() || key == "attempts") {
      continue;
    }
    table.add({std::string(key), shown(value)});
  }
  HEARTH_TRY(session.out(table.text()));
  const auto* attempts = job.as_object().if_contains("attempts");
  if (attempts == nullptr || !attempts->is_array() || attempts->get_array().empty()) {
    return kExitFine;
  }
  Table tries({"attempt", "agent", "state", "reason", "exit", "cpu", "peak memory"});
  for (const auto& attempt : attempts->get_array()) {
    tries.add(
        {std::to_string(integer_of(attempt, "number")), text_of(attempt, "agentId"),
         text_of(attempt, "state"), text_of(attempt, "reason", "-"),
         has_value(attempt, "exitCode") ? std::to_string(integer_of(attempt, "exitCode")) : "-",
         human_duration(Duration(integer_of(attempt, "cpuMs"))),
         human_bytes(integer_of(attempt, "memoryPeakBytes"))});
  }
  HEARTH_TRY(session.out("\n" + tries.text()));
  return kExitFine;
}

// Whole output of one stream, over gaps.
Result<> copy_output(Session& session, const LogsCommand& command, const std::string& stream) {
  std::int64_t offset = 0;
  for (;;) {
    std::string target = "/v1/jobs/" + url_encode(command.id) + "/output?stream=" + stream +
                         "&offset=" + std::to_string(offset);
    if (command.attempt) {
      target += "&attempt=" + std::to_string(*command.attempt);
    }
    HEARTH_ASSIGN(const auto response, session.get_raw(target));
    HEARTH_TRY(stream == "stderr" ? session.err(response.body) : session.out(response.body));
    const auto next = response.headers.find("hearth-next-offset");
    const std::int64_t next_offset =
        next == response.headers.end() ? offset : std::atoll(next->second.c_str());
    const auto size = response.headers.find("hearth-size");
    const std::int64_t end =
        size == response.headers.end() ? next_offset : std::atoll(size->second.c_str());
    if (next_offset <= offset || next_offset >= end) {
      return {};
    }
    if (const std::int64_t start = std::atoll(response.headers.contains("hearth-offset")
                                                  ? response.headers.at("hearth-offset").c_str()
                                                  : "0");
        next_offset > start + static_cast<std::int64_t>(response.body.size())) {
      HEARTH_TRY(session.err("\nhearth: part of " + stream + " was dropped here\n"));
    }
    offset = next_offset;
  }
}

}  // namespace

Result<int> show_jobs(Session& session, const JobsCommand& command) {
  if (!command.id.empty()) {
    return show_one_job(session, command.id);
  }
  HEARTH_ASSIGN(const auto answer, session.get(jobs_target(command)));
  if (session.json()) {
    return print_json(session, answer);
  }
  const auto& jobs = answer.at("jobs").as_array();
  if (jobs.empty()) {
    HEARTH_TRY(session.err("hearth: no jobs; run one with: hearth run -- echo hello\n"));
    return kExitFine;
  }
  Table table({"ID", "STATE", "REASON", "TIME", "ATTEMPT", "AGENT", "NAME", "COMMAND"});
  const TimePoint now = SystemClock().now();
  for (const auto& job : jobs) {
    table.add({text_of(job, "id"), text_of(job, "state"), text_of(job, "reason", "-"),
               time_of(job, now), std::to_string(integer_of(job, "attempt")),
               text_of(job, "agentId", "-"), text_of(job, "name", "-"),
               clean_cell(job_line(job), kCommandWidth)});
  }
  HEARTH_TRY(session.out(table.text()));
  if (has_value(answer, "nextCursor")) {
    HEARTH_TRY(session.err("hearth: there are more; see them with --limit\n"));
  }
  return kExitFine;
}

Result<int> show_logs(Session& session, const LogsCommand& command) {
  if (command.follow) {
    Follower follower(
        session, command.id,
        {.cancel_on_interrupt = false, .stream = command.stream, .attempt = command.attempt});
    HEARTH_TRY(follower.run());
    return kExitFine;
  }
  for (const char* stream : {"stdout", "stderr"}) {
    if (command.stream.empty() || command.stream == stream) {
      HEARTH_TRY(copy_output(session, command, stream));
    }
  }
  return kExitFine;
}

Result<int> show_explanation(Session& session, const ExplainCommand& command) {
  HEARTH_ASSIGN(const auto answer, session.get("/v1/jobs/" + url_encode(command.id) + "/explain"));
  if (session.json()) {
    return print_json(session, answer);
  }
  std::string text = text_of(answer, "state") + " since " + text_of(answer, "since") + ": " +
                     text_of(answer, "summary") + "\n";
  if (const auto* reasons = answer.as_object().if_contains("reasons");
      reasons != nullptr && reasons->is_array()) {
    for (const auto& reason : reasons->get_array()) {
      text += "  " + text_of(reason, "code") + ": " + text_of(reason, "sentence");
      text += has_value(reason, "since") ? " Since " + text_of(reason, "since") + ".\n" : "\n";
    }
  }
  HEARTH_TRY(session.out(text));
  return kExitFine;
}

Result<int> show_agents(Session& session) {
  HEARTH_ASSIGN(const auto answer, session.get("/v1/agents"));
  if (session.json()) {
    return print_json(session, answer);
  }
  const auto& agents = answer.at("agents").as_array();
  if (agents.empty()) {
    HEARTH_TRY(
        session.err("hearth: no agents; start one with: hearth agent --controller HOST:PORT\n"));
    return kExitFine;
  }
  Table table(
      {"ID", "STATUS", "TYPE", "CPU", "MEMORY", "RUNNING", "DONE", "FAILED", "LIMITS", "HOST"});
  for (const auto& agent : agents) {
    const json::value& reserved = agent.at("reserved");
    const json::value& capacity = agent.at("capacity");
    const auto cores = [](const json::value& value) {
      const auto* cpu = value.as_object().if_contains("cpu");
      return cpu == nullptr ? "?" : short_cores(cpu->to_number<double>());
    };
    table.add({text_of(agent, "id"), text_of(agent, "status"), text_of(agent, "type", "-"),
               cores(reserved) + "/" + cores(capacity),
               human_bytes(integer_of(reserved, "ramMb") * limits::kMiB) + "/" +
                   human_bytes(integer_of(capacity, "ramMb") * limits::kMiB),
               std::to_string(integer_of(agent, "running")),
               std::to_string(integer_of(agent, "done")),
               std::to_string(integer_of(agent, "failed")), text_of(agent, "enforcement"),
               text_of(agent, "hostname")});
  }
  HEARTH_TRY(session.out(table.text()));
  return kExitFine;
}

Result<int> show_workers(Session& session) {
  HEARTH_ASSIGN(const auto answer, session.get("/v1/workers"));
  if (session.json()) {
    return print_json(session, answer);
  }
  const auto& workers = answer.at("workers").as_array();
  if (workers.empty()) {
    HEARTH_TRY(session.err("hearth: no workers; a job is one while it runs\n"));
    return kExitFine;
  }
  Table table({"ID", "AGENT", "STATE", "CPU%", "MEMORY", "PEAK", "READ/s", "WRITE/s", "PIDS",
               "THROTTLED%", "OOM", "UPTIME", "MODEL", "JOBS"});
  for (const auto& value : workers) {
    const TopWorker worker = read_worker(value);
    const TopFigures& figures = worker.figures;
    std::string jobs;
    for (const std::string& job : worker.jobs) {
      jobs += (jobs.empty() ? "" : " ") + job;
    }
    const auto uptime = count_in(value, "uptimeMs");
    table.add({worker.id, worker.agent.empty() ? "-" : worker.agent, worker.state,
               short_number(figures.cpu_percent), short_bytes(figures.memory),
               short_bytes(figures.memory_peak), short_bytes(figures.io_read),
               short_bytes(figures.io_write), short_count(figures.pids),
               short_number(figures.throttled_percent), short_count(figures.oom_kills),
               uptime ? human_duration(Duration(*uptime)) : "-",
               worker.model.empty() ? "-" : worker.model, jobs.empty() ? "-" : jobs});
  }
  HEARTH_TRY(session.out(table.text()));
  if (const auto total = count_in(answer, "workersTotal");
      total && *total > static_cast<std::int64_t>(workers.size())) {
    HEARTH_TRY(session.err("hearth: " + std::to_string(workers.size()) + " of " +
                           std::to_string(*total) + "; see more with /v1/workers?limit=\n"));
  }
  return kExitFine;
}

}  // namespace hearth::cli
