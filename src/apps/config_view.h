// Settings as seen by the programs: where data lives, who an agent is, and what `hearth config`
// prints.
#pragma once

#include <string>

#include "config/settings.h"

namespace hearth::apps {

// --data, else `part` below ~/.local/share/hearth, or below /var/lib/hearth for root.
std::string data_directory(const config::Settings& settings, const std::string& part);

// This machine's; empty when it has none.
std::string host_name();

// --id, else the host's name with everything but [A-Za-z0-9_-] replaced.
std::string agent_id(const config::Settings& settings);

// Name, value and origin of every setting.
std::string config_text(const config::Settings& settings, bool json);

}  // namespace hearth::apps
