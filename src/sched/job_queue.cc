#include "sched/job_queue.h"

#include <tuple>

namespace hearth::sched {
namespace {

bool before(const QueuedJob& a, const QueuedJob& b) {
  return std::tie(a.queued_at, a.id) < std::tie(b.queued_at, b.id);
}

}  // namespace

QueueNode JobQueue::insert(JobList& list, const QueuedJob& job) {
  const QueueNode node = allocate();
  nodes_[node].job = job;
  QueueNode previous = list.tail;
  while (previous != kNone && before(job, nodes_[previous].job)) {
    previous = nodes_[previous].previous;
  }
  const QueueNode next = previous == kNone ? list.head : nodes_[previous].next;
  nodes_[node].previous = previous;
  nodes_[node].next = next;
  (previous == kNone ? list.head : nodes_[previous].next) = node;
  (next == kNone ? list.tail : nodes_[next].previous) = node;
  ++list.size;
  ++size_;
  return node;
}

void JobQueue::remove(JobList& list, QueueNode node) {
  const Node gone = nodes_[node];
  (gone.previous == kNone ? list.head : nodes_[gone.previous].next) = gone.next;
  (gone.next == kNone ? list.tail : nodes_[gone.next].previous) = gone.previous;
  if (gone.next != kNone) {
    prefetch(nodes_[gone.next].next);
  }
  nodes_[node].job.class_id = kNone;
  nodes_[node].next = free_;
  free_ = node;
  --list.size;
  --size_;
}

// With a million jobs waiting a node is in no cache, and its list's next removal would wait for it.
void JobQueue::prefetch(QueueNode node) const {
  if (node != kNone) {
    const char* const bytes = reinterpret_cast<const char*>(&nodes_[node]);
    __builtin_prefetch(bytes, 1);
    __builtin_prefetch(bytes + sizeof(Node) - 1, 1);  // it may lie in two lines
  }
}

QueueNode JobQueue::allocate() {
  if (free_ == kNone) {
    nodes_.emplace_back();
    return static_cast<QueueNode>(nodes_.size() - 1);
  }
  const QueueNode node = free_;
  free_ = nodes_[node].next;
  return node;
}

}  // namespace hearth::sched
