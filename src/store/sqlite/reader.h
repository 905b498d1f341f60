// Reads through a read-only connection of its own. Internal to sqlite/.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace hearth::store::sqlite {

Result<std::unique_ptr<Reader>> open_reader(const std::string& path, const std::string& vfs);

// Everything a reader runs beside lists, for the test of their query plans.
std::span<const std::string_view> reader_statements();

}  // namespace hearth::store::sqlite
