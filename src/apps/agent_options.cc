#include "apps/agent_options.h"

#include <filesystem>

#include "apps/config_view.h"
#include "apps/version.h"
#include "config/quantity.h"

namespace hearth::apps {

namespace {

Result<std::string> program_beside_this(const char* name) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) {
    return system_error("read /proc/self/exe", failed.value());
  }
  return (self.parent_path() / name).string();
}

// TLS is asked for by --tls, or by naming what is only of use with it.
Result<std::optional<tls::ClientFiles>> link_tls(const config::Settings& settings) {
  tls::ClientFiles files{.authority = settings.text("ca"),
                         .certificate = settings.text("client_cert"),
                         .key = settings.text("client_key")};
  const bool named = !files.authority.empty() || !files.certificate.empty() || !files.key.empty();
  if (!named && !settings.boolean("tls")) {
    return std::optional<tls::ClientFiles>();
  }
  HEARTH_TRY(tls::make_client_context(files));  // the link reads them again for each connection
  return std::optional(std::move(files));
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    if (end > 0) {
      items.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

SandboxLevel level_of(const std::string& text) {
  for (const SandboxLevel level : {SandboxLevel::Process, SandboxLevel::Image}) {
    if (text == to_string(level)) {
      return level;
    }
  }
  return SandboxLevel::None;
}

Result<std::map<std::string, std::int64_t>> amounts(const config::Settings& settings,
                                                    const std::string& setting) {
  std::map<std::string, std::int64_t> result;
  for (const auto& [name, amount] : settings.labels(setting)) {
    const auto parsed = config::parse_integer(amount);
    if (!parsed) {
      return parsed.error().with_context("setting " + setting + ", '" + name + "'");
    }
    result[name] = *parsed;
  }
  return result;
}

Result<agent::SandboxOptions> sandbox_options(const config::Settings& settings) {
  agent::SandboxOptions options;
  options.enabled = settings.text("sandbox") != "none";
  options.lowest = level_of(settings.text("sandbox_min"));
  options.policy.network = settings.boolean("sandbox_network");
  options.policy.disk_bytes =
      settings.memory_bytes("sandbox_disk").value_or(limits::kScratchBytesDefault);
  options.policy.processes = settings.integer("sandbox_processes");
  options.policy.paths = list_of(settings.text("sandbox_paths"));
  options.languages = settings.labels("languages");
  options.images = settings.labels("images");
  if (!settings.text("warm_slots").empty()) {
    options.warm_slots = settings.integer("warm_slots");
  }
  HEARTH_ASSIGN(options.warm_always, amounts(settings, "warm_always"));
  return options;
}

}  // namespace

Result<agent::AgentOptions> agent_options(const config::Settings& settings, std::string data,
                                          Duration drain_deadline) {
  agent::AgentOptions options;
  options.id = agent_id(settings);
  options.type = settings.text("type");
  HEARTH_ASSIGN(options.tls, link_tls(settings));
  options.version = kVersion;
  options.data_dir = std::move(data);
  options.labels = settings.labels("labels");
  HEARTH_ASSIGN(options.sandbox, sandbox_options(settings));
  options.capacity.cpu_milli = settings.cpu_milli("cpu");
  options.capacity.memory_bytes = settings.memory_bytes("memory");
  options.capacity.gpus = settings.integer("gpus");
  HEARTH_ASSIGN(const auto named, amounts(settings, "resources"));
  options.capacity.named = {named.begin(), named.end()};
  options.capacity.reserve_memory_bytes =
      settings.memory_bytes("reserve_memory").value_or(limits::kReserveMemoryBytes);
  options.max_parallel_jobs = settings.integer("max_parallel_jobs");
  options.cgroup_root = settings.text("cgroup_root");
  options.no_cgroups = settings.text("cgroup") == "none";
  options.run_as = settings.text("run_as");
  options.telemetry_bytes_max =
      settings.memory_bytes("telemetry_bytes_max").value_or(limits::kTelemetryBytesMax);
  HEARTH_ASSIGN(options.launcher_path, program_beside_this("hearth-launcher"));
  options.drain_deadline = settings.text("drain_deadline").empty()
                               ? drain_deadline
                               : settings.duration("drain_deadline");
  return options;
}

}  // namespace hearth::apps
