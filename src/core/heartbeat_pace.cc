#include "core/heartbeat_pace.h"

#include <algorithm>

namespace hearth::core {
namespace {

constexpr std::int64_t kSecondMs = 1'000;
// A new interval is a quarter longer than it must be; one twice as long as it must be is too long.
constexpr std::int64_t kRoomPart = 4;
constexpr std::int64_t kTooLong = 2;

}  // namespace

Duration HeartbeatPace::least(std::int64_t agents) const {
  const std::int64_t per_second = std::max<std::int64_t>(per_second_max, 1);
  return std::min(Duration((agents * kSecondMs + per_second - 1) / per_second),
                  limits::kHeartbeatIntervalMax);
}

Duration HeartbeatPace::with_room(Duration least) const {
  return std::clamp(least + least / kRoomPart, interval,
                    std::max(interval, limits::kHeartbeatIntervalMax));
}

Duration HeartbeatPace::next(std::int64_t agents, Duration now) const {
  const Duration needed = least(agents);
  const bool is_too_often = now < std::max(needed, interval);
  const bool is_too_seldom = now > interval && now > needed * kTooLong;
  return is_too_often || is_too_seldom ? with_room(needed) : now;
}

Duration HeartbeatPace::longest(std::int64_t agents_max) const {
  return with_room(least(agents_max));
}

}  // namespace hearth::core
