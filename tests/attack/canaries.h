// Listeners of the machine that no job may reach.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace hearth::attack {

class Canaries {
 public:
  // A socket in `folder`, which sandboxes are shown, and others that they are not.
  explicit Canaries(const std::string& folder);

  // As attack_tool's group `network` takes them; `hearth_port` is where Hearth serves.
  [[nodiscard]] std::vector<std::string> arguments(const std::string& hearth_port) const;
  // Those that somebody has come to since: "tcp", "udp", "abstract", "path".
  [[nodiscard]] std::vector<std::string> visited() const;

 private:
  std::string tcp_port_;
  std::string udp_port_;
  std::string abstract_name_;
  std::string socket_path_;
  UniqueFd tcp_;
  UniqueFd udp_;
  UniqueFd abstract_;
  UniqueFd path_;
};

}  // namespace hearth::attack
