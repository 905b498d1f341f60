#include "apps/config_view.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

#include <boost/json.hpp>

#include "agent/host/agent_host.h"
#include "cli/table.h"

namespace hearth::apps {

namespace {

std::string default_data_root() {
  if (::geteuid() == 0) {
    return "/var/lib/hearth";
  }
  const passwd* user = ::getpwuid(::geteuid());
  return std::string(user == nullptr ? "/tmp" : user->pw_dir) + "/.local/share/hearth";
}

}  // namespace

std::string data_directory(const config::Settings& settings, const std::string& part) {
  if (const std::string data = settings.text("data"); !data.empty()) {
    return data;
  }
  return part.empty() ? default_data_root() : default_data_root() + "/" + part;
}

std::string host_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

std::string agent_id(const config::Settings& settings) {
  if (const std::string id = settings.text("id"); !id.empty()) {
    return id;
  }
  return agent::default_agent_id();
}

std::string config_text(const config::Settings& settings, bool json) {
  if (json) {
    boost::json::object object;
    for (const auto& [name, value] : settings.values()) {
      object[name] = boost::json::object{{"value", value.text}, {"from", value.origin}};
    }
    return boost::json::serialize(object) + "\n";
  }
  cli::Table table({"SETTING", "VALUE", "FROM"});
  for (const config::Setting& setting : config::all_settings()) {
    const auto& value = settings.values().find(setting.name)->second;
    table.add({std::string(setting.name), value.text.empty() ? "-" : value.text, value.origin});
  }
  return table.text();
}

}  // namespace hearth::apps
