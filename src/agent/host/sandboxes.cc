#include "agent/host/sandboxes.h"

#include <unistd.h>

#include <algorithm>

#include "agent/host/images.h"
#include "agent/sandbox/probe.h"

namespace hearth::agent {
namespace {

bool offers(const SandboxOffer& offer, SandboxLevel level) {
  return std::ranges::find(offer.levels, level) != offer.levels.end();
}

void find_levels(const SandboxDeps& deps, Sandboxes& sandboxes, const SandboxOptions& options) {
  if (geteuid() == 0) {
    auto ids = UidRanges::open({.lock_path = options.ids_lock_path});
    if (!ids) {
      deps.log.warn("no sandboxes are offered", {{"why", ids.error().message}});
      return;
    }
    sandboxes.ids = std::move(*ids);
  }
  SandboxSupport support = probe_sandboxes(deps.launcher, sandboxes.ids.get(), deps.clock);
  sandboxes.offer.levels = std::move(support.levels);
  if (!support.process_refused.empty()) {
    deps.log.warn("no sandboxes are offered", {{"why", support.process_refused}});
  } else if (!support.image_refused.empty()) {
    deps.log.warn("no sandboxes with images are offered", {{"why", support.image_refused}});
  }
}

// At the start, rather than at each job.
Result<> check_policy(const SandboxPolicy& policy) {
  SandboxPlan plan;
  plan.read_only_paths = policy.paths;
  if (const auto valid = validate(plan); !valid) {
    Error error = valid.error().with_context("setting sandbox_paths");
    error.field = "sandbox_paths";
    return error;
  }
  for (const std::string& path : policy.paths) {
    if (access(path.c_str(), F_OK) != 0) {
      return invalid_field("sandbox_paths", "sandbox_paths names " + path +
                                                ", which does not exist on this machine");
    }
  }
  plan = {};
  plan.processes = policy.processes;
  if (const auto valid = validate(plan); !valid) {
    Error error = valid.error().with_context("setting sandbox_processes");
    error.field = "sandbox_processes";
    return error;
  }
  return {};
}

WarmPolicy warm_policy(const SandboxOptions& options, const SandboxOffer& offer,
                       std::int64_t memory_bytes) {
  const bool any = offers(offer, SandboxLevel::Process) &&
                   std::ranges::any_of(offer.languages, [](const auto& language) {
                     return language.second.warm != WarmKind::None;
                   });
  return {.slots_max = any ? warm_slots_of(options.warm_slots, memory_bytes) : 0,
          .starting_max = limits::kWarmStartsMax,
          .age_max = limits::kWarmAgeMax,
          .idle_after = limits::kWarmIdleAfter,
          .shrink_after = limits::kWarmShrinkAfter,
          .refill_after = limits::kWarmRefillAfter,
          .retry_first = limits::kWarmRetryFirst,
          .retry_max = limits::kWarmRetryMax,
          .always = options.warm_always};
}

Result<> check_warm(const SandboxOptions& options, const SandboxOffer& offer) {
  if (options.warm_slots.value_or(0) > limits::kWarmSlotsMax) {
    return invalid_field("warm_slots",
                         "warm_slots must be 0 to " + std::to_string(limits::kWarmSlotsMax));
  }
  for (const auto& [language, count] : options.warm_always) {
    const auto found = offer.languages.find(language);
    if (found == offer.languages.end() || found->second.warm == WarmKind::None) {
      return invalid_field("warm_always", "no interpreter of \"" + language +
                                              "\" can be started ahead; node and python3 can");
    }
  }
  return {};
}

}  // namespace

std::int64_t warm_slots_of(std::optional<std::int64_t> wished, std::int64_t memory_bytes) {
  return wished.value_or(
      std::min(limits::kWarmSlotsDefault,
               memory_bytes / limits::kWarmMemoryPart / limits::kWarmSlotReserveBytes));
}

Result<Sandboxes> prepare_sandboxes(const SandboxOptions& options, const SandboxDeps& deps) {
  Sandboxes sandboxes;
  SandboxOffer& offer = sandboxes.offer;
  HEARTH_TRY(check_policy(options.policy));
  offer.policy = options.policy;
  HEARTH_ASSIGN(FoundLanguages found, find_languages(options.languages, deps.path));
  offer.languages = std::move(found.languages);
  for (const std::string& why : found.missing) {
    deps.log.info("an interpreter is missing", {{"why", why}});
  }
  HEARTH_TRY(check_warm(options, offer));
  if (options.enabled) {
    find_levels(deps, sandboxes, options);
  }
  if (offers(offer, SandboxLevel::Image)) {
    HEARTH_ASSIGN(offer.images, prepare_images(options.images, {.cache_dir = deps.images_dir},
                                               deps.clock, deps.log));
  }
  std::erase_if(offer.levels, [&](SandboxLevel level) { return level < options.lowest; });
  if (offer.levels.empty()) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "this agent may only run jobs of sandbox level " +
                            std::string(to_string(options.lowest)) +
                            " and above, which this machine cannot do; the log says why",
                 .field = "sandbox_min"};
  }
  sandboxes.warm = warm_policy(options, offer, deps.memory_bytes);
  return sandboxes;
}

void announce(const SandboxOffer& offer, AgentInfo& info) {
  info.sandboxes = offer.levels;
  info.features.clear();
  if (offers(offer, SandboxLevel::Process) || offers(offer, SandboxLevel::Image)) {
    for (const auto& [name, language] : offer.languages) {
      info.features.push_back(lang_feature(name));
    }
  }
  if (offers(offer, SandboxLevel::Image)) {
    for (const auto& [name, folder] : offer.images) {
      info.features.push_back(image_feature(name));
    }
  }
  std::ranges::sort(info.features);
}

}  // namespace hearth::agent
