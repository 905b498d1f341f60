// What is tried, and what has to come of it in one of Hearth's sandboxes. docs/attacks.md shows
// them.
#pragma once

#include <span>
#include <string>

namespace hearth::attack {

struct ProbeRow {
  const char* name;
  const char* about;
  const char* expected;            // of Hearth's level process, without network
  const char* in_image = nullptr;  // of level image, where it is something else
};

struct ProbeGroup {
  const char* name;
  const char* about;
  std::span<const ProbeRow> rows;
};

std::span<const ProbeGroup> probe_groups();
// Ends the test's process when there is none.
const ProbeGroup& probe_group(const std::string& name);

}  // namespace hearth::attack
