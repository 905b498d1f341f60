#include "model/ids.h"

#include <algorithm>
#include <array>

namespace hearth {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kJobIdChars = 13;
constexpr int kBitsPerChar = 5;
// 13 characters hold 65 bits: the first one carries only four.
constexpr std::uint64_t kFirstCharMax = 15;

int digit_of(char c) {
  const auto at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string to_string(JobId id) {
  std::string text(kJobIdChars, '0');
  std::uint64_t rest = id.value();
  for (std::size_t i = kJobIdChars; i-- > 0;) {
    text[i] = kAlphabet[rest & 31];
    rest >>= kBitsPerChar;
  }
  return text;
}

std::optional<JobId> parse_job_id(std::string_view text) {
  if (text.size() != kJobIdChars) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kJobIdChars; ++i) {
    const int digit = digit_of(text[i]);
    if (digit < 0 || (i == 0 && static_cast<std::uint64_t>(digit) > kFirstCharMax)) {
      return std::nullopt;
    }
    value = (value << kBitsPerChar) | static_cast<std::uint64_t>(digit);
  }
  return JobId(value);
}

JobId next_job_id(JobId last, TimePoint now) {
  const std::int64_t ms = std::max<std::int64_t>(to_ms(now), 0);
  const std::uint64_t at_now = static_cast<std::uint64_t>(ms) << kJobIdSequenceBits;
  return JobId(std::max(last.value() + 1, at_now));
}

TimePoint time_of(JobId id) {
  return time_from_ms(static_cast<std::int64_t>(id.value() >> kJobIdSequenceBits));
}

bool is_valid_name_id(std::string_view text) {
  constexpr std::size_t kNameIdCharsMax = 64;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= kNameIdCharsMax &&
         std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace hearth
