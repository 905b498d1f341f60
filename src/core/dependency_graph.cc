#include "core/dependency_graph.h"

#include "base/check.h"

namespace hearth::core {

bool is_met(DependencyCondition condition, JobState state) {
  switch (condition) {
    case DependencyCondition::Ok:
      return state == JobState::Completed;
    case DependencyCondition::Any:
      return is_final(state);
    case DependencyCondition::NotOk:
      return is_final(state) && state != JobState::Completed;
  }
  return false;
}

void DependencyGraph::add(JobId dependent, const Dependency& on) {
  forward_.insert({dependent, on.job, on.condition});
  backward_.insert({on.job, dependent, on.condition});
}

void DependencyGraph::remove_dependents_of(JobId job) {
  auto at = first_from(backward_, job);
  while (at != backward_.end() && at->from == job) {
    forward_.erase({at->to, at->from, at->condition});
    at = backward_.erase(at);
  }
}

void DependencyGraph::remove_dependencies_of(JobId job) {
  auto at = first_from(forward_, job);
  while (at != forward_.end() && at->from == job) {
    backward_.erase({at->to, at->from, at->condition});
    at = forward_.erase(at);
  }
}

std::vector<Dependent> DependencyGraph::dependents_of(JobId job) const {
  std::vector<Dependent> result;
  for (auto at = first_from(backward_, job); at != backward_.end() && at->from == job; ++at) {
    result.push_back({at->to, at->condition});
  }
  return result;
}

std::vector<Dependency> DependencyGraph::dependencies_of(JobId job) const {
  std::vector<Dependency> result;
  for (auto at = first_from(forward_, job); at != forward_.end() && at->from == job; ++at) {
    result.push_back({at->to, at->condition});
  }
  return result;
}

void DependencyGraph::check_invariants() const {
  HEARTH_CHECK(forward_.size() == backward_.size(), "every edge stands in both directions");
  for (const Edge& edge : forward_) {
    HEARTH_CHECK(backward_.contains({edge.to, edge.from, edge.condition}),
                 "every edge stands in both directions");
  }
}

DependencyGraph::Edges::const_iterator DependencyGraph::first_from(const Edges& edges, JobId job) {
  return edges.lower_bound({job, JobId(), DependencyCondition::Ok});
}

}  // namespace hearth::core
