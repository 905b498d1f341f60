#pragma once

#include <string>

namespace hearth::attack {

// Says "victim listens shares locks" when all is left, and waits to be ended.
std::string be_victim();

}  // namespace hearth::attack
