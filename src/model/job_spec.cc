#include "model/job_spec.h"

#include <string_view>

namespace hearth {

std::string_view to_string(DependencyCondition condition) {
  switch (condition) {
    case DependencyCondition::Ok:
      return "ok";
    case DependencyCondition::Any:
      return "any";
    case DependencyCondition::NotOk:
      return "notok";
  }
  return "unknown";
}

std::string_view to_string(SandboxLevel level) {
  switch (level) {
    case SandboxLevel::None:
      return "none";
    case SandboxLevel::Process:
      return "process";
    case SandboxLevel::Image:
      return "image";
  }
  return "unknown";
}

std::string_view to_string(OnInfeasible choice) {
  return choice == OnInfeasible::Reject ? "reject" : "wait";
}

std::string_view to_string(OnOutputLimit choice) {
  return choice == OnOutputLimit::Kill ? "kill" : "truncate";
}

std::string lang_feature(std::string_view language) {
  return "lang:" + std::string(language);
}

std::string image_feature(std::string_view image) {
  return "image:" + std::string(image);
}

}  // namespace hearth
