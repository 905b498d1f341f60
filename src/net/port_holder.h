// Who holds a taken port, for error messages that help.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace hearth::net {

struct PortHolder {
  int pid = 0;
  std::string name;  // as in /proc/PID/comm
};

// Nullopt when it cannot be told: nobody listens, or the holder belongs to another user.
std::optional<PortHolder> find_port_holder(std::uint16_t port);

// `what` is the address asked for, `how_to_choose` the flags and variables that name another.
Error port_taken(std::string_view what, std::uint16_t port, std::string_view how_to_choose);

}  // namespace hearth::net
