#include "front/rest/job_query.h"

#include <algorithm>

#include "base/limits.h"

namespace hearth::rest {

namespace {

Result<> add_states(const std::string& text, std::vector<JobState>& states) {
  std::string_view rest = text;
  while (true) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto state = parse_job_state(rest.substr(0, comma));
    if (!state) {
      return front::bad_parameter(
          "state",
          "must be states such as QUEUED or RUNNING,ASSIGNED, not '" + text.substr(0, 80) + "'");
    }
    states.push_back(*state);
    if (comma == rest.size()) {
      return {};
    }
    rest.remove_prefix(comma + 1);
  }
}

Result<> add_label(const std::string& text, std::map<std::string, std::string>& labels) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return front::bad_parameter("label", "must be NAME=VALUE, not '" + text.substr(0, 80) + "'");
  }
  labels[text.substr(0, equals)] = text.substr(equals + 1);
  if (static_cast<std::int64_t>(labels.size()) > limits::kLabelsMax) {
    return front::bad_parameter(
        "label", "is there more than " + std::to_string(limits::kLabelsMax) + " times");
  }
  return {};
}

}  // namespace

Result<store::JobQuery> read_job_query(const net::QueryList& query) {
  store::JobQuery jobs;
  for (const auto& [name, value] : query) {
    if (name == "state") {
      HEARTH_TRY(add_states(value, jobs.states));
    } else if (name == "label") {
      HEARTH_TRY(add_label(value, jobs.labels));
    }
  }
  HEARTH_ASSIGN(const auto queue, front::text_parameter(query, "queue"));
  HEARTH_ASSIGN(const auto name, front::text_parameter(query, "name"));
  HEARTH_ASSIGN(const auto limit,
                front::integer_parameter(query, "limit", 1, limits::kListLimitMax));
  HEARTH_ASSIGN(const auto cursor, front::text_parameter(query, "cursor"));
  jobs.queue = queue.value_or("");
  jobs.name = name.value_or("");
  jobs.limit = limit.value_or(limits::kListLimitDefault);
  if (cursor) {
    jobs.below = parse_job_id(*cursor);
    if (!jobs.below) {
      return front::bad_parameter("cursor", "must be a nextCursor of an earlier answer");
    }
  }
  return jobs;
}

bool has_job_filter(const net::QueryList& query) {
  return std::any_of(query.begin(), query.end(), [](const auto& pair) {
    return std::find(kJobFilters.begin(), kJobFilters.end(), pair.first) != kJobFilters.end();
  });
}

}  // namespace hearth::rest
