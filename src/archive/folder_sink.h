// Writes entries below a directory and nowhere else, whatever is in it.
#pragma once

#include <string>

#include "archive/entry_sink.h"
#include "base/unique_fd.h"

namespace hearth::archive {

class FolderSink : public EntrySink {
 public:
  // Borrows the directory's descriptor.
  explicit FolderSink(int folder) : folder_(folder) {}

  Result<> begin(const Entry& entry) override;
  Result<> write(std::string_view bytes) override;
  Result<> end() override;

 private:
  Result<> make_directory(const std::string& path);

  const int folder_;
  UniqueFd file_;
  std::string path_;  // of that file
};

}  // namespace hearth::archive
