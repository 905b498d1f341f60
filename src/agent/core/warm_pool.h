// Which interpreters to have started ahead of the scripts that will need them, and until when.
//
// A slot is one sandboxed interpreter that waits for code; it serves one script and no other. So a
// pool buys latency, never throughput: what is taken has to be started again, beside the scripts
// that run. Nothing is started for a language before its first script, one slot is from then on
// ready, more after scripts that found none, fewer when some were left over for a while, and none
// when nobody has asked for long. The start of an interpreter takes more of the machine than a
// short script does, so after a script that found one it waits until such a script would have
// ended.
//
// Pure: events and `now` in, effects out. Single-threaded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"

namespace hearth::agent {

using SlotId = std::uint64_t;

struct WarmPolicy {
  std::int64_t slots_max = 0;     // of all languages together; 0: none is ever started
  std::int64_t starting_max = 1;  // at once
  Duration age_max{};             // a slot that has waited longer is replaced
  Duration idle_after{};          // without a script for so long, a language has no slot
  Duration shrink_after{};        // with one left over all the time, a language has one less
  Duration refill_after{};        // from a script that found a slot to the next start
  Duration retry_first{};         // after a slot that did not come up, doubled up to retry_max
  Duration retry_max{};
  std::map<std::string, std::int64_t> always;  // languages that have so many from the start on
};

struct StartSlot {
  SlotId id = 0;
  std::string language;
};
struct EndSlot {
  SlotId id = 0;
};
using WarmEffect = std::variant<StartSlot, EndSlot>;

struct WarmCounts {
  std::int64_t ready = 0;
  std::int64_t starting = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t expired = 0;
  std::uint64_t failed = 0;
};

class WarmPool {
 public:
  explicit WarmPool(WarmPolicy policy) : policy_(std::move(policy)) {}

  // What is to be there from the start on.
  void start(TimePoint now, std::vector<WarmEffect>& effects) { refill(now, effects); }
  // A script has come: the slot that it gets is the pool's no longer. nullopt: none is ready.
  std::optional<SlotId> take(const std::string& language, TimePoint now,
                             std::vector<WarmEffect>& effects);
  void on_ready(SlotId id, TimePoint now, std::vector<WarmEffect>& effects);
  // It did not come up, or ended while it waited. Slots that were taken are not known any more.
  void on_lost(SlotId id, TimePoint now, std::vector<WarmEffect>& effects);
  // Ends what is there; nothing is started any more.
  void drain(std::vector<WarmEffect>& effects);
  void on_time(TimePoint now, std::vector<WarmEffect>& effects);

  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  [[nodiscard]] const WarmCounts& counts() const { return counts_; }
  void check_invariants() const;

 private:
  struct Slot {
    std::string language;
    std::optional<TimePoint> ready_at;  // absent: it is starting
  };
  struct Lane {
    std::int64_t wanted = 0;
    std::int64_t have = 0;   // starting or ready
    std::int64_t spare = 0;  // fewest ready since the last look at shrinking
    TimePoint asked_at{};
    TimePoint look_at{};  // next look at shrinking
    Duration retry{};
    std::optional<TimePoint> retry_at;
  };

  [[nodiscard]] std::int64_t always(const std::string& language) const;
  [[nodiscard]] std::int64_t ready(const std::string& language) const;
  void shrink(Lane& lane, const std::string& language, TimePoint now);
  void end(SlotId id, std::vector<WarmEffect>& effects);
  void refill(TimePoint now, std::vector<WarmEffect>& effects);
  bool make_room(const std::string& language, std::vector<WarmEffect>& effects);

  const WarmPolicy policy_;
  SlotId last_ = 0;
  bool draining_ = false;
  bool begun_ = false;
  std::optional<TimePoint> held_until_;  // nothing is started before
  std::map<SlotId, Slot> slots_;
  std::map<std::string, Lane> lanes_;
  WarmCounts counts_;
};

}  // namespace hearth::agent
