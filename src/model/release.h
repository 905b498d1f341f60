// Which releases of an agent and a controller work together.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"

namespace hearth {

struct Release {
  int major = 0;
  int minor = 0;
  int patch = 0;

  friend bool operator==(const Release&, const Release&) = default;
};

// MAJOR.MINOR.PATCH, with anything after a '-' or '+' left out.
std::optional<Release> parse_release(std::string_view text);

// The same major, and minors that differ by at most one: so that a fleet can be upgraded machine by
// machine. FailedPrecondition says which end to upgrade, also when one says no version at all.
Result<> check_link_releases(std::string_view controller, std::string_view agent);

}  // namespace hearth
