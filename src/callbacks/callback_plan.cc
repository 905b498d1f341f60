#include "callbacks/callback_plan.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::callbacks {

CallbackPlan::Added CallbackPlan::add(JobId job, const std::string& host, TimePoint now) {
  if (knows(job)) {
    return Added::Known;
  }
  const auto lane = lanes_.find(host);
  const std::int64_t of_host =
      lane == lanes_.end()
          ? 0
          : static_cast<std::int64_t>(lane->second.waiting.size()) + lane->second.under_way;
  if (held() >= limits_.held_max || of_host >= limits_.held_of_host_max) {
    return Added::NoRoom;
  }
  held_[job] = {.host = host, .tries = 0, .due = now};
  lanes_[host].waiting.emplace(now, job);
  index(host);
  return Added::Held;
}

std::vector<CallbackPlan::Try> CallbackPlan::start_due(TimePoint now) {
  std::vector<Try> tries;
  while (under_way_ < limits_.at_once_max && !by_due_.empty() && by_due_.begin()->first <= now) {
    const std::string host = by_due_.begin()->second;
    Lane& lane = lanes_.at(host);
    const JobId job = lane.waiting.begin()->second;
    lane.waiting.erase(lane.waiting.begin());
    ++lane.under_way;
    ++under_way_;
    Held& held = held_.at(job);
    held.is_under_way = true;
    tries.push_back({.job = job, .number = ++held.tries});
    index(host);
  }
  return tries;
}

std::optional<TimePoint> CallbackPlan::failed(JobId job, TimePoint now, std::uint64_t chance) {
  Held& held = held_.at(job);
  HEARTH_CHECK(held.is_under_way, "a callback failed that is not under way");
  if (held.tries >= limits_.tries_max) {
    remove(job);
    return std::nullopt;
  }
  Lane& lane = lanes_.at(held.host);
  held.is_under_way = false;
  held.due = now + pause_after(held.tries, chance);
  --lane.under_way;
  --under_way_;
  lane.waiting.emplace(held.due, job);
  index(held.host);
  return held.due;
}

std::optional<TimePoint> CallbackPlan::next_due() const {
  return by_due_.empty() || under_way_ >= limits_.at_once_max
             ? std::nullopt
             : std::optional(by_due_.begin()->first);
}

// From half of it to all: many that failed together do not come back together.
Duration CallbackPlan::pause_after(std::int64_t tries, std::uint64_t chance) const {
  Duration pause = limits_.pause_first;
  for (std::int64_t i = 1; i < tries && pause < limits_.pause_max; ++i) {
    pause *= 2;
  }
  pause = std::min(pause, limits_.pause_max);
  const auto half = static_cast<std::uint64_t>(pause.count() / 2);
  return pause - Duration(static_cast<std::int64_t>(half == 0 ? 0 : chance % (half + 1)));
}

void CallbackPlan::remove(JobId job) {
  const auto found = held_.find(job);
  if (found == held_.end()) {
    return;
  }
  const Held held = found->second;
  held_.erase(found);
  Lane& lane = lanes_.at(held.host);
  if (held.is_under_way) {
    --lane.under_way;
    --under_way_;
  } else {
    lane.waiting.erase({held.due, job});
  }
  index(held.host);
}

void CallbackPlan::index(const std::string& host) {
  const auto found = lanes_.find(host);
  Lane& lane = found->second;
  if (lane.indexed) {
    by_due_.erase({*lane.indexed, host});
    lane.indexed.reset();
  }
  if (lane.waiting.empty() && lane.under_way == 0) {
    lanes_.erase(found);
    return;
  }
  if (!lane.waiting.empty() && lane.under_way < limits_.at_once_of_host_max) {
    lane.indexed = lane.waiting.begin()->first;
    by_due_.emplace(*lane.indexed, host);
  }
}

void CallbackPlan::check_invariants() const {
  std::int64_t under_way = 0;
  std::size_t held = 0;
  std::size_t indexed = 0;
  for (const auto& [host, lane] : lanes_) {
    under_way += lane.under_way;
    held += lane.waiting.size() + static_cast<std::size_t>(lane.under_way);
    HEARTH_CHECK(lane.under_way <= limits_.at_once_of_host_max, "a host is called too often");
    const bool may_start = !lane.waiting.empty() && lane.under_way < limits_.at_once_of_host_max;
    HEARTH_CHECK(lane.indexed.has_value() == may_start, "a lane is forgotten or cannot start");
    if (lane.indexed) {
      ++indexed;
      HEARTH_CHECK(
          *lane.indexed == lane.waiting.begin()->first && by_due_.contains({*lane.indexed, host}),
          "a lane stands at the wrong time");
    }
  }
  HEARTH_CHECK(indexed == by_due_.size(), "a lane that is gone is in the index");
  HEARTH_CHECK(held == held_.size(), "a callback is in no lane");
  HEARTH_CHECK(under_way == under_way_ && under_way <= limits_.at_once_max,
               "callbacks under way are counted wrong");
}

}  // namespace hearth::callbacks
