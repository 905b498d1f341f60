// What makes two jobs the same to the scheduler.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "model/job_spec.h"
#include "model/resources.h"

namespace hearth::sched {

// Dense numbers, reused after their owner is gone.
using AgentSlot = std::uint32_t;
using ClassId = std::uint32_t;
using QueueNode = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffff'ffff;

// Jobs of one class are interchangeable: if the first of them does not fit now, none does. That is
// why placement costs grow with classes and never with jobs. The group is part of it because a full
// group must not block jobs of the same shape outside it.
struct ClassKey {
  std::int32_t priority = 0;
  SandboxLevel sandbox = SandboxLevel::None;
  ResourceVector request;
  std::string group;
  Labels requires_labels;
  std::vector<std::string> features;  // sorted, no repeats

  friend auto operator<=>(const ClassKey&, const ClassKey&) = default;
  friend bool operator==(const ClassKey&, const ClassKey&) = default;
};

ClassKey class_key_of(const SchedulingSpec& spec);

}  // namespace hearth::sched
