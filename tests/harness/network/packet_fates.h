// What a bad line does to each packet: decided by a seed, so that a run can be repeated as far as
// the packets come the same.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace hearth::harness {

struct LineFaults {
  int delay_min_ms = 0;
  int delay_max_ms = 0;
  int reorder_percent = 0;  // may be overtaken by those that come after
  int duplicate_percent = 0;
  int drop_percent = 0;
};

// One direction of a line.
class PacketFates {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  PacketFates(const LineFaults& faults, std::uint64_t seed) : faults_(faults), random_(seed) {}

  // When each copy of the packet that comes `now` is to be delivered; empty: it is lost.
  std::vector<Instant> next(Instant now);

 private:
  Instant due(Instant now);
  bool chance(int percent);

  const LineFaults faults_;
  std::mt19937_64 random_;
  Instant last_;  // of those that keep their order
};

}  // namespace hearth::harness
