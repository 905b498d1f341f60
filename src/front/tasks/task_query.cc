#include "front/tasks/task_query.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/limits.h"
#include "base/task_limits.h"
#include "front/http/query.h"

namespace hearth::tasks {

namespace {

Result<> add_states(std::string_view text, std::vector<JobState>& states) {
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto state = parse_job_state(text.substr(0, comma));
    if (!state) {
      return front::bad_parameter("status", "must be states such as QUEUED or FAILED,TIMED_OUT");
    }
    states.push_back(*state);
    if (comma == text.size()) {
      return {};
    }
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::optional<std::uint64_t>> read_wait(const net::QueryList& query) {
  HEARTH_TRY(front::check_names(query, kWaitParameters));
  HEARTH_ASSIGN(const auto text, front::text_parameter(query, "wait"));
  if (!text || *text == "0" || *text == "false") {
    return std::optional<std::uint64_t>();
  }
  if (text->empty() || *text == "1" || *text == "true") {
    return std::optional<std::uint64_t>(limits::kTaskWaitSecondsMax);
  }
  double seconds = 0;
  const auto [end, status] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  const auto most = static_cast<double>(limits::kTaskWaitSecondsMax);
  if (status != std::errc{} || end != text->data() + text->size() || !(seconds > 0) ||
      seconds > most) {
    return front::bad_parameter("wait", "must be 1 (until the task has ended, at most " +
                                            std::to_string(limits::kTaskWaitSecondsMax) +
                                            " seconds) or a number of seconds up to that");
  }
  return std::optional(static_cast<std::uint64_t>(std::ceil(seconds)));
}

Result<store::JobQuery> read_list(const net::QueryList& query) {
  HEARTH_TRY(front::check_names(query, kListParameters));
  store::JobQuery jobs;
  for (const auto& [name, value] : query) {
    if (name == "status") {
      HEARTH_TRY(add_states(value, jobs.states));
    }
  }
  HEARTH_ASSIGN(const auto limit,
                front::integer_parameter(query, "limit", 1, limits::kListLimitMax));
  HEARTH_ASSIGN(const auto cursor, front::text_parameter(query, "cursor"));
  jobs.limit = limit.value_or(limits::kListLimitDefault);
  if (cursor) {
    jobs.below = parse_job_id(*cursor);
    if (!jobs.below) {
      return front::bad_parameter("cursor", "must be a nextCursor of an earlier answer");
    }
  }
  return jobs;
}

}  // namespace hearth::tasks
