#include "model/relative_path.h"

#include <algorithm>

namespace hearth {

bool is_path_below(std::string_view path) {
  const bool is_text = std::ranges::none_of(path, [](char c) {
    constexpr unsigned char kDelete = 0x7F;
    const auto code = static_cast<unsigned char>(c);
    return code < ' ' || code == kDelete;
  });
  if (!is_text) {
    return false;
  }
  while (true) {
    const std::size_t end = path.find('/');
    const std::string_view name = path.substr(0, end);
    if (name.empty() || name == "." || name == "..") {
      return false;
    }
    if (end == std::string_view::npos) {
      return true;
    }
    path.remove_prefix(end + 1);
  }
}

}  // namespace hearth
