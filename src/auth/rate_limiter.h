// How often each of many callers may do something: a bucket of `burst` for each, refilled evenly.
//
// Bounded: it knows `keys_max` callers; beyond that the one that was quiet longest is forgotten,
// which is as good as a full bucket. Time is a parameter. Not thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace hearth::auth {

struct RateLimit {
  std::int64_t burst = 1;
  Duration refill{};  // from an empty bucket to a full one
  std::size_t keys_max = 1;
};

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimit& limit) : limit_(limit) {}

  // Takes one; otherwise nothing, and says how long to wait for the next.
  std::optional<Duration> take(std::string_view key, std::int64_t now_ns);
  [[nodiscard]] std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double left = 0;
    std::int64_t at_ns = 0;
    std::list<std::string>::iterator order;
  };

  Bucket& bucket(std::string_view key, std::int64_t now_ns);

  const RateLimit limit_;
  std::unordered_map<std::string, Bucket> buckets_;
  std::list<std::string> order_;  // longest quiet first
};

}  // namespace hearth::auth
