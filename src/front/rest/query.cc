#include "front/rest/query.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"

namespace hearth::rest {

namespace {

Error bad_parameter(std::string_view name, std::string message) {
  return invalid_field(std::string(name), "the parameter " + std::string(name) + " " + message);
}

Result<> add_states(const std::string& text, std::vector<JobState>& states) {
  std::string_view rest = text;
  while (true) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto state = parse_job_state(rest.substr(0, comma));
    if (!state) {
      return bad_parameter("state", "must be states such as QUEUED or RUNNING,ASSIGNED, not '" +
                                        text.substr(0, 80) + "'");
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
    return bad_parameter("label", "must be NAME=VALUE, not '" + text.substr(0, 80) + "'");
  }
  labels[text.substr(0, equals)] = text.substr(equals + 1);
  if (static_cast<std::int64_t>(labels.size()) > limits::kLabelsMax) {
    return bad_parameter("label",
                         "is there more than " + std::to_string(limits::kLabelsMax) + " times");
  }
  return {};
}

}  // namespace

Result<> check_names(const net::QueryList& query, std::span<const std::string_view> known) {
  for (const auto& [name, value] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Error error = bad_parameter(name.substr(0, 80), "is not known here");
      error.kind = "unknown_field";
      return error;
    }
  }
  return {};
}

Result<std::optional<std::string>> text_parameter(const net::QueryList& query,
                                                  std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [key, value] : query) {
    if (key == name) {
      if (found) {
        return bad_parameter(name, "is there twice");
      }
      found = value;
    }
  }
  return found;
}

Result<std::optional<std::int64_t>> integer_parameter(const net::QueryList& query,
                                                      std::string_view name, std::int64_t min,
                                                      std::int64_t max) {
  HEARTH_ASSIGN(const auto text, text_parameter(query, name));
  if (!text) {
    return std::optional<std::int64_t>();
  }
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (status != std::errc{} || end != text->data() + text->size() || number < min || number > max) {
    return bad_parameter(
        name, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return std::optional(number);
}

Result<bool> flag_parameter(const net::QueryList& query, std::string_view name) {
  HEARTH_ASSIGN(const auto text, text_parameter(query, name));
  if (!text || *text == "0" || *text == "false") {
    return false;
  }
  if (*text == "1" || *text == "true" || text->empty()) {
    return true;
  }
  return bad_parameter(name, "must be 1 or 0");
}

Result<store::JobQuery> read_job_query(const net::QueryList& query) {
  store::JobQuery jobs;
  for (const auto& [name, value] : query) {
    if (name == "state") {
      HEARTH_TRY(add_states(value, jobs.states));
    } else if (name == "label") {
      HEARTH_TRY(add_label(value, jobs.labels));
    }
  }
  HEARTH_ASSIGN(const auto queue, text_parameter(query, "queue"));
  HEARTH_ASSIGN(const auto name, text_parameter(query, "name"));
  HEARTH_ASSIGN(const auto limit, integer_parameter(query, "limit", 1, limits::kListLimitMax));
  HEARTH_ASSIGN(const auto cursor, text_parameter(query, "cursor"));
  jobs.queue = queue.value_or("");
  jobs.name = name.value_or("");
  jobs.limit = limit.value_or(limits::kListLimitDefault);
  if (cursor) {
    jobs.below = parse_job_id(*cursor);
    if (!jobs.below) {
      return bad_parameter("cursor", "must be a nextCursor of an earlier answer");
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
