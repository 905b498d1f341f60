// What the jobs of the fault tests write: bytes that follow from job, attempt and stream, so that a
// byte that was lost, doubled, torn or taken from another attempt is seen.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::e2e {

// The first `bytes` of the stream; the same from any program.
inline std::string job_output(std::string_view job, std::int64_t attempt, std::string_view stream,
                              std::int64_t bytes) {
  constexpr std::uint64_t kBasis = 0xcbf29ce484222325U;
  constexpr std::uint64_t kPrime = 0x100000001b3U;
  std::uint64_t state = kBasis;
  for (const char c :
       std::string(job) + "/" + std::to_string(attempt) + "/" + std::string(stream)) {
    state = (state ^ static_cast<std::uint8_t>(c)) * kPrime;
  }
  std::string result;
  result.reserve(static_cast<std::size_t>(bytes) + sizeof(std::uint64_t));
  while (static_cast<std::int64_t>(result.size()) < bytes) {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t word = (state ^ (state >> 30U)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
    word ^= word >> 31U;
    for (unsigned i = 0; i < sizeof(word); ++i) {
      result += static_cast<char>(static_cast<std::uint8_t>(word >> (8U * i)));
    }
  }
  result.resize(static_cast<std::size_t>(bytes));
  return result;
}

}  // namespace hearth::e2e
