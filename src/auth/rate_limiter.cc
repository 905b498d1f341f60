#include "auth/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace hearth::auth {

RateLimiter::Bucket& RateLimiter::bucket(std::string_view key, std::int64_t now_ns) {
  const std::string name(key);
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) {
    order_.splice(order_.end(), order_, found->second.order);
    return found->second;
  }
  if (buckets_.size() >= limit_.keys_max) {
    buckets_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(name);
  return buckets_
      .emplace(name, Bucket{.left = static_cast<double>(limit_.burst),
                            .at_ns = now_ns,
                            .order = std::prev(order_.end())})
      .first->second;
}

std::optional<Duration> RateLimiter::take(std::string_view key, std::int64_t now_ns) {
  Bucket& bucket = this->bucket(key, now_ns);
  const auto burst = static_cast<double>(limit_.burst);
  const double refill_ns = static_cast<double>(limit_.refill.count()) * 1e6;
  const auto passed_ns = static_cast<double>(std::max<std::int64_t>(0, now_ns - bucket.at_ns));
  bucket.left = std::min(burst, bucket.left + passed_ns * burst / refill_ns);
  bucket.at_ns = now_ns;
  if (bucket.left >= 1) {
    bucket.left -= 1;
    return std::nullopt;
  }
  return Duration(
      static_cast<std::int64_t>(std::ceil((1 - bucket.left) * refill_ns / burst / 1e6)));
}

}  // namespace hearth::auth
