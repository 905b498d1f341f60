// Decides which waiting job goes to which agent (docs/adr/0006-placement.md).
//
// Pure bookkeeping over classes and agents. core/ owns one: it asks next() and makes the answer
// true with dequeue() and reserve(), so that reservations are part of the core's events.
//
// Cost: classes of one shape (equal but for priority and group) fit together or not at all. A shape
// that did not fit is blocked and not asked again until capacity is released or an agent joins, and
// a placement touches one lane. Nothing here ever walks the queued jobs.
//
// No starvation: a class that has waited longer than starvation_after holds one agent that could
// fit it; nobody else is placed there until its head is.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/mutate.h"
#include "base/time.h"
#include "model/agent.h"
#include "sched/class_key.h"
#include "sched/fleet.h"
#include "sched/indexed_heap.h"
#include "sched/job_queue.h"
#include "sched/lane.h"

namespace hearth::sched {

struct Placed {
  AgentSlot agent = kNone;
};
struct Waits {
  enum class Why : std::uint8_t { NoAgents, Group, Capacity };
  Why why = Why::Capacity;
};
// No registered agent could hold it even if it were empty.
struct Infeasible {};
using Outcome = std::variant<Placed, Waits, Infeasible>;

struct Placement {
  QueueNode node = kNone;
  AgentSlot agent = kNone;
};

// One concurrency group: at most the smallest limit among its live jobs run at once.
struct GroupState {
  std::int64_t active = 0;
  std::map<std::int64_t, std::int64_t> limits;  // limit -> live jobs that state it
  std::vector<ClassId> classes;
  TimePoint last_reserved_at{};  // since then at least it is full, if it is

  [[nodiscard]] bool is_full() const {
    return !limits.empty() && active >= limits.begin()->first && !HEARTH_MUTATE(group_cap_ignored);
  }
};

class Scheduler {
 public:
  explicit Scheduler(Duration starvation_after) : starvation_after_(starvation_after) {}

  // Agents. `accepting`: connected and not draining.
  AgentSlot add_agent(const AgentInfo& info, bool accepting);
  void update_agent(AgentSlot slot, const AgentInfo& info);
  void set_accepting(AgentSlot slot, bool accepting);
  void remove_agent(AgentSlot slot);

  // Each live job holds its class; group_limit 0 states none.
  ClassId acquire(const ClassKey& key, std::int64_t group_limit);
  void release_class(ClassId id, std::int64_t group_limit);

  QueueNode enqueue(ClassId id, JobId job, TimePoint queued_at, std::uint32_t tag);
  void dequeue(QueueNode node);
  void reserve(ClassId id, AgentSlot agent, TimePoint now);
  void release(ClassId id, AgentSlot agent);

  // The next placement: highest priority first, then first come first served; nothing when no
  // waiting class fits anywhere.
  std::optional<Placement> next();
  // What next() would say of this class if its turn came; changes nothing.
  [[nodiscard]] Outcome outcome_of(ClassId id);
  // Asks blocked classes again, gives agents to starving ones and takes back what is not needed.
  void sweep(TimePoint now);

  // Can any registered agent, however busy, hold it?
  [[nodiscard]] bool is_feasible(const ClassKey& key) const;

  [[nodiscard]] const Fleet& fleet() const { return fleet_; }
  [[nodiscard]] const JobQueue& queue() const { return queue_; }
  [[nodiscard]] const ClassKey& key_of(ClassId id) const { return *classes_[id].key; }
  [[nodiscard]] std::size_t waiting_in(ClassId id) const { return classes_[id].jobs.size; }
  [[nodiscard]] QueueNode head_of(ClassId id) const { return classes_[id].jobs.head; }
  [[nodiscard]] AgentSlot held_by(ClassId id) const { return classes_[id].held; }
  [[nodiscard]] ClassId holder_of(AgentSlot slot) const;
  [[nodiscard]] const GroupState* group(const std::string& name) const;
  [[nodiscard]] std::size_t class_count() const { return ids_.size(); }
  // Aborts when lists, ready heap, holds or groups disagree with each other.
  void check_invariants() const;

 private:
  using ShapeId = std::uint32_t;

  struct Class {
    const ClassKey* key = nullptr;  // null: unused
    std::size_t users = 0;
    JobList jobs;
    ShapeId shape = kNone;
    std::uint32_t place_in_shape = 0;  // index into Shape::classes
    GroupState* group = nullptr;
    AgentSlot held = kNone;
    TimePoint last_placed_at{};
  };
  // Highest priority first, then the class whose head has waited longest.
  struct ReadyKey {
    std::int64_t negative_priority;
    TimePoint queued_at;
    JobId id;
    friend auto operator<=>(const ReadyKey&, const ReadyKey&) = default;
  };
  struct Shape {
    const ClassKey* key = nullptr;  // without priority and group; null: unused
    Lane* lane = nullptr;
    std::vector<ClassId> classes;  // kNone: a place that is free
    std::vector<std::uint32_t> free_places;
    IndexedHeap<ReadyKey> ready;  // classes whose head may be tried, by place
    // Did not fit anywhere and nothing was released since.
    bool blocked = false;
    bool listed_as_blocked = false;
  };
  struct LaneEntry {
    std::unique_ptr<Lane> lane;
    std::size_t users = 0;
  };

  ClassId make_class(const ClassKey& key);
  void enter_shape(ClassId id);
  void leave_shape(ClassId id);
  Lane* acquire_lane(const ClassKey& key);
  void release_lane(const Lane& lane);
  void drop_idle_lanes();
  void refresh(ClassId id);
  void refresh_group(const GroupState& group);
  void refresh_shape(ShapeId id);
  void block(ShapeId id);
  void unblock(ShapeId id);
  [[nodiscard]] std::optional<Placement> next_held() const;
  void mark_freed(AgentSlot slot);
  void absorb_freed();
  [[nodiscard]] AgentSlot find_agent(const Shape& shape);
  [[nodiscard]] TimePoint waits_since(const Class& cls) const;
  [[nodiscard]] bool is_starving(const Class& cls, TimePoint now) const;
  [[nodiscard]] bool may_hold(AgentSlot slot, const Class& cls) const;
  void drop_hold(ClassId id);
  void give_hold(ClassId id);

  Duration starvation_after_;
  Fleet fleet_;
  JobQueue queue_;
  std::map<ClassKey, ClassId> ids_;
  std::vector<Class> classes_;
  std::vector<ClassId> unused_classes_;
  std::map<std::string, GroupState> groups_;
  std::map<LaneKey, LaneEntry> lanes_;
  LabelSet wanted_;
  std::uint64_t wanted_version_ = 1;
  std::map<ClassKey, ShapeId> shape_ids_;
  std::vector<Shape> shapes_;
  std::vector<ShapeId> unused_shapes_;
  IndexedHeap<ReadyKey> ready_;   // shapes that are not blocked, by their first class
  std::vector<ShapeId> blocked_;  // may hold ids that are not blocked any more
  std::vector<AgentSlot> freed_;  // gained room since the last absorb_freed
  std::vector<bool> is_freed_;    // per slot
  std::vector<ClassId> holders_;  // classes that hold an agent
};

}  // namespace hearth::sched
