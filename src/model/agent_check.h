// What an agent may say of itself. A hello comes from the network: it is refused with a sentence
// that an operator can act on, before anybody acts on it.
#pragma once

#include "base/result.h"
#include "model/agent.h"

namespace hearth {

// InvalidArgument/invalid_field names the field and says what is allowed.
Result<> check_agent_info(const AgentInfo& info);

}  // namespace hearth
