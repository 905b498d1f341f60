// When which callback is tried, how often, and when it is given up.
//
// Each host has a lane, so that one that is slow or gone takes neither all the places nor all the
// memory. Within a lane those that are due longest come first. Pure: events and `now` in, what to
// do out; chance is a number that the caller draws. Single-threaded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/task_limits.h"
#include "base/time.h"
#include "model/ids.h"

namespace hearth::callbacks {

struct CallbackLimits {
  std::int64_t tries_max = limits::kCallbackTriesMax;
  Duration pause_first = limits::kCallbackPauseFirst;
  Duration pause_max = limits::kCallbackPauseMax;
  std::int64_t at_once_max = limits::kCallbacksAtOnceMax;
  std::int64_t at_once_of_host_max = limits::kCallbacksAtOnceOfHostMax;
  std::int64_t held_max = limits::kCallbacksHeldMax;
  std::int64_t held_of_host_max = limits::kCallbacksHeldOfHostMax;
};

class CallbackPlan {
 public:
  enum class Added { Held, Known, NoRoom };
  struct Try {
    JobId job;
    std::int64_t number = 1;  // from 1
  };

  explicit CallbackPlan(CallbackLimits limits = {}) : limits_(limits) {}

  // It is due at once. Without room it has to be brought again later.
  Added add(JobId job, const std::string& host, TimePoint now);
  // Those to be tried now; each is under way until succeeded(), failed() or dropped().
  std::vector<Try> start_due(TimePoint now);
  void succeeded(JobId job) { remove(job); }
  // nullopt: given up. Else when it is tried again; `chance` is any number, evenly drawn.
  std::optional<TimePoint> failed(JobId job, TimePoint now, std::uint64_t chance);
  // Given up whatever its tries.
  void dropped(JobId job) { remove(job); }

  // When start_due() would give something, if nothing else happens.
  [[nodiscard]] std::optional<TimePoint> next_due() const;
  [[nodiscard]] bool knows(JobId job) const { return held_.contains(job); }
  [[nodiscard]] std::int64_t held() const { return static_cast<std::int64_t>(held_.size()); }
  [[nodiscard]] std::int64_t under_way() const { return under_way_; }
  void check_invariants() const;

 private:
  struct Held {
    std::string host;
    std::int64_t tries = 0;  // begun
    TimePoint due{};         // unless it is under way
    bool is_under_way = false;
  };
  struct Lane {
    std::set<std::pair<TimePoint, JobId>> waiting;
    std::int64_t under_way = 0;
    std::optional<TimePoint> indexed;  // its place in by_due_
  };

  [[nodiscard]] Duration pause_after(std::int64_t tries, std::uint64_t chance) const;
  void remove(JobId job);
  // Its lane has changed.
  void index(const std::string& host);

  const CallbackLimits limits_;
  std::unordered_map<JobId, Held> held_;
  std::map<std::string, Lane> lanes_;
  // The lanes that may start one, by when their first is due.
  std::set<std::pair<TimePoint, std::string>> by_due_;
  std::int64_t under_way_ = 0;
};

}  // namespace hearth::callbacks
