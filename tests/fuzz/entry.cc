// What libFuzzer and replay.cc call.
#include "fuzz.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name is theirs
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hearth::fuzz::run({reinterpret_cast<const char*>(data), size}) ? 0 : -1;
}
