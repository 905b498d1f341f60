// Texts of others brought to a length that is kept. Neither cuts within a UTF-8 character.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

// Its first bytes, at most `bytes_max` of them.
std::string cut_text(std::string_view text, std::size_t bytes_max);

// For sentences, which begin with what was tried and end with what to do: of a longer one the
// middle is left out, with a mark that says how much it was. `bytes_max` counts the mark too and is
// larger than it.
std::string cut_middle(std::string_view text, std::size_t bytes_max);

}  // namespace hearth
