// hearth.toml as flat text values; toml++ stays in the .cc file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace hearth::config {

struct FileValues {
  std::string path;
  std::map<std::string, std::string> values;  // a table of strings becomes "k=v,k=v"
};

// nullopt when there is no such file and it need not exist. Errors name line and column. A file of
// more than limits::kSettingsFileBytesMax is refused.
Result<std::optional<FileValues>> read_toml_file(const std::string& path, bool must_exist);

}  // namespace hearth::config
