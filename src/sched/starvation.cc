// The part of the scheduler that keeps big or unimportant jobs from waiting for ever.
#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/mutate.h"
#include "sched/scheduler.h"

namespace hearth::sched {
namespace {

// How far the agent is from having room, as the largest missing part of any component, in parts per
// million of what is asked.
std::int64_t shortfall_of(const FleetAgent& agent, const ResourceVector& request) {
  constexpr double kMillion = 1e6;
  const auto missing = [](std::int64_t asked, std::int64_t free) -> std::int64_t {
    return asked <= free ? 0
                         : static_cast<std::int64_t>(static_cast<double>(asked - free) * kMillion /
                                                     static_cast<double>(asked));
  };
  std::int64_t worst = std::max({missing(request.cpu_milli, agent.free.cpu_milli),
                                 missing(request.memory_bytes, agent.free.memory_bytes),
                                 missing(request.gpus, agent.free.gpus),
                                 missing(1, agent.max_parallel - agent.running)});
  for (const auto& [name, amount] : request.named) {
    worst = std::max(worst, missing(amount, agent.free.named_amount(name)));
  }
  return worst;
}

}  // namespace

void Scheduler::sweep(TimePoint now) {
  for (const ShapeId id : blocked_) {
    shapes_[id].listed_as_blocked = false;
    if (shapes_[id].blocked) {
      unblock(id);
    }
  }
  blocked_.clear();
  std::vector<ClassId> starving;
  for (const auto& [key, id] : ids_) {
    const bool starves = is_starving(classes_[id], now);
    if (starves) {
      starving.push_back(id);
    } else {
      drop_hold(id);
    }
  }
  // Who waits longest chooses first, whatever its priority: holds exist for those that priority
  // forgets.
  std::stable_sort(starving.begin(), starving.end(), [&](ClassId a, ClassId b) {
    return waits_since(classes_[a]) < waits_since(classes_[b]);
  });
  for (const ClassId id : starving) {
    if (holders_.size() == fleet_.size()) {
      break;  // every agent is held: nothing to give, nothing to exchange
    }
    give_hold(id);
  }
}

// A class that was served begins to wait anew: otherwise, under overload, every class would hold an
// agent for all of its backlog and priorities would mean nothing.
TimePoint Scheduler::waits_since(const Class& cls) const {
  return std::max(queue_.at(cls.jobs.head).queued_at, cls.last_placed_at);
}

bool Scheduler::is_starving(const Class& cls, TimePoint now) const {
  const bool waits_for_capacity =
      cls.jobs.size > 0 && (cls.group == nullptr || !cls.group->is_full());
  return !HEARTH_MUTATE(starvation_ignored) && waits_for_capacity &&
         now - waits_since(cls) > starvation_after_;
}

bool Scheduler::may_hold(AgentSlot slot, const Class& cls) const {
  const FleetAgent& agent = fleet_.at(slot);
  return agent.present && agent.accepting && !agent.held && fleet_.could_hold(slot, *cls.key);
}

void Scheduler::drop_hold(ClassId id) {
  Class& cls = classes_[id];
  if (cls.held == kNone) {
    return;
  }
  fleet_.set_held(cls.held, false);
  mark_freed(cls.held);
  cls.held = kNone;
  std::erase(holders_, id);
}

// Holds the agent that is closest to having room. A hold moves only to an agent that is strictly
// closer: the shortfall of a held agent never grows, so a hold cannot wander for ever.
void Scheduler::give_hold(ClassId id) {
  Class& cls = classes_[id];
  const ResourceVector& request = cls.key->request;
  AgentSlot best = kNone;
  std::int64_t best_shortfall = cls.held == kNone ? std::numeric_limits<std::int64_t>::max()
                                                  : shortfall_of(fleet_.at(cls.held), request);
  for (AgentSlot slot = 0; slot < fleet_.slots(); ++slot) {
    if (!may_hold(slot, cls)) {
      continue;
    }
    const std::int64_t shortfall = shortfall_of(fleet_.at(slot), request);
    if (shortfall < best_shortfall) {
      best = slot;
      best_shortfall = shortfall;
    }
  }
  if (best == kNone) {
    return;
  }
  drop_hold(id);
  cls.held = best;
  fleet_.set_held(best, true);
  holders_.push_back(id);
}

void Scheduler::check_invariants() const {
  std::size_t waiting = 0;
  std::size_t holds = 0;
  for (const auto& [key, id] : ids_) {
    const Class& cls = classes_[id];
    HEARTH_CHECK(cls.key == &key && cls.users > 0, "a class in use must know its key");
    const bool group_full = cls.group != nullptr && cls.group->is_full();
    const Shape& shape = shapes_[cls.shape];
    HEARTH_CHECK(shape.classes[cls.place_in_shape] == id, "a shape lists its classes");
    HEARTH_CHECK(shape.ready.contains(cls.place_in_shape) == (cls.jobs.size > 0 && !group_full),
                 "a class is ready exactly if its head may be tried");
    HEARTH_CHECK(ready_.contains(cls.shape) == (!shape.blocked && !shape.ready.empty()),
                 "a shape is ready exactly if it is not blocked and a class of it is");
    HEARTH_CHECK((cls.group == nullptr) == key.group.empty(), "a grouped class knows its group");
    std::size_t listed = 0;
    for (QueueNode node = cls.jobs.head; node != kNone; node = queue_.next(node)) {
      HEARTH_CHECK(queue_.at(node).class_id == id, "a waiting job is in its own class's list");
      ++listed;
    }
    HEARTH_CHECK(listed == cls.jobs.size, "a class's list must have its size");
    waiting += listed;
    if (cls.held != kNone) {
      HEARTH_CHECK(fleet_.at(cls.held).held && holder_of(cls.held) == id,
                   "a held agent knows that it is held");
      ++holds;
    }
  }
  HEARTH_CHECK(waiting == queue_.size(), "every waiting job is in one list");
  HEARTH_CHECK(holds == holders_.size(), "every hold is listed once");
  for (AgentSlot slot = 0; slot < fleet_.slots(); ++slot) {
    const FleetAgent& agent = fleet_.at(slot);
    HEARTH_CHECK(agent.held == (holder_of(slot) != kNone), "only a class holds an agent");
    HEARTH_CHECK(ResourceVector{}.fits_in(agent.free) && agent.free.fits_in(agent.capacity) &&
                     agent.running >= 0 && agent.running <= agent.max_parallel,
                 "free must stay between nothing and the capacity");
  }
}

}  // namespace hearth::sched
