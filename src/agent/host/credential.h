// The agent's own credential: drawn by the agent, known to the controller by its hash only since
// the agent joined with it, and kept in the data directory where only the agent's user reads it.
#pragma once

#include <optional>
#include <string>

#include "agent/link/link_credential.h"
#include "base/result.h"

namespace hearth::agent {

// Nullopt when the directory has none.
Result<std::optional<std::string>> read_credential(const std::string& data_dir);
// Durable before it is returned: what the controller is told of must not be lost.
Result<std::string> make_credential(const std::string& data_dir);

// `given` is what the operator gave: a join token, another token, or nothing. A credential that is
// there goes before a join token, so that the same start works again.
Result<LinkCredential> choose_credential(const std::string& data_dir, const std::string& given);

}  // namespace hearth::agent
