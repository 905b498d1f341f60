// The moment of a decision on two clocks. The wall clock is what people and records mean; whoever
// sets it may move it by any amount in either direction. What must take its time whatever happens
// to it (an agent's silence, a back-off, a time in the queue) is measured on the steady one.
#pragma once

#include "base/time.h"

namespace hearth::core {

struct Now {
  // Where nobody sets the clock, both are the same.
  Now(TimePoint both) : wall(both), steady(both) {}  // NOLINT(google-explicit-constructor)
  Now(TimePoint wall_time, TimePoint steady_time) : wall(wall_time), steady(steady_time) {}

  TimePoint wall;
  // Never decreases and never jumps. Its zero is free, but for being close to that of the wall
  // clock at the start.
  TimePoint steady;

  [[nodiscard]] Duration skew() const { return wall - steady; }
};

}  // namespace hearth::core
