#include "sched/class_key.h"

namespace hearth::sched {

ClassKey class_key_of(const SchedulingSpec& spec) {
  return {.priority = spec.priority,
          .sandbox = spec.sandbox,
          .request = spec.request,
          .group = spec.group,
          .requires_labels = spec.requires_labels};
}

}  // namespace hearth::sched
