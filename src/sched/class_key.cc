#include "sched/class_key.h"

#include <algorithm>

namespace hearth::sched {

ClassKey class_key_of(const SchedulingSpec& spec) {
  ClassKey key{.priority = spec.priority,
               .sandbox = spec.sandbox,
               .request = spec.request,
               .group = spec.group,
               .requires_labels = spec.requires_labels,
               .features = spec.features};
  std::ranges::sort(key.features);
  key.features.erase(std::ranges::unique(key.features).begin(), key.features.end());
  return key;
}

}  // namespace hearth::sched
