#include "tests/harness/network/packet_fates.h"

#include <algorithm>

namespace hearth::harness {

bool PacketFates::chance(int percent) {
  return std::uniform_int_distribution<int>(0, 99)(random_) < percent;
}

PacketFates::Instant PacketFates::due(Instant now) {
  std::uniform_int_distribution<int> delay_ms(faults_.delay_min_ms, faults_.delay_max_ms);
  const Instant drawn = now + std::chrono::milliseconds(delay_ms(random_));
  if (chance(faults_.reorder_percent)) {
    return drawn;
  }
  last_ = std::max(last_, drawn);
  return last_;
}

std::vector<PacketFates::Instant> PacketFates::next(Instant now) {
  if (chance(faults_.drop_percent)) {
    return {};
  }
  std::vector<Instant> copies = {due(now)};
  if (chance(faults_.duplicate_percent)) {
    copies.push_back(due(now));
  }
  return copies;
}

}  // namespace hearth::harness
