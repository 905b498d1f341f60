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
  options.capacity.cpu_milli = settings.cpu_milli("cpu");
  options.capacity.memory_bytes = settings.memory_bytes("memory");
  options.capacity.gpus = settings.integer("gpus");
  for (const auto& [name, amount] : settings.labels("resources")) {
    const auto parsed = config::parse_integer(amount);
    if (!parsed) {
      return parsed.error().with_context("setting resources, '" + name + "'");
    }
    options.capacity.named[name] = *parsed;
  }
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
