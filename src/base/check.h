// HEARTH_CHECK: on in every build. For broken invariants only, never for input, network, disk,
// kernel or worker behaviour. Prints to stderr and aborts; recovery is a restart.
#pragma once

#include <string_view>

namespace hearth {

[[noreturn]] void check_failed(std::string_view condition, std::string_view message,
                               std::string_view file, int line);

}  // namespace hearth

#define HEARTH_CHECK(condition, message)                                 \
  do {                                                                   \
    if (!(condition)) {                                                  \
      ::hearth::check_failed(#condition, (message), __FILE__, __LINE__); \
    }                                                                    \
  } while (false)
