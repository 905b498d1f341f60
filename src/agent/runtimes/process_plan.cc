#include "agent/runtimes/process_plan.h"

#include <algorithm>
#include <array>

#include "agent/runtimes/slot_preload.h"
#include "base/warm_limits.h"

namespace hearth::agent {
namespace {

// Interpreters, the C library and TLS libraries read these once, at the start of a program.
constexpr std::array<std::string_view, 12> kReadAtStart = {"NODE",   "UV_",  "PYTHON",  "LD_",
                                                           "LC_",    "LANG", "TZ",      "MALLOC_",
                                                           "GLIBC_", "SSL_", "OPENSSL", "PATH"};

constexpr std::int64_t kSlotWeightMilli = 10;  // a task that runs comes first
constexpr std::int64_t kSlotCpuMilli = 1'000;

Error refused(std::string sentence) {
  return Error{.code = ErrorCode::FailedPrecondition, .message = std::move(sentence)};
}

bool offers(const SandboxOffer& offer, SandboxLevel level) {
  return std::ranges::find(offer.levels, level) != offer.levels.end();
}

void confine(ProcessPlan& plan, const SandboxOffer& offer, std::int64_t memory_bytes) {
  const SandboxPolicy& policy = offer.policy;
  plan.scratch.bytes =
      std::max(memory_bytes > 0 ? std::min(policy.disk_bytes, memory_bytes) : policy.disk_bytes,
               limits::kScratchBytesMin);
  plan.scratch.inodes = policy.disk_entries;
  plan.sandbox.read_only_paths = policy.paths;
  if (plan.language != nullptr && !plan.language->folder.empty()) {
    plan.sandbox.read_only_paths.push_back(plan.language->folder);
  }
  std::ranges::sort(plan.sandbox.read_only_paths);
  const auto repeated = std::ranges::unique(plan.sandbox.read_only_paths);
  plan.sandbox.read_only_paths.erase(repeated.begin(), repeated.end());
  plan.sandbox.network = policy.network;
  plan.sandbox.open_files = policy.open_files;
  plan.sandbox.processes = policy.processes;
  plan.limits.pids =
      plan.limits.pids > 0 ? std::min(plan.limits.pids, policy.processes) : policy.processes;
  plan.limits.single_use = true;
}

Result<> plan_image(const JobSpec& spec, const SandboxOffer& offer, ProcessPlan& plan) {
  const auto found = offer.images.find(spec.execution.image);
  if (found == offer.images.end()) {
    return refused("this agent has no image \"" + spec.execution.image +
                   "\"; its operator can add it with the setting images");
  }
  plan.sandbox.image_root = found->second;
  return {};
}

Result<> plan_script(const ScriptSpec& script, const SandboxOffer& offer, ProcessPlan& plan) {
  const auto found = offer.languages.find(script.language);
  if (found == offer.languages.end()) {
    return refused("this agent has no interpreter for \"" + script.language +
                   "\"; its operator can add one with the setting languages");
  }
  if (plan.level == SandboxLevel::None) {
    return refused("scripts run in a sandbox, and this one asks for none");
  }
  const Language& language = found->second;
  plan.language = &language;
  // An image has its own interpreter, found by name in its own PATH.
  plan.command = {plan.level == SandboxLevel::Image
                      ? language.program.substr(language.program.rfind('/') + 1)
                      : language.program};
  plan.command.insert(plan.command.end(), language.options.begin(), language.options.end());
  plan.command.push_back(std::string(kSandboxHome) + "/" + language.file);
  plan.command.insert(plan.command.end(), language.after.begin(), language.after.end());
  plan.command.insert(plan.command.end(), script.args.begin(), script.args.end());
  plan.files.push_back({.path = language.file, .bytes = script.code});
  return {};
}

}  // namespace

Result<ProcessPlan> plan_process(const JobSpec& spec, const SandboxOffer& offer,
                                 std::int64_t pids_max) {
  ProcessPlan plan;
  plan.level = spec.scheduling.sandbox;
  plan.limits = limits_of(spec, pids_max);
  if (!offers(offer, plan.level)) {
    return refused("this agent does not offer the sandbox level \"" +
                   std::string(to_string(plan.level)) + "\"");
  }
  if (plan.level == SandboxLevel::Image) {
    HEARTH_TRY(plan_image(spec, offer, plan));
  }
  plan.command = spec.execution.command;
  if (spec.execution.script) {
    HEARTH_TRY(plan_script(*spec.execution.script, offer, plan));
  }
  if (plan.level != SandboxLevel::None) {
    confine(plan, offer, spec.scheduling.request.memory_bytes);
  }
  return plan;
}

ProcessPlan plan_slot(const Language& language, const SandboxOffer& offer) {
  ProcessPlan plan;
  plan.level = SandboxLevel::Process;
  plan.language = &language;
  plan.command = {language.program};
  plan.command.insert(plan.command.end(), language.options.begin(), language.options.end());
  plan.command.push_back(std::string(kSandboxHome) + "/" + std::string(kPreloadFile));
  plan.files.push_back({.path = std::string(kPreloadFile), .bytes = slot_preload(language)});
  plan.limits = {.memory_bytes = limits::kWarmSlotMemoryBytes,
                 .cpu_limit_milli = kSlotCpuMilli,
                 .cpu_weight_milli = kSlotWeightMilli,
                 .pids = 0};
  confine(plan, offer, 0);
  return plan;
}

bool fits_slot(const JobSpec& spec, const ProcessPlan& plan, const SandboxOffer& offer) {
  if (plan.language == nullptr || plan.language->warm == WarmKind::None ||
      !plan.language->after.empty() || plan.level != SandboxLevel::Process ||
      !spec.execution.upload.empty() || !spec.execution.cwd.empty()) {
    return false;
  }
  // Limits only go up.
  if (plan.limits.memory_bytes > 0 &&
      plan.limits.memory_bytes < std::max(limits::kWarmSlotMemoryBytes, offer.policy.disk_bytes)) {
    return false;
  }
  const auto reads_at_start = [](const auto& entry) {
    return std::ranges::any_of(
        kReadAtStart, [&](std::string_view prefix) { return entry.first.starts_with(prefix); });
  };
  return std::ranges::none_of(spec.execution.env, reads_at_start) &&
         std::ranges::none_of(spec.execution.secret_env, reads_at_start);
}

// Numbers and texts that each end with NUL, which neither an argument nor an environment holds.
std::string slot_frame(const std::vector<std::string>& args,
                       const std::vector<std::string>& environment) {
  std::string frame = std::to_string(args.size());
  frame += '\0';
  for (const auto* texts : {&args, &environment}) {
    for (const std::string& text : *texts) {
      frame += text;
      frame += '\0';
    }
  }
  return frame;
}

}  // namespace hearth::agent
