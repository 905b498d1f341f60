// The directory that holds the truth: made private, locked against a second process.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"

namespace hearth::store::sqlite {

// Makes `directory` (mode 0700) if it is missing, locks it and makes sure that the database file
// in it, `database_path(directory)`, is ours to read and write (mode 0600 when made here).
Result<FileLock> prepare_data_directory(const std::string& directory);

std::string database_path(const std::string& directory);

}  // namespace hearth::store::sqlite
