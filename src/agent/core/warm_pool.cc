#include "agent/core/warm_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hearth::agent {

std::optional<SlotId> WarmPool::take(const std::string& language, TimePoint now,
                                     std::vector<WarmEffect>& effects) {
  if (policy_.slots_max == 0 || draining_) {
    return std::nullopt;
  }
  Lane& lane = lanes_[language];
  lane.asked_at = now;
  // The one that has waited longest: it is the next to expire.
  const auto found = std::ranges::find_if(slots_, [&](const auto& entry) {
    return entry.second.language == language && entry.second.ready_at;
  });
  std::optional<SlotId> taken;
  if (found != slots_.end()) {
    taken = found->first;
    slots_.erase(found);
    --lane.have;
    --counts_.ready;
    ++counts_.hits;
    lane.spare = std::min(lane.spare, ready(language));
    lane.wanted = std::max<std::int64_t>(lane.wanted, 1);
    held_until_ = now + policy_.refill_after;
  } else {
    ++counts_.misses;
    lane.spare = 0;
    lane.wanted = std::clamp<std::int64_t>(lane.wanted * 2, 1, policy_.slots_max);
    lane.look_at = now + policy_.shrink_after;
  }
  refill(now, effects);
  return taken;
}

void WarmPool::on_ready(SlotId id, TimePoint now, std::vector<WarmEffect>& effects) {
  const auto found = slots_.find(id);
  if (found == slots_.end() || found->second.ready_at) {
    return;
  }
  found->second.ready_at = now;
  --counts_.starting;
  ++counts_.ready;
  Lane& lane = lanes_.at(found->second.language);
  lane.retry = Duration{};
  lane.retry_at.reset();
  refill(now, effects);
}

void WarmPool::on_lost(SlotId id, TimePoint now, std::vector<WarmEffect>& effects) {
  const auto found = slots_.find(id);
  if (found == slots_.end()) {
    return;
  }
  Lane& lane = lanes_.at(found->second.language);
  --(found->second.ready_at ? counts_.ready : counts_.starting);
  --lane.have;
  ++counts_.failed;
  lane.retry =
      lane.retry == Duration{} ? policy_.retry_first : std::min(lane.retry * 2, policy_.retry_max);
  lane.retry_at = now + lane.retry;
  slots_.erase(found);
  refill(now, effects);
}

void WarmPool::drain(std::vector<WarmEffect>& effects) {
  draining_ = true;
  while (!slots_.empty()) {
    end(slots_.begin()->first, effects);
  }
}

void WarmPool::on_time(TimePoint now, std::vector<WarmEffect>& effects) {
  std::vector<SlotId> expired;
  for (const auto& [id, slot] : slots_) {
    if (slot.ready_at && *slot.ready_at + policy_.age_max <= now) {
      expired.push_back(id);
    }
  }
  for (const SlotId id : expired) {
    ++counts_.expired;
    end(id, effects);
  }
  if (held_until_ && *held_until_ <= now) {
    held_until_.reset();
  }
  for (auto& [language, lane] : lanes_) {
    shrink(lane, language, now);
    if (lane.retry_at && *lane.retry_at <= now) {
      lane.retry_at.reset();
    }
    // The youngest go: they have the most of their time to lose, but one being started is the
    // cheapest to give up.
    while (lane.have > lane.wanted) {
      const auto last = std::find_if(slots_.rbegin(), slots_.rend(), [&](const auto& entry) {
        return entry.second.language == language;
      });
      end(last->first, effects);
    }
  }
  refill(now, effects);
}

// A language that nobody asks for any more gives up its slots; one that always had some left over
// gives up one.
void WarmPool::shrink(Lane& lane, const std::string& language, TimePoint now) {
  const std::int64_t least = always(language);
  if (lane.wanted > least && lane.asked_at + policy_.idle_after <= now) {
    lane.wanted = least;
  } else if (lane.look_at <= now) {
    if (lane.spare > 0 && lane.wanted > std::max<std::int64_t>(least, 1)) {
      --lane.wanted;
    }
    lane.spare = ready(language);
    lane.look_at = now + policy_.shrink_after;
  }
}

std::optional<TimePoint> WarmPool::next_deadline() const {
  std::optional<TimePoint> next;
  const auto consider = [&next](TimePoint at) { next = next ? std::min(*next, at) : at; };
  if (draining_) {
    return next;
  }
  for (const auto& [id, slot] : slots_) {
    if (slot.ready_at) {
      consider(*slot.ready_at + policy_.age_max);
    }
  }
  for (const auto& [language, lane] : lanes_) {
    const std::int64_t least = always(language);
    if (lane.wanted > least) {
      consider(lane.asked_at + policy_.idle_after);
      if (lane.wanted > std::max<std::int64_t>(least, 1)) {
        consider(lane.look_at);
      }
    }
    if (lane.have < lane.wanted && held_until_) {
      consider(*held_until_);
    }
    if (lane.have < lane.wanted && lane.retry_at) {
      consider(*lane.retry_at);
    }
  }
  return next;
}

std::int64_t WarmPool::always(const std::string& language) const {
  const auto found = policy_.always.find(language);
  return found == policy_.always.end() ? 0 : std::min(found->second, policy_.slots_max);
}

std::int64_t WarmPool::ready(const std::string& language) const {
  return std::ranges::count_if(slots_, [&](const auto& entry) {
    return entry.second.language == language && entry.second.ready_at;
  });
}

void WarmPool::end(SlotId id, std::vector<WarmEffect>& effects) {
  const auto found = slots_.find(id);
  --(found->second.ready_at ? counts_.ready : counts_.starting);
  --lanes_.at(found->second.language).have;
  slots_.erase(found);
  effects.emplace_back(EndSlot{id});
}

void WarmPool::refill(TimePoint now, std::vector<WarmEffect>& effects) {
  if (draining_) {
    return;
  }
  if (!std::exchange(begun_, true)) {
    for (const auto& [language, count] : policy_.always) {
      Lane& lane = lanes_[language];
      lane.wanted = std::max(lane.wanted, always(language));
      lane.asked_at = now;
    }
  }
  if (held_until_ && *held_until_ > now) {
    return;
  }
  while (counts_.starting < policy_.starting_max) {
    // The language that lacks most of what it wants.
    auto neediest = lanes_.end();
    for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
      const bool waits = lane->second.retry_at && *lane->second.retry_at > now;
      const auto lacks = [](const auto& entry) {
        return entry->second.wanted - entry->second.have;
      };
      if (!waits && lacks(lane) > 0 &&
          (neediest == lanes_.end() || lacks(lane) > lacks(neediest))) {
        neediest = lane;
      }
    }
    if (neediest == lanes_.end() || !make_room(neediest->first, effects)) {
      return;
    }
    ++neediest->second.have;
    ++counts_.starting;
    slots_.emplace(++last_, Slot{.language = neediest->first, .ready_at = {}});
    effects.emplace_back(StartSlot{.id = last_, .language = neediest->first});
  }
}

// Of a full pool the language with the most gives one, but never its last.
bool WarmPool::make_room(const std::string& language, std::vector<WarmEffect>& effects) {
  if (std::ssize(slots_) < policy_.slots_max) {
    return true;
  }
  const auto richest =
      std::ranges::max_element(lanes_, {}, [](const auto& entry) { return entry.second.have; });
  if (richest->first == language || richest->second.have <= lanes_.at(language).have + 1) {
    return false;
  }
  richest->second.wanted = std::max(richest->second.have - 1, always(richest->first));
  const auto slot = std::ranges::find_if(
      slots_, [&](const auto& entry) { return entry.second.language == richest->first; });
  end(slot->first, effects);
  return true;
}

void WarmPool::check_invariants() const {
  std::map<std::string, std::int64_t> have;
  std::int64_t starting = 0;
  for (const auto& [id, slot] : slots_) {
    ++have[slot.language];
    starting += slot.ready_at ? 0 : 1;
  }
  HEARTH_CHECK(std::ssize(slots_) <= policy_.slots_max, "a pool is never larger than allowed");
  HEARTH_CHECK(
      counts_.starting == starting && counts_.ready + counts_.starting == std::ssize(slots_),
      "slots are counted as what they are");
  for (const auto& [language, lane] : lanes_) {
    HEARTH_CHECK(lane.have == have[language], "a language's slots are counted");
  }
}

}  // namespace hearth::agent
