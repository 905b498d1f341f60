#include "base/limit_counts.h"

namespace hearth {
namespace {

constexpr std::size_t kNamesMax = 64;

}  // namespace

std::string outside_limit_name(std::string_view name) {
  if (name.size() < 2 || name[0] != 'k' || name[1] < 'A' || name[1] > 'Z') {
    return std::string(name);
  }
  std::string text;
  for (const char c : name.substr(1)) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !text.empty()) {
      text += '_';
    }
    text += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

void LimitCounts::count(std::string_view limit) {
  if (limit.empty()) {
    return;
  }
  std::string name = outside_limit_name(limit);
  const MutexLock lock(mutex_);
  if (counts_.size() >= kNamesMax && !counts_.contains(name)) {
    name = "other";
  }
  ++counts_[name];
}

std::map<std::string, std::uint64_t> LimitCounts::snapshot() const {
  const MutexLock lock(mutex_);
  return counts_;
}

}  // namespace hearth
