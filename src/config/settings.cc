#include "config/settings.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/check.h"
#include "config/quantity.h"
#include "config/toml_file.h"

namespace hearth::config {

namespace {

constexpr std::array kSettings = {
    Setting{"data", SettingType::Text, "",
            "Data directory (default: ~/.local/share/hearth, as root /var/lib/hearth)", "", "DIR"},
    Setting{"http", SettingType::Text, "127.0.0.1:7070",
            "Address of REST and events; port 0 picks a free one", ""},
    Setting{"grpc", SettingType::Text, "127.0.0.1:50051",
            "Address agents connect to; port 0 picks a free one", ""},
    Setting{
        "allowed_hosts", SettingType::Text, "",
        "Host names, besides loopback names, that requests may be addressed to (comma separated)",
        ""},
    Setting{"tls_cert", SettingType::Text, "",
            "Certificate (PEM, with its chain) for HTTP and gRPC; read again when it changes", "",
            "FILE"},
    Setting{"tls_key", SettingType::Text, "", "Private key of tls_cert", "", "FILE"},
    Setting{"tls_client_ca", SettingType::Text, "",
            "Authority whose certificates clients and agents have to show", "", "FILE"},
    Setting{"auth", SettingType::Text, "loopback-open",
            "Who needs a token: loopback-open (nobody on loopback addresses) or required", "",
            "loopback-open|required"},
    Setting{"insecure_listen_without_tls_and_tokens", SettingType::Boolean, "false",
            "Listen beyond loopback without TLS, and with auth loopback-open without tokens: who "
            "reaches the address runs commands",
            ""},
    Setting{"submit_rate_max", SettingType::Integer, "20000",
            "Submitting requests a second, of one token or address", ""},
    Setting{"callback_hosts", SettingType::Text, "",
            "Whom tasks may call back (comma separated): HOST[:PORT], *.DOMAIN, addresses, "
            "networks, URLs; names are called at public addresses only, unless those are listed "
            "too (default: nobody)",
            ""},
    Setting{"token_file", SettingType::Text, "",
            "File that holds an agent's token or join token (or the variable HEARTH_TOKEN)", "",
            "FILE"},
    Setting{"heartbeat_interval", SettingType::Duration, "10s", "How often agents report", ""},
    Setting{"heartbeat_timeout", SettingType::Duration, "30s",
            "Silence after which an agent is lost and its attempts are requeued", ""},
    Setting{"heartbeats_per_second_max", SettingType::Integer, "500",
            "With more agents than beat so often together, each is told to beat more seldom", ""},
    Setting{"worker_timeout", SettingType::Duration, "90s",
            "Silence after which a worker is no longer shown", ""},
    Setting{"telemetry_bytes_max", SettingType::Memory, "64",
            "Memory an agent may use to remember figures of the last hour, in MiB", ""},
    Setting{"sweep_interval", SettingType::Duration, "5s",
            "Periodic scheduling sweep, beside the event-driven one", ""},
    Setting{"starvation_after", SettingType::Duration, "60s",
            "Wait after which a class of jobs holds one agent until it fits", ""},
    Setting{"queue_jobs_max", SettingType::Integer, "1000000", "Jobs that may wait or run at once",
            ""},
    Setting{"retention_age", SettingType::Duration, "7d",
            "How long a finished job is kept, with its output and idempotency key", ""},
    Setting{"retention_jobs", SettingType::Integer, "1000000", "Finished jobs that are kept", ""},
    Setting{"retention_output", SettingType::Memory, "10G", "Output of finished jobs that is kept",
            ""},
    Setting{"retention_events_age", SettingType::Duration, "24h",
            "How long events are kept for clients that resume", ""},
    Setting{"retention_events", SettingType::Integer, "10000000", "Events that are kept", ""},
    Setting{"controller", SettingType::Text, "127.0.0.1:50051", "Controller an agent connects to",
            "SCHEDULER_ENDPOINT"},
    Setting{"tls", SettingType::Boolean, "false",
            "Link to the controller by TLS and believe the system's authorities", ""},
    Setting{"ca", SettingType::Text, "",
            "Authority (PEM) that the controller's certificate has to come from; implies tls", "",
            "FILE"},
    Setting{"client_cert", SettingType::Text, "",
            "Certificate shown to a controller with tls_client_ca; implies tls", "", "FILE"},
    Setting{"client_key", SettingType::Text, "", "Private key of client_cert", "", "FILE"},
    Setting{"id", SettingType::Text, "", "Agent id, [A-Za-z0-9_-]{1,64} (default: the host name)",
            ""},
    Setting{"type", SettingType::Text, "", "Agent type; shown, and matched like a label", ""},
    Setting{"labels", SettingType::Labels, "", "Labels of an agent, k=v,k=v", ""},
    Setting{"cpu", SettingType::Cpu, "",
            "Cores an agent offers (default: the smaller of host and own cgroup)", ""},
    Setting{"memory", SettingType::Memory, "",
            "Memory an agent offers, MiB or with K, M, G (default: the smaller of host and own "
            "cgroup, less reserve_memory and 64 MiB for each interpreter that may wait)",
            ""},
    Setting{"reserve_memory", SettingType::Memory, "256",
            "Memory kept back for the agent and the system", ""},
    Setting{"gpus", SettingType::Integer, "0", "GPUs an agent offers", ""},
    Setting{"resources", SettingType::Labels, "",
            "Named resources an agent offers, name=amount,...", ""},
    Setting{"max_parallel_jobs", SettingType::Integer, "256", "Attempts an agent runs at once",
            "MAX_PARALLEL_JOBS"},
    Setting{"cgroup_root", SettingType::Text, "",
            "Group below which an agent makes its groups (default: its own)", "", "DIR"},
    Setting{"cgroup", SettingType::Text, "auto", "auto, or none: no limits are enforced", "",
            "auto|none"},
    Setting{"run_as", SettingType::Text, "",
            "User that jobs of sandbox level none run as (default: the agent's)", ""},
    Setting{"sandbox", SettingType::Text, "auto",
            "auto: what the machine can do is offered, or none: no sandboxes, so no scripts", "",
            "auto|none"},
    Setting{"sandbox_min", SettingType::Text, "none",
            "Lowest sandbox level of jobs that an agent takes", "", "none|process|image"},
    Setting{"sandbox_network", SettingType::Boolean, "false",
            "Sandboxed jobs see the machine's network, and all that listens there", ""},
    Setting{"sandbox_disk", SettingType::Memory, "256",
            "What a sandboxed job may write, MiB or with K, M, G; it is memory, and at most the "
            "job's",
            ""},
    Setting{"sandbox_processes", SettingType::Integer, "512",
            "Processes and threads of a sandboxed job", ""},
    Setting{"sandbox_paths", SettingType::Text, "",
            "Further folders and files of the machine that sandboxed jobs see, read-only (comma "
            "separated)",
            ""},
    Setting{"languages", SettingType::Labels, "",
            "Interpreters for scripts besides js, python and sh, NAME=PROGRAM [OPTION...] {FILE}; "
            "nothing after the = takes one away",
            ""},
    Setting{"images", SettingType::Labels, "",
            "Root file systems for jobs of sandbox level image, NAME=FOLDER or "
            "NAME=oci:LAYOUT:TAG[@sha256:DIGEST]",
            ""},
    Setting{
        "warm_slots", SettingType::Integer, "",
        "Interpreters that are started ahead of scripts to come, at most (default: 8, or as many "
        "as an eighth of the memory has 64 MiB for)",
        ""},
    Setting{"warm_always", SettingType::Labels, "",
            "How many of them wait also while nobody asks, LANGUAGE=COUNT (js, python)", ""},
    Setting{"drain_deadline", SettingType::Duration, "",
            "How long a stopping agent lets attempts finish (default: 30s, up: 10s)", ""},
    Setting{"metrics", SettingType::Text, "",
            "Loopback address at which an agent tells its figures (GET /metrics); port 0 picks a "
            "free one (default: nowhere)",
            ""},
    Setting{"log_level", SettingType::Text, "info", "debug, info, warning, error or off", "",
            "debug|info|warning|error|off"},
    Setting{"log_format", SettingType::Text, "text", "text or json", "", "text|json"},
};

constexpr std::array<std::string_view, 2> kDefaultFiles = {"hearth.toml",
                                                           "/etc/hearth/hearth.toml"};

Result<std::int64_t> parse_count(std::string_view text) {
  Result<std::int64_t> parsed = parse_integer(text);
  if (parsed && *parsed < 0) {
    return invalid_argument("'" + std::string(text) + "' is below 0");
  }
  return parsed;
}

// A misspelt choice would silently be the default one.
Result<> check_choice(const Setting& setting, std::string_view text) {
  std::string_view rest = setting.value_name;
  if (rest.find('|') == std::string_view::npos) {
    return {};
  }
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    if (rest.substr(0, end) == text) {
      return {};
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return invalid_argument("'" + std::string(text.substr(0, 40)) + "' is none of " +
                          std::string(setting.value_name));
}

// An empty text would read as 0 where a default is meant, which for what is kept means nothing.
Result<> check_value(const Setting& setting, const SettingValue& value) {
  const bool has_amount =
      setting.type == SettingType::Integer || setting.type == SettingType::Duration;
  if (value.text.empty() && !(has_amount && !setting.fallback.empty())) {
    return {};
  }
  Result<> checked;
  const auto keep = [&checked](const auto& parsed) {
    if (!parsed) {
      checked = Result<>(parsed.error());
    }
  };
  switch (setting.type) {
    case SettingType::Text:
      keep(check_choice(setting, value.text));
      break;
    case SettingType::Integer:
      keep(parse_count(value.text));
      break;
    case SettingType::Duration:
      keep(parse_duration(value.text));
      break;
    case SettingType::Cpu:
      keep(parse_cpu_milli(value.text));
      break;
    case SettingType::Memory:
      keep(parse_memory_bytes(value.text));
      break;
    case SettingType::Labels:
      keep(parse_labels(value.text));
      break;
    case SettingType::Boolean:
      if (value.text != "true" && value.text != "false") {
        checked = Result<>(invalid_argument("'" + value.text + "' is neither true nor false"));
      }
      break;
  }
  if (!checked) {
    return checked.error().with_context("setting " + std::string(setting.name) + " (from " +
                                        value.origin + ")");
  }
  return {};
}

std::optional<SettingValue> from_environment(
    const Setting& setting, const std::map<std::string, std::string>& environment) {
  for (const std::string& variable :
       {environment_of(setting), std::string(setting.environment_alias)}) {
    const auto found = environment.find(variable);
    if (!variable.empty() && found != environment.end()) {
      return SettingValue{found->second, "environment " + variable};
    }
  }
  return std::nullopt;
}

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  const auto* found = std::find_if(kSettings.begin(), kSettings.end(),
                                   [name](const Setting& setting) { return setting.name == name; });
  return found == kSettings.end() ? nullptr : found;
}

std::string flag_of(const Setting& setting) {
  std::string flag = "--" + std::string(setting.name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string environment_of(const Setting& setting) {
  std::string variable = "HEARTH_" + std::string(setting.name);
  std::transform(variable.begin(), variable.end(), variable.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return variable;
}

Result<Settings> Settings::load(const Sources& sources) {
  std::vector<std::string> files;
  if (!sources.file.empty()) {
    files.push_back(sources.file);
  } else {
    files.assign(kDefaultFiles.begin(), kDefaultFiles.end());
  }
  FileValues file;
  for (const std::string& path : files) {
    HEARTH_ASSIGN(const auto read, read_toml_file(path, /*must_exist=*/!sources.file.empty()));
    if (read) {
      file = *read;
      break;
    }
  }
  for (const auto& [name, text] : file.values) {
    if (find_setting(name) == nullptr) {
      return invalid_argument(file.path + ": '" + name +
                              "' is no setting; `hearth config` lists all");
    }
  }
  Settings settings;
  for (const Setting& setting : kSettings) {
    const std::string name(setting.name);
    SettingValue value{std::string(setting.fallback), "default"};
    if (const auto flag = sources.flags.find(name); flag != sources.flags.end()) {
      value = {flag->second, "flag " + flag_of(setting)};
    } else if (const auto variable = from_environment(setting, sources.environment)) {
      value = *variable;
    } else if (const auto entry = file.values.find(name); entry != file.values.end()) {
      value = {entry->second, file.path};
    }
    HEARTH_TRY(check_value(setting, value));
    settings.values_[name] = std::move(value);
  }
  return settings;
}

const SettingValue& Settings::value(std::string_view name) const {
  const auto found = values_.find(name);
  HEARTH_CHECK(found != values_.end(), "a setting that is not in the table was asked for");
  return found->second;
}

std::string Settings::text(std::string_view name) const {
  return value(name).text;
}

std::int64_t Settings::integer(std::string_view name) const {
  return parse_integer(value(name).text).value_or(0);
}

Duration Settings::duration(std::string_view name) const {
  return parse_duration(value(name).text).value_or(Duration{0});
}

std::optional<std::int64_t> Settings::cpu_milli(std::string_view name) const {
  const auto parsed = parse_cpu_milli(value(name).text);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::optional<std::int64_t> Settings::memory_bytes(std::string_view name) const {
  const auto parsed = parse_memory_bytes(value(name).text);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::map<std::string, std::string> Settings::labels(std::string_view name) const {
  return parse_labels(value(name).text).value_or(std::map<std::string, std::string>{});
}

bool Settings::boolean(std::string_view name) const {
  return value(name).text == "true";
}

Result<std::map<std::string, std::string>> parse_labels(std::string_view text) {
  std::map<std::string, std::string> labels;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return invalid_argument("'" + std::string(item) + "' is not NAME=VALUE");
    }
    labels[std::string(item.substr(0, equals))] = std::string(item.substr(equals + 1));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
  }
  return labels;
}

}  // namespace hearth::config
