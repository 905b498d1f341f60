#include "agent/probe/rate.h"

#include <cmath>

namespace hearth::agent {

std::optional<double> CounterRate::update(std::optional<std::int64_t> value, std::int64_t now_ns) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  constexpr double kNsPerSecond = 1e9;
  if (!value) {
    before_.reset();
    rate_.reset();
    return std::nullopt;
  }
  if (!before_ || *value < before_->value) {
    before_ = Point{.value = *value, .at_ns = now_ns};
    rate_.reset();
    return std::nullopt;
  }
  const std::int64_t passed_ns = now_ns - before_->at_ns;
  if (passed_ns < kRateIntervalMin.count() * kNsPerMs) {
    return rate_;
  }
  rate_ =
      static_cast<double>(*value - before_->value) * kNsPerSecond / static_cast<double>(passed_ns);
  before_ = Point{.value = *value, .at_ns = now_ns};
  return rate_;
}

std::optional<std::int64_t> rounded(std::optional<double> value) {
  constexpr double kMax = 9e18;
  if (!value || !std::isfinite(*value) || std::abs(*value) > kMax) {
    return std::nullopt;
  }
  return std::llround(*value);
}

}  // namespace hearth::agent
