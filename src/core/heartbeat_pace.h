// How often agents should beat, so that thousands of them together do not beat too often.
//
// Agents are told another interval only when the one they have is well off the mark, and then one
// with room to grow: a fleet that grows by one agent, or flaps about a bound, is not told anew.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "base/time.h"

namespace hearth::core {

struct HeartbeatPace {
  Duration interval = limits::kHeartbeatInterval;  // when there are few agents; never below
  std::int64_t per_second_max = limits::kHeartbeatsPerSecondMax;

  // What an agent that beats each `now` should beat each, with so many agents.
  [[nodiscard]] Duration next(std::int64_t agents, Duration now) const;
  // The longest that any agent of so many is told.
  [[nodiscard]] Duration longest(std::int64_t agents_max) const;

 private:
  [[nodiscard]] Duration least(std::int64_t agents) const;
  [[nodiscard]] Duration with_room(Duration least) const;
};

}  // namespace hearth::core
