#include "net/router.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace hearth::net {

namespace {

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

std::optional<std::vector<std::string>> match_path(std::string_view pattern,
                                                   std::string_view path) {
  std::vector<std::string> parameters;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = take_segment(pattern);
    const bool takes_rest = pattern.empty() && expected == "{path}";
    const std::string_view found =
        takes_rest ? std::exchange(path, {}).substr(1) : take_segment(path);
    if (!expected.empty() && expected.front() == '{') {
      auto decoded = percent_decode(found, false);
      if (!decoded || decoded->empty()) {
        return std::nullopt;
      }
      parameters.push_back(std::move(*decoded));
    } else if (expected != found) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) {
    return std::nullopt;
  }
  return parameters;
}

}  // namespace

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  if (path.empty() || path.front() != '/') {
    return match;
  }
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    auto parameters = match_path(patterns_[i].path, path);
    if (!parameters) {
      continue;
    }
    if (patterns_[i].method == wanted) {
      match.index = i;
      match.parameters = std::move(*parameters);
      return match;
    }
    if (!match.allow.empty()) {
      match.allow += ", ";
    }
    match.allow += patterns_[i].method == "GET" ? "GET, HEAD" : std::string(patterns_[i].method);
  }
  return match;
}

}  // namespace hearth::net
