// A fresh directory below $TMPDIR (or /tmp), removed with everything in it at the end.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "base/random.h"

namespace hearth::testing {

class TempDir {
 public:
  TempDir()
      : path_(
            (std::filesystem::temp_directory_path() / ("hearth_test_" + random_hex(8))).string()) {
    std::filesystem::create_directory(path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  const std::string path_;
};

}  // namespace hearth::testing
