// The waiting jobs of all classes: one first-come-first-served list per class over one pool of
// nodes, 32 bytes a job.
//
// Order within a class is (queued_at, job id). Almost every job arrives last, so it is appended;
// one that belongs further forward (requeued in the same millisecond as a later job, or restored)
// walks back to its place.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "sched/class_key.h"

namespace hearth::sched {

struct QueuedJob {
  TimePoint queued_at{};
  JobId id;
  ClassId class_id = kNone;
  std::uint32_t tag = 0;  // the owner's own number for the job
};

struct JobList {
  QueueNode head = kNone;
  QueueNode tail = kNone;
  std::size_t size = 0;
};

class JobQueue {
 public:
  // Returns the node that names the job until remove.
  QueueNode insert(JobList& list, const QueuedJob& job);
  void remove(JobList& list, QueueNode node);

  [[nodiscard]] const QueuedJob& at(QueueNode node) const { return nodes_[node].job; }
  [[nodiscard]] QueueNode next(QueueNode node) const { return nodes_[node].next; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Node {
    QueuedJob job;
    QueueNode previous = kNone;
    QueueNode next = kNone;
  };

  QueueNode allocate();
  void prefetch(QueueNode node) const;

  std::vector<Node> nodes_;
  QueueNode free_ = kNone;  // chained through next
  std::size_t size_ = 0;
};

}  // namespace hearth::sched
