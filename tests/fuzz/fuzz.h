// What the fuzz targets share. An input is plain text or bytes without a header of its own, so that
// corpora can be read and written by hand; how it is cut into pieces follows from its contents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"

namespace hearth::fuzz {

// What a target is: runs over one input. False when it is not worth a place in the corpus.
bool run(std::string_view input);

// The first byte, which chooses among the parts of a target; 0 when there is none.
inline std::uint8_t take_byte(std::string_view& input) {
  if (input.empty()) {
    return 0;
  }
  const auto first = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  return first;
}

// FNV-1a: the same input is always cut alike.
inline std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  return hash;
}

using Pieces = std::vector<std::string_view>;

inline Pieces cut_at_random(std::string_view bytes) {
  Pieces pieces;
  std::uint64_t state = hash_of(bytes);
  while (!bytes.empty()) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::size_t most = (state >> 60U) == 0 ? 4'096 : 24;
    const std::size_t size = std::size_t{1} + (state >> 33U) % most;
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}

inline Pieces cut_into_bytes(std::string_view bytes) {
  Pieces pieces;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    pieces.push_back(bytes.substr(i, 1));
  }
  return pieces;
}

// An error that a client is shown says what was wrong.
inline void check_says_why(const Error& error) {
  HEARTH_CHECK(error.code != ErrorCode::Ok && error.code != ErrorCode::Unknown,
               "an error without a code");
  HEARTH_CHECK(error.code != ErrorCode::Internal, "an input can cause an internal error");
  HEARTH_CHECK(!error.message.empty(), "an error without a message");
  HEARTH_CHECK(error.limit.empty() || error.limit_value > 0, "a limit without its value");
}

// What came of the whole and of its pieces; both are shown when they differ.
inline void check_same(const std::string& whole, const std::string& in_pieces) {
  if (whole != in_pieces) {
    std::fprintf(stderr, "--- whole\n%s\n--- in pieces\n%s\n---\n", whole.c_str(),
                 in_pieces.c_str());
  }
  HEARTH_CHECK(whole == in_pieces, "pieces and whole differ");
}

}  // namespace hearth::fuzz
