#include "sched/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::sched {
namespace {

// Idle lanes are kept so that the labels they require stay protected between two jobs.
constexpr std::size_t kIdleLanesMax = 256;
// With more freed agents than this, asking a lane is cheaper than trying each of them.
constexpr std::size_t kFreedAgentsTriedMax = 8;

ClassKey shape_of(ClassKey key) {
  key.priority = 0;
  key.group.clear();
  return key;
}

}  // namespace

AgentSlot Scheduler::add_agent(const AgentInfo& info, bool accepting) {
  const AgentSlot slot = fleet_.add(info);
  set_accepting(slot, accepting);
  return slot;
}

void Scheduler::update_agent(AgentSlot slot, const AgentInfo& info) {
  if (const ClassId holder = holder_of(slot); holder != kNone) {
    drop_hold(holder);
  }
  fleet_.update(slot, info);
  mark_freed(slot);
}

void Scheduler::set_accepting(AgentSlot slot, bool accepting) {
  fleet_.set_accepting(slot, accepting);
  if (accepting) {
    mark_freed(slot);
  } else if (const ClassId holder = holder_of(slot); holder != kNone) {
    drop_hold(holder);
  }
}

void Scheduler::remove_agent(AgentSlot slot) {
  if (const ClassId holder = holder_of(slot); holder != kNone) {
    drop_hold(holder);
  }
  fleet_.remove(slot);
}

ClassId Scheduler::acquire(const ClassKey& key, std::int64_t group_limit) {
  const auto known = ids_.find(key);
  const ClassId id = known == ids_.end() ? make_class(key) : known->second;
  Class& cls = classes_[id];
  ++cls.users;
  if (cls.group != nullptr && group_limit > 0) {
    ++cls.group->limits[group_limit];
    refresh_group(*cls.group);
  }
  return id;
}

ClassId Scheduler::make_class(const ClassKey& key) {
  ClassId id = 0;
  if (unused_classes_.empty()) {
    id = static_cast<ClassId>(classes_.size());
    classes_.emplace_back();
  } else {
    id = unused_classes_.back();
    unused_classes_.pop_back();
  }
  Class& cls = classes_[id];
  cls.key = &ids_.emplace(key, id).first->first;
  enter_shape(id);
  if (!key.group.empty()) {
    cls.group = &groups_[key.group];
    cls.group->classes.push_back(id);
  }
  return id;
}

void Scheduler::enter_shape(ClassId id) {
  Class& cls = classes_[id];
  const auto [at, inserted] = shape_ids_.try_emplace(shape_of(*cls.key), kNone);
  if (inserted) {
    if (unused_shapes_.empty()) {
      at->second = static_cast<ShapeId>(shapes_.size());
      shapes_.emplace_back();
    } else {
      at->second = unused_shapes_.back();
      unused_shapes_.pop_back();
    }
    shapes_[at->second].lane = acquire_lane(at->first);
    shapes_[at->second].key = &at->first;
  }
  cls.shape = at->second;
  Shape& shape = shapes_[cls.shape];
  if (shape.free_places.empty()) {
    cls.place_in_shape = static_cast<std::uint32_t>(shape.classes.size());
    shape.classes.push_back(id);
  } else {
    cls.place_in_shape = shape.free_places.back();
    shape.free_places.pop_back();
    shape.classes[cls.place_in_shape] = id;
  }
}

void Scheduler::leave_shape(ClassId id) {
  const Class& cls = classes_[id];
  Shape& shape = shapes_[cls.shape];
  shape.ready.erase(cls.place_in_shape);
  shape.classes[cls.place_in_shape] = kNone;
  shape.free_places.push_back(cls.place_in_shape);
  refresh_shape(cls.shape);
  if (shape.free_places.size() < shape.classes.size()) {
    return;
  }
  release_lane(*shape.lane);
  shape_ids_.erase(shape_of(*cls.key));
  const bool listed = shape.listed_as_blocked;
  shape = Shape{};
  shape.listed_as_blocked = listed;
  unused_shapes_.push_back(cls.shape);
}

void Scheduler::release_class(ClassId id, std::int64_t group_limit) {
  Class& cls = classes_[id];
  if (cls.group != nullptr && group_limit > 0) {
    const auto limit = cls.group->limits.find(group_limit);
    if (--limit->second == 0) {
      cls.group->limits.erase(limit);
    }
    refresh_group(*cls.group);
  }
  if (--cls.users > 0) {
    return;
  }
  HEARTH_CHECK(cls.jobs.size == 0, "a class is released only when none of its jobs waits");
  drop_hold(id);
  if (cls.group != nullptr) {
    std::erase(cls.group->classes, id);
    if (cls.group->classes.empty()) {
      groups_.erase(cls.key->group);
    }
  }
  leave_shape(id);
  ids_.erase(ids_.find(*cls.key));
  cls = Class{};
  unused_classes_.push_back(id);
}

QueueNode Scheduler::enqueue(ClassId id, JobId job, TimePoint queued_at, std::uint32_t tag) {
  Class& cls = classes_[id];
  const QueueNode node = queue_.insert(cls.jobs, {queued_at, job, id, tag});
  if (cls.jobs.head == node) {
    refresh(id);
  }
  return node;
}

void Scheduler::dequeue(QueueNode node) {
  const ClassId id = queue_.at(node).class_id;
  Class& cls = classes_[id];
  const bool was_head = cls.jobs.head == node;
  queue_.remove(cls.jobs, node);
  if (cls.jobs.size == 0) {
    drop_hold(id);
  }
  if (was_head) {
    refresh(id);
  }
}

void Scheduler::reserve(ClassId id, AgentSlot agent, TimePoint now) {
  Class& cls = classes_[id];
  fleet_.reserve(agent, cls.key->request);
  cls.last_placed_at = now;
  drop_hold(id);
  if (cls.group != nullptr) {
    ++cls.group->active;
    cls.group->last_reserved_at = std::max(cls.group->last_reserved_at, now);
    if (cls.group->is_full()) {
      refresh_group(*cls.group);
    }
  }
}

void Scheduler::release(ClassId id, AgentSlot agent) {
  Class& cls = classes_[id];
  fleet_.release(agent, cls.key->request);
  mark_freed(agent);
  if (cls.group != nullptr) {
    --cls.group->active;
    refresh_group(*cls.group);
  }
}

std::optional<Placement> Scheduler::next() {
  if (auto held = next_held()) {
    return held;
  }
  absorb_freed();
  while (!ready_.empty()) {
    const ShapeId id = ready_.top().item;
    const Shape& shape = shapes_[id];
    const AgentSlot agent = find_agent(shape);
    if (agent != kNone) {
      return Placement{classes_[shape.classes[shape.ready.top().item]].jobs.head, agent};
    }
    block(id);
  }
  return std::nullopt;
}

// Held agents take nobody else, so their classes need not wait for their turn.
std::optional<Placement> Scheduler::next_held() const {
  for (const ClassId id : holders_) {
    const Class& cls = classes_[id];
    const bool may_run = cls.jobs.size > 0 && (cls.group == nullptr || !cls.group->is_full());
    if (may_run && fleet_.has_room(cls.held, cls.key->request)) {
      return Placement{cls.jobs.head, cls.held};
    }
  }
  return std::nullopt;
}

Outcome Scheduler::outcome_of(ClassId id) {
  if (fleet_.size() == 0) {
    return Waits{Waits::Why::NoAgents};
  }
  const Class& cls = classes_[id];
  if (!is_feasible(*cls.key)) {
    return Infeasible{};
  }
  if (cls.group != nullptr && cls.group->is_full()) {
    return Waits{Waits::Why::Group};
  }
  const AgentSlot agent = find_agent(shapes_[cls.shape]);
  if (agent != kNone) {
    return Placed{agent};
  }
  return Waits{Waits::Why::Capacity};
}

bool Scheduler::is_feasible(const ClassKey& key) const {
  for (AgentSlot slot = 0; slot < fleet_.slots(); ++slot) {
    if (fleet_.could_hold(slot, key)) {
      return true;
    }
  }
  return false;
}

ClassId Scheduler::holder_of(AgentSlot slot) const {
  for (const ClassId id : holders_) {
    if (classes_[id].held == slot) {
      return id;
    }
  }
  return kNone;
}

const GroupState* Scheduler::group(const std::string& name) const {
  const auto at = groups_.find(name);
  return at == groups_.end() ? nullptr : &at->second;
}

Lane* Scheduler::acquire_lane(const ClassKey& key) {
  const LaneKey lane_key = lane_key_of(key);
  const auto [at, inserted] = lanes_.try_emplace(lane_key);
  if (inserted) {
    at->second.lane = std::make_unique<Lane>(lane_key);
    for (const auto& label : lane_key.requires_labels) {
      if (wanted_.insert(label).second) {
        ++wanted_version_;
      }
    }
  }
  ++at->second.users;
  return at->second.lane.get();
}

void Scheduler::release_lane(const Lane& lane) {
  --lanes_.find(lane.key())->second.users;
  if (lanes_.size() > kIdleLanesMax) {
    drop_idle_lanes();
  }
}

void Scheduler::drop_idle_lanes() {
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.users == 0; });
  wanted_.clear();
  for (const auto& [key, entry] : lanes_) {
    wanted_.insert(key.requires_labels.begin(), key.requires_labels.end());
  }
  ++wanted_version_;
}

// Puts the class where it belongs: among the ready ones of its shape exactly if its head may be
// tried.
void Scheduler::refresh(ClassId id) {
  const Class& cls = classes_[id];
  Shape& shape = shapes_[cls.shape];
  const bool group_full = cls.group != nullptr && cls.group->is_full();
  if (cls.jobs.size == 0 || group_full) {
    shape.ready.erase(cls.place_in_shape);
  } else {
    const QueuedJob& head = queue_.at(cls.jobs.head);
    shape.ready.set(cls.place_in_shape,
                    {-static_cast<std::int64_t>(cls.key->priority), head.queued_at, head.id});
  }
  refresh_shape(cls.shape);
}

void Scheduler::refresh_group(const GroupState& group) {
  for (const ClassId id : group.classes) {
    refresh(id);
  }
}

void Scheduler::refresh_shape(ShapeId id) {
  const Shape& shape = shapes_[id];
  if (shape.blocked || shape.ready.empty()) {
    ready_.erase(id);
  } else {
    ready_.set(id, shape.ready.top().key);
  }
}

void Scheduler::block(ShapeId id) {
  Shape& shape = shapes_[id];
  shape.blocked = true;
  if (!shape.listed_as_blocked) {
    shape.listed_as_blocked = true;
    blocked_.push_back(id);
  }
  ready_.erase(id);
}

void Scheduler::unblock(ShapeId id) {
  shapes_[id].blocked = false;
  refresh_shape(id);
}

void Scheduler::mark_freed(AgentSlot slot) {
  if (slot >= is_freed_.size()) {
    is_freed_.resize(slot + 1, false);
  }
  if (!is_freed_[slot]) {
    is_freed_[slot] = true;
    freed_.push_back(slot);
  }
}

// Unblocks the shapes that one of the agents with new room could take.
void Scheduler::absorb_freed() {
  if (freed_.empty()) {
    return;
  }
  const bool try_each = freed_.size() <= kFreedAgentsTriedMax;
  const auto has_chance = [&](const Shape& shape) {
    return !try_each || std::any_of(freed_.begin(), freed_.end(), [&](AgentSlot slot) {
      return fleet_.has_room(slot, shape.key->request) && fleet_.could_hold(slot, *shape.key);
    });
  };
  std::size_t kept = 0;
  for (const ShapeId id : blocked_) {
    Shape& shape = shapes_[id];
    if (shape.blocked && !has_chance(shape)) {
      blocked_[kept++] = id;
      continue;
    }
    shape.listed_as_blocked = false;
    if (shape.blocked) {
      unblock(id);
    }
  }
  blocked_.resize(kept);
  for (const AgentSlot slot : freed_) {
    is_freed_[slot] = false;
  }
  freed_.clear();
}

AgentSlot Scheduler::find_agent(const Shape& shape) {
  shape.lane->sync(fleet_, wanted_, wanted_version_);
  return shape.lane->best(fleet_, shape.key->request);
}

}  // namespace hearth::sched
