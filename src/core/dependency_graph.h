// Which live jobs wait for which, both ways round.
#pragma once

#include <compare>
#include <set>
#include <vector>

#include "model/ids.h"
#include "model/job_spec.h"
#include "model/job_state.h"

namespace hearth::core {

struct Dependent {
  JobId job;
  DependencyCondition condition = DependencyCondition::Ok;
};

// Whether a job that ended in `state` satisfies the condition. Every end but COMPLETED is "not ok".
bool is_met(DependencyCondition condition, JobState state);

// Holds only open edges. Ordered sets rather than lists, so that cancelling one of a hundred
// thousand jobs that wait for the same one does not walk them all, and so that every walk is in id
// order.
class DependencyGraph {
 public:
  void add(JobId dependent, const Dependency& on);
  // Removes the edges into an ended job.
  void remove_dependents_of(JobId job);
  // Removes the edges out of a job that does not wait any more.
  void remove_dependencies_of(JobId job);

  [[nodiscard]] std::vector<Dependent> dependents_of(JobId job) const;
  [[nodiscard]] std::vector<Dependency> dependencies_of(JobId job) const;
  [[nodiscard]] std::size_t size() const { return forward_.size(); }
  void check_invariants() const;

 private:
  struct Edge {
    JobId from;
    JobId to;
    DependencyCondition condition;
    friend auto operator<=>(const Edge&, const Edge&) = default;
  };
  using Edges = std::set<Edge>;

  static Edges::const_iterator first_from(const Edges& edges, JobId job);

  Edges forward_;   // from the waiting job to what it waits for
  Edges backward_;  // from what is waited for to the waiting job
};

}  // namespace hearth::core
