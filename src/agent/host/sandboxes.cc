#include "agent/host/sandboxes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/sandbox/probe.h"

namespace hearth::agent {
namespace {

Result<> check_images(const std::map<std::string, std::string>& images) {
  for (const auto& [name, folder] : images) {
    struct stat info {};
    if (!is_normal_path(folder) || stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
      return invalid_field("images", "the image \"" + name + "\": " + folder +
                                         " is not the absolute path of a folder that holds an "
                                         "unpacked root file system");
    }
  }
  return {};
}

void find_levels(ProcessLauncher& launcher, Log& log, Sandboxes& sandboxes,
                 const SandboxOptions& options) {
  if (geteuid() == 0) {
    auto ids = UidRanges::open({.lock_path = options.ids_lock_path});
    if (!ids) {
      log.warn("no sandboxes are offered", {{"why", ids.error().message}});
      return;
    }
    sandboxes.ids = std::move(*ids);
  }
  SandboxSupport support = probe_sandboxes(launcher, sandboxes.ids.get());
  sandboxes.offer.levels = std::move(support.levels);
  if (!support.process_refused.empty()) {
    log.warn("no sandboxes are offered", {{"why", support.process_refused}});
  } else if (!support.image_refused.empty()) {
    log.warn("no sandboxes with images are offered", {{"why", support.image_refused}});
  }
}

WarmPolicy warm_policy(const SandboxOptions& options, const SandboxOffer& offer) {
  const bool has_sandboxes =
      std::ranges::find(offer.levels, SandboxLevel::Process) != offer.levels.end();
  return {.slots_max = has_sandboxes ? options.warm_slots : 0,
          .starting_max = limits::kWarmStartsMax,
          .age_max = limits::kWarmAgeMax,
          .idle_after = limits::kWarmIdleAfter,
          .shrink_after = limits::kWarmShrinkAfter,
          .retry_first = limits::kWarmRetryFirst,
          .retry_max = limits::kWarmRetryMax,
          .always = options.warm_always};
}

Result<> check_warm(const SandboxOptions& options, const SandboxOffer& offer) {
  if (options.warm_slots > limits::kWarmSlotsMax) {
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

Result<Sandboxes> prepare_sandboxes(const SandboxOptions& options, const std::string& path,
                                    ProcessLauncher& launcher, Log& log) {
  Sandboxes sandboxes;
  SandboxOffer& offer = sandboxes.offer;
  offer.policy = options.policy;
  HEARTH_TRY(check_images(options.images));
  offer.images = options.images;
  HEARTH_ASSIGN(FoundLanguages found, find_languages(options.languages, path));
  offer.languages = std::move(found.languages);
  for (const std::string& why : found.missing) {
    log.info("an interpreter is missing", {{"why", why}});
  }
  HEARTH_TRY(check_warm(options, offer));
  if (options.enabled) {
    find_levels(launcher, log, sandboxes, options);
  }
  std::erase_if(offer.levels, [&](SandboxLevel level) { return level < options.lowest; });
  if (offer.levels.empty()) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "this agent may only run jobs of sandbox level " +
                            std::string(to_string(options.lowest)) +
                            " and above, which this machine cannot do; the log says why",
                 .field = "sandbox_min"};
  }
  sandboxes.warm = warm_policy(options, offer);
  return sandboxes;
}

void announce(const SandboxOffer& offer, AgentInfo& info) {
  const auto offers = [&](SandboxLevel level) {
    return std::ranges::find(offer.levels, level) != offer.levels.end();
  };
  info.sandboxes = offer.levels;
  info.features.clear();
  if (offers(SandboxLevel::Process) || offers(SandboxLevel::Image)) {
    for (const auto& [name, language] : offer.languages) {
      info.features.push_back(lang_feature(name));
    }
  }
  if (offers(SandboxLevel::Image)) {
    for (const auto& [name, folder] : offer.images) {
      info.features.push_back(image_feature(name));
    }
  }
  std::ranges::sort(info.features);
}

}  // namespace hearth::agent
