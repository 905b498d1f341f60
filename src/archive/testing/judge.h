// An archive's bytes through both functions, which must agree.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "archive/archive.h"
#include "base/unique_fd.h"

namespace hearth::archive::testing {

// A descriptor of a file with these bytes.
UniqueFd file_of(std::string_view bytes);

// What is below a directory, as these three say it.
using Tree = std::map<std::string, std::string>;
std::string text(std::string_view contents);
std::string program(std::string_view contents);
std::string folder();
Tree tree_of(const std::string& top);

// The verdict of both: an archive that only one of them takes, or that they tell differently of, is
// a failed expectation. `tree`, if it is there, becomes what was unpacked.
Result<ArchiveSummary> judge(std::string_view bytes, const ArchiveLimits& limits = {},
                             Tree* tree = nullptr);

// Refused for a reason that has `why` in it, as the archive's fault.
::testing::AssertionResult is_refused(std::string_view bytes, std::string_view why,
                                      const ArchiveLimits& limits = {});
// Refused for a limit, with its name and value.
::testing::AssertionResult is_over(std::string_view bytes, std::string_view limit,
                                   std::int64_t value, const ArchiveLimits& limits = {});
::testing::AssertionResult is_taken(std::string_view bytes, const Tree& tree,
                                    const ArchiveLimits& limits = {});

}  // namespace hearth::archive::testing
