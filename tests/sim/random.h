// All randomness of a simulation: xoshiro256** seeded through splitmix64, the same on every
// machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace hearth::sim {

inline std::uint64_t splitmix(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : words_) {
      word = splitmix(seed);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(words_[1] * 5, 7) * 9;
    const std::uint64_t t = words_[1] << 17U;
    words_[2] ^= words_[0];
    words_[3] ^= words_[1];
    words_[1] ^= words_[2];
    words_[0] ^= words_[3];
    words_[2] ^= t;
    words_[3] = rotate(words_[3], 45);
    return result;
  }

  // In [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    if (high <= low) {
      return low;
    }
    const auto span = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>(next() % span);
  }

  std::size_t index(std::size_t size) { return static_cast<std::size_t>(next() % size); }

  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

  Duration duration(std::int64_t low_ms, std::int64_t high_ms) {
    return Duration(between(low_ms, high_ms));
  }

  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values[index(values.size())];
  }

  // A stream of its own, so that one part's draws do not shift another's.
  Random fork() { return Random(next()); }

 private:
  static std::uint64_t rotate(std::uint64_t value, unsigned bits) {
    return (value << bits) | (value >> (64U - bits));
  }

  std::array<std::uint64_t, 4> words_{};
};

}  // namespace hearth::sim
