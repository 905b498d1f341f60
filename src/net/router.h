// Finds the route of a request: patterns such as "/v1/jobs/{id}/output", exact methods.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace hearth::net {

struct RoutePattern {
  std::string_view method;
  // Segments in braces match any one segment; "{path}" at the end, all that is left.
  std::string_view path;
};

// A small fixed table, so a scan is the fastest lookup.
class Router {
 public:
  explicit Router(std::vector<RoutePattern> patterns) : patterns_(std::move(patterns)) {}

  struct Match {
    // kNone when no pattern fits; then `allow` is empty (404) or lists the methods there are (405).
    std::size_t index = kNone;
    std::vector<std::string> parameters;  // decoded, in the order of the pattern
    std::string allow;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // HEAD matches GET's route.
  [[nodiscard]] Match match(std::string_view method, std::string_view path) const;
  [[nodiscard]] const std::vector<RoutePattern>& patterns() const { return patterns_; }

 private:
  std::vector<RoutePattern> patterns_;
};

}  // namespace hearth::net
