// Every setting of the daemons: its name, where it may come from, its default, and what is in
// force.
//
// Precedence: flag over environment (HEARTH_NAME, then the aliases of spec §4) over hearth.toml
// over default. Each value remembers its origin, so that `hearth config` can show it and an error
// can name it. Values stay text until asked for; load() checks every one, so that a typo ends the
// start and not a job.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hearth::config {

enum class SettingType : std::uint8_t { Text, Integer, Duration, Cpu, Memory, Labels, Boolean };

// `name` as in hearth.toml; the flag is --name with '-' for '_', the variable HEARTH_NAME in upper
// case.
struct Setting {
  std::string_view name;
  SettingType type = SettingType::Text;
  std::string_view fallback;  // "" is "not set"
  std::string_view help;
  std::string_view environment_alias;  // "" or one more variable
  std::string_view value_name = {};    // as cli/completion.h reads it: FILE, DIR, "a|b"
};

std::span<const Setting> all_settings();
const Setting* find_setting(std::string_view name);
std::string flag_of(const Setting& setting);         // "--heartbeat-interval"
std::string environment_of(const Setting& setting);  // "HEARTH_HEARTBEAT_INTERVAL"

struct SettingValue {
  std::string text;
  std::string origin;  // "flag --http", "environment HEARTH_HTTP", "hearth.toml", "default"
};

// What the process was given. `file`: a path named by --config; empty: ./hearth.toml or
// /etc/hearth/hearth.toml when it exists.
struct Sources {
  std::map<std::string, std::string> flags;  // by setting name
  std::map<std::string, std::string> environment;
  std::string file;
};

class Settings {
 public:
  static Result<Settings> load(const Sources& sources);

  [[nodiscard]] const std::map<std::string, SettingValue, std::less<>>& values() const {
    return values_;
  }
  // `name` must be one of all_settings() and of the type asked for.
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] Duration duration(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> cpu_milli(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> memory_bytes(std::string_view name) const;
  [[nodiscard]] std::map<std::string, std::string> labels(std::string_view name) const;
  [[nodiscard]] bool boolean(std::string_view name) const;

 private:
  [[nodiscard]] const SettingValue& value(std::string_view name) const;
  std::map<std::string, SettingValue, std::less<>> values_;
};

// "k=v,k2=v2"
Result<std::map<std::string, std::string>> parse_labels(std::string_view text);

}  // namespace hearth::config
