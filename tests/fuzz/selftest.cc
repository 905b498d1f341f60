// Proves that the fuzzers can fail: with HEARTH_FUZZ_SELFTEST a defect is planted that only an
// input found by following the program's branches meets.
#include "fuzz.h"

namespace hearth::fuzz {

bool run(std::string_view input) {
  if (input.size() > 3 && input[0] == 'h' && input[1] == 'e' && input[2] == 'a') {
#ifdef HEARTH_FUZZ_SELFTEST
    HEARTH_CHECK(input[3] != 'r', "the planted defect");
#endif
  }
  return true;
}

}  // namespace hearth::fuzz
