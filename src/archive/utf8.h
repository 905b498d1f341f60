// Code points of names, without a locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth::archive {

// `bytes` is how many to go on by: of a sequence that is not valid, one.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
  bool is_valid = false;
};

// `text` has a byte at least. Valid is what Unicode calls so: no overlong form, no surrogate.
CodePoint next_code_point(std::string_view text);

// Control characters, line and paragraph separators, and what turns the direction of the text
// around it: a name with one is not what it looks like.
bool is_unprintable(char32_t c);

// Equal for names that differ in upper and lower case only. Simple case folding of the letters in
// common use (Latin, Greek, Cyrillic, Armenian, Georgian, full width), not of all that Unicode has;
// composed and decomposed accents stay different. `text` is valid.
std::string folded(std::string_view text);

}  // namespace hearth::archive
