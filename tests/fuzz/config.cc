// hearth.toml, the environment, and that a value means the same wherever it comes from.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/files.h"
#include "base/unique_fd.h"
#include "config/door_rule.h"
#include "config/settings.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

using config::Settings;
using config::Sources;

// Every getter may be asked once load() has said yes.
void ask_everything(const Settings& settings) {
  for (const config::Setting& setting : config::all_settings()) {
    const auto& value = settings.values().find(setting.name)->second;
    HEARTH_CHECK(!value.origin.empty(), "a value without an origin");
    switch (setting.type) {
      case config::SettingType::Text:
        HEARTH_CHECK(settings.text(setting.name) == value.text, "a text changes");
        break;
      case config::SettingType::Integer:
        HEARTH_CHECK(settings.integer(setting.name) >= 0, "a count below 0");
        break;
      case config::SettingType::Duration:
        HEARTH_CHECK(settings.duration(setting.name) >= Duration(0), "a negative duration");
        break;
      case config::SettingType::Cpu:
        HEARTH_CHECK(settings.cpu_milli(setting.name).has_value() != value.text.empty(),
                     "a number of cores is lost");
        break;
      case config::SettingType::Memory:
        HEARTH_CHECK(settings.memory_bytes(setting.name).has_value() != value.text.empty(),
                     "an amount of memory is lost");
        break;
      case config::SettingType::Labels:
        (void)settings.labels(setting.name);
        break;
      case config::SettingType::Boolean:
        (void)settings.boolean(setting.name);
        break;
    }
  }
}

Result<Settings> load_toml(std::string_view text) {
  const UniqueFd file(::memfd_create("hearth.toml", MFD_CLOEXEC));
  HEARTH_CHECK(write_all(file.get(), text, "hearth.toml").has_value(), "write the file");
  return Settings::load(
      {.flags = {}, .environment = {}, .file = "/proc/self/fd/" + std::to_string(file.get())});
}

void check_toml(std::string_view text) {
  const auto settings = load_toml(text);
  if (!settings) {
    check_says_why(settings.error());
    return;
  }
  ask_everything(*settings);
}

// "name=value" lines as environment variables; the first byte of a line is no setting's name.
void check_environment(std::string_view text) {
  Sources sources{.flags = {}, .environment = {}, .file = "/dev/null"};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) {
      sources.environment[std::string(line.substr(0, equals))] = line.substr(equals + 1);
    }
  }
  const auto settings = Settings::load(sources);
  if (!settings) {
    check_says_why(settings.error());
    HEARTH_CHECK(settings.error().message.find("environment") != std::string::npos,
                 "an error does not say where the value is from");
    return;
  }
  ask_everything(*settings);
}

std::string quoted(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') {
      out += "\\u00";
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A table of labels: either refused, or exactly those labels.
void check_table(std::string_view text) {
  std::map<std::string, std::string> labels;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      return;  // not UTF-8, or not worth the work
    }
  }
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = std::min(line.find(':'), line.size());
    labels[std::string(line.substr(0, colon))] = line.substr(std::min(colon + 1, line.size()));
  }
  std::string toml = "[labels]\n";
  for (const auto& [name, value] : labels) {
    toml += quoted(name) + " = " + quoted(value) + "\n";
  }
  const auto settings = load_toml(toml);
  HEARTH_CHECK(!settings || settings->labels("labels") == labels, "labels change on their way in");
}

}  // namespace

bool run(std::string_view input) {
  const std::string_view whole = input;
  switch (take_byte(input)) {
    case 'e':
      check_environment(input);
      break;
    case 'l':
      check_table(input);
      break;
    case '#':  // so that a file is a seed as it is
      check_toml(whole);
      break;
    default:
      return false;  // not worth a place in the corpus
  }
  return true;
}

}  // namespace hearth::fuzz
