#include "store/sqlite/list_query.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "store/sqlite/database.h"

namespace hearth::store::sqlite {
namespace {

// The highest rowid the cursor lets through.
std::int64_t highest_rowid(const std::optional<JobId>& below) {
  return below ? to_rowid(*below) - 1 : std::numeric_limits<std::int64_t>::max();
}

std::vector<JobState> distinct(std::vector<JobState> states) {
  std::ranges::sort(states);
  states.erase(std::ranges::unique(states).begin(), states.end());
  return states;
}

// Collects conditions on jobs AS j.
class Conditions {
 public:
  void add(const std::string& condition) {
    text_ += (text_.empty() ? " WHERE " : " AND ") + condition;
  }
  template <class Value>
  void add(const std::string& condition, Value value) {
    add(condition);
    parameters_.emplace_back(std::move(value));
  }
  void add_label(const std::string& name, const std::string& value) {
    add("EXISTS(SELECT 1 FROM labels WHERE name = ? AND value = ? AND job = j.id)", name);
    parameters_.emplace_back(value);
  }
  ListStatement finish(const std::string& from, const std::string& id, std::int64_t limit) {
    parameters_.emplace_back(std::max<std::int64_t>(limit, 0));
    return {.sql = "SELECT " + id + " FROM " + from + text_ + " ORDER BY " + id + " DESC LIMIT ?",
            .parameters = std::move(parameters_)};
  }

 private:
  std::string text_;
  std::vector<std::variant<std::int64_t, std::string>> parameters_;
};

void add_states(const std::vector<JobState>& states, Conditions& conditions) {
  if (states.empty()) {
    return;
  }
  std::string list;
  for (const JobState state : states) {
    list += (list.empty() ? "" : ",") + std::to_string(static_cast<int>(state));
  }
  // The plus keeps the planner from driving by state: a range of several is not in order of ids.
  conditions.add("+j.state IN (" + list + ")");
}

ListStatement plan_by_label(const JobQuery& query, const std::vector<JobState>& states) {
  Conditions conditions;
  const auto& [name, value] = *query.labels.begin();
  conditions.add("l.name = ?", name);
  conditions.add("l.value = ?", value);
  conditions.add("l.job <= ?", highest_rowid(query.below));
  if (query.labels.size() == 1 && query.queue.empty() && states.empty()) {
    return conditions.finish("labels AS l", "l.job", query.limit);
  }
  conditions.add("j.id = l.job");
  if (!query.queue.empty()) {
    conditions.add("+j.queue = ?", query.queue);
  }
  add_states(states, conditions);
  for (auto other = std::next(query.labels.begin()); other != query.labels.end(); ++other) {
    conditions.add_label(other->first, other->second);
  }
  return conditions.finish("labels AS l CROSS JOIN jobs AS j", "l.job", query.limit);
}

ListStatement plan_by_column(const JobQuery& query, const std::vector<JobState>& states,
                             const std::string& index, const std::string& column,
                             const std::string& value) {
  Conditions conditions;
  conditions.add("j." + column + " = ?", value);
  conditions.add("j.id <= ?", highest_rowid(query.below));
  if (column != "queue" && !query.queue.empty()) {
    conditions.add("+j.queue = ?", query.queue);
  }
  add_states(states, conditions);
  for (const auto& [label, label_value] : query.labels) {
    conditions.add_label(label, label_value);
  }
  return conditions.finish("jobs AS j INDEXED BY " + index, "j.id", query.limit);
}

ListStatement plan_by_state(const JobQuery& query, JobState state) {
  Conditions conditions;
  conditions.add("j.state = ?", static_cast<std::int64_t>(state));
  conditions.add("j.id <= ?", highest_rowid(query.below));
  if (!query.queue.empty()) {
    conditions.add("+j.queue = ?", query.queue);
  }
  return conditions.finish("jobs AS j INDEXED BY jobs_state", "j.id", query.limit);
}

ListStatement plan_by_id(const JobQuery& query) {
  Conditions conditions;
  conditions.add("j.id <= ?", highest_rowid(query.below));
  return conditions.finish("jobs AS j", "j.id", query.limit);
}

}  // namespace

// The driver is what is likely to be rarest: a name, a label, a state, a queue.
std::vector<ListStatement> plan_list(const JobQuery& query) {
  if (query.below && query.below->value() == 0) {
    return {};
  }
  std::vector<JobState> states = distinct(query.states);
  if (states.size() == static_cast<std::size_t>(kJobStateCount)) {
    states.clear();
  }
  if (!query.name.empty()) {
    return {plan_by_column(query, states, "jobs_name", "name", query.name)};
  }
  if (!query.labels.empty()) {
    return {plan_by_label(query, states)};
  }
  if (states.empty() && query.queue.empty()) {
    return {plan_by_id(query)};
  }
  if (states.empty()) {
    return {plan_by_column(query, states, "jobs_queue", "queue", query.queue)};
  }
  std::vector<ListStatement> statements;
  for (const JobState state : states) {
    statements.push_back(plan_by_state(query, state));
  }
  return statements;
}

}  // namespace hearth::store::sqlite
