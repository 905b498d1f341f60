// What libFuzzer and replay.cc call.
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return hearth::fuzz::run({reinterpret_cast<const char*>(data), size}) ? 0 : -1;
}
