// Small steps through the text files of the kernel, without allocation. Pure.
//
// The kernel ends every line; one that does not end was cut off by the reader's buffer, and a
// number that was cut off is another number. So only whole lines are given out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth::agent {

// The next whole line without its end, taken off `text`; nullopt when none is left.
std::optional<std::string_view> take_line(std::string_view& text);

// The next word, separated by spaces or tabs, taken off `line`; empty at the end.
std::string_view take_word(std::string_view& line);

// A number from 0 to 2^63-1 and nothing else; what is larger, negative or no number is nullopt.
std::optional<std::int64_t> to_count(std::string_view word);

// "12.34": a finite number of at least 0 and nothing else.
std::optional<double> to_decimal(std::string_view word);

// The whole file is one line of one number.
std::optional<std::int64_t> parse_count_file(std::string_view text);

// Sums that pass 2^63-1 stay there.
std::int64_t add_capped(std::int64_t a, std::int64_t b);
std::int64_t multiply_capped(std::int64_t a, std::int64_t b);

}  // namespace hearth::agent
