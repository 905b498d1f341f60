#include "model/language.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/task_limits.h"

namespace hearth {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kAliases = {{
    {"javascript", "js"},
    {"node", "js"},
    {"nodejs", "js"},
    {"ecmascript", "js"},
    {"py", "python"},
    {"py3", "python"},
    {"python3", "python"},
    {"bash", "sh"},
    {"shell", "sh"},
    {"posix-sh", "sh"},
}};

constexpr bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

constexpr bool is_alphanumeric(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

constexpr bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

}  // namespace

bool is_valid_language(std::string_view name) {
  return !name.empty() && name.size() <= static_cast<std::size_t>(limits::kLanguageBytesMax) &&
         std::ranges::all_of(name,
                             [](char c) { return is_lower_or_digit(c) || is_one_of(c, "+#_.-"); });
}

std::string canonical_language(std::string_view name) {
  const auto* const found =
      std::ranges::find(kAliases, name, &decltype(kAliases)::value_type::first);
  return std::string(found == kAliases.end() ? name : found->second);
}

bool is_valid_image_name(std::string_view name) {
  return !name.empty() && name.size() <= static_cast<std::size_t>(limits::kImageNameBytesMax) &&
         is_alphanumeric(name.front()) && std::ranges::all_of(name, [](char c) {
           return is_alphanumeric(c) || is_one_of(c, "._:@-");
         });
}

std::vector<std::string> features_of(const ExecutionSpec& run) {
  std::vector<std::string> features;
  if (!run.image.empty()) {
    features.push_back(image_feature(run.image));
  }
  if (run.script) {
    features.push_back(lang_feature(run.script->language));
  }
  return features;
}

}  // namespace hearth
