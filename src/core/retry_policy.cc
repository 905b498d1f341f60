#include "core/retry_policy.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace hearth::core {
namespace {

auto tied(const RetryPolicy& p) {
  return std::tie(p.max_retries, p.max_lost, p.group_limit, p.max_queue, p.backoff.initial,
                  p.backoff.factor, p.backoff.max, p.retry_on.exit_codes, p.retry_on.reasons);
}

// Longer than any wait that is meant, short enough that no sum of times overflows.
constexpr Duration kWaitMax = std::chrono::years(100);

}  // namespace

RetryPolicy retry_policy_of(const SchedulingSpec& spec) {
  return {.max_retries = spec.max_retries,
          .max_lost = spec.max_lost,
          .group_limit = spec.group.empty() ? 0 : spec.group_limit,
          .max_queue =
              spec.max_queue ? std::optional(std::min(*spec.max_queue, kWaitMax)) : std::nullopt,
          .backoff = {.initial = spec.backoff.initial,
                      .factor = std::isfinite(spec.backoff.factor) ? spec.backoff.factor : 1.0,
                      .max = std::min(spec.backoff.max, kWaitMax)},
          .retry_on = spec.retry_on};
}

bool is_retried_on(const RetryOn& retry_on, const AttemptResult& result) {
  const auto& codes = retry_on.exit_codes;
  const auto& reasons = retry_on.reasons;
  const bool reason_named =
      std::find(reasons.begin(), reasons.end(), result.reason) != reasons.end();
  if (result.state == JobState::TimedOut) {
    return reason_named;
  }
  if (result.state != JobState::Failed) {
    return false;
  }
  if (codes.empty() && reasons.empty()) {
    return true;
  }
  return reason_named || (result.exit_code.has_value() &&
                          std::find(codes.begin(), codes.end(), *result.exit_code) != codes.end());
}

Duration backoff_after(const Backoff& backoff, std::uint32_t failures) {
  if (failures == 0 || backoff.initial <= Duration::zero()) {
    return Duration::zero();
  }
  const double cap = static_cast<double>(std::max(backoff.max, Duration::zero()).count());
  const double factor = std::max(backoff.factor, 1.0);
  const double wait = static_cast<double>(backoff.initial.count()) *
                      std::pow(factor, static_cast<double>(failures - 1));
  // `wait` may be infinite; the cap is not.
  return Duration(static_cast<Duration::rep>(std::min(wait, cap)));
}

std::uint32_t PolicyTable::acquire(const RetryPolicy& policy) {
  const auto [at, inserted] = ids_.try_emplace(policy, 0);
  if (inserted) {
    if (unused_.empty()) {
      at->second = static_cast<std::uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      at->second = unused_.back();
      unused_.pop_back();
    }
    entries_[at->second].at = at;
  }
  ++entries_[at->second].users;
  return at->second;
}

void PolicyTable::release(std::uint32_t id) {
  Entry& entry = entries_[id];
  if (--entry.users == 0) {
    ids_.erase(entry.at);
    unused_.push_back(id);
  }
}

bool PolicyTable::Less::operator()(const RetryPolicy& a, const RetryPolicy& b) const {
  return tied(a) < tied(b);
}

}  // namespace hearth::core
