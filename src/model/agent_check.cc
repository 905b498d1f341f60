#include "model/agent_check.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "model/ids.h"

namespace hearth {
namespace {

constexpr std::int64_t kGpusMax = 1'024;
constexpr std::int64_t kParallelJobsMax = 65'536;
constexpr std::int64_t kFeaturesMax = 256;

Result<> check_id(std::string_view field, std::string_view value) {
  if (!is_valid_name_id(value)) {
    return invalid_field(std::string(field), "the agent's " + std::string(field) +
                                                 " must be 1 to 64 characters of A-Z, a-z, 0-9, "
                                                 "'_' and '-'; choose another with --id");
  }
  return {};
}

Result<> check_text(std::string_view field, std::string_view value) {
  if (static_cast<std::int64_t>(value.size()) > limits::kLabelBytesMax ||
      value.find('\0') != std::string_view::npos) {
    return invalid_field(std::string(field),
                         "the agent's " + std::string(field) + " must be at most " +
                             std::to_string(limits::kLabelBytesMax) + " bytes without NUL");
  }
  return {};
}

Result<> check_amount(std::string_view field, std::int64_t value, std::int64_t low,
                      std::int64_t high) {
  if (value < low || value > high) {
    return invalid_field(std::string(field),
                         "the agent's " + std::string(field) + " is " + std::to_string(value) +
                             "; it must be " + std::to_string(low) + " to " + std::to_string(high));
  }
  return {};
}

Result<> check_labels(const Labels& labels) {
  HEARTH_TRY(
      check_amount("labels", static_cast<std::int64_t>(labels.size()), 0, limits::kLabelsMax));
  for (const auto& [name, value] : labels) {
    if (name.empty()) {
      return invalid_field("labels", "a label of the agent has no name; write --label name=value");
    }
    HEARTH_TRY(check_text("labels", name));
    HEARTH_TRY(check_text("labels", value));
  }
  return {};
}

Result<> check_capacity(const ResourceVector& capacity) {
  HEARTH_TRY(check_amount("capacity.cpu_milli", capacity.cpu_milli, 1, limits::kCpuMilliMax));
  HEARTH_TRY(
      check_amount("capacity.memory_bytes", capacity.memory_bytes, 1, limits::kMemoryBytesMax));
  HEARTH_TRY(check_amount("capacity.gpus", capacity.gpus, 0, kGpusMax));
  HEARTH_TRY(check_amount("capacity.named", static_cast<std::int64_t>(capacity.named.size()), 0,
                          limits::kNamedResourcesMax));
  for (const auto& [name, amount] : capacity.named) {
    HEARTH_TRY(check_text("capacity.named", name));
    HEARTH_TRY(check_amount("capacity.named", amount, 1, limits::kMemoryBytesMax));
  }
  return {};
}

Result<> check_features(const std::vector<std::string>& features) {
  HEARTH_TRY(check_amount("features", static_cast<std::int64_t>(features.size()), 0, kFeaturesMax));
  for (const std::string& feature : features) {
    HEARTH_TRY(check_text("features", feature));
  }
  return {};
}

}  // namespace

Result<> check_agent_info(const AgentInfo& info) {
  HEARTH_TRY(check_id("id", info.id.value()));
  HEARTH_TRY(check_id("instance", info.instance));
  HEARTH_TRY(check_id("incarnation", info.incarnation));
  HEARTH_TRY(check_text("type", info.type));
  HEARTH_TRY(check_text("hostname", info.hostname));
  HEARTH_TRY(check_text("version", info.version));
  HEARTH_TRY(check_features(info.features));
  HEARTH_TRY(check_labels(info.labels));
  HEARTH_TRY(check_capacity(info.capacity));
  return check_amount("max_parallel_jobs", info.max_parallel_jobs, 1, kParallelJobsMax);
}

}  // namespace hearth
