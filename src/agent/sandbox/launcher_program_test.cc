#include <string>

#include "agent/sandbox/testing/sandbox_fixture.h"

namespace hearth::agent {

std::string launcher_program() {
  return HEARTH_LAUNCHER_PROGRAM;
}

}  // namespace hearth::agent
