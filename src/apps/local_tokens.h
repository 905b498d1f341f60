// `hearth token … --data DIR`: the tokens of a controller that does not run, straight in its data
// directory. The way to the first token, and back in when every admin token is lost.
#pragma once

#include "cli/options.h"

namespace hearth::apps {

// Returns the exit code.
int manage_local_tokens(const cli::TokenCommand& command);

}  // namespace hearth::apps
