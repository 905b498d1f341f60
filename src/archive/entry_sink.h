// Where the entries of an archive go. Each reader calls it in the order in which an EntrySet
// admitted them, and only with what that admitted.
#pragma once

#include <string_view>

#include "archive/entry_set.h"

namespace hearth::archive {

class EntrySink {
 public:
  EntrySink() = default;
  EntrySink(const EntrySink&) = delete;
  EntrySink& operator=(const EntrySink&) = delete;
  virtual ~EntrySink() = default;

  // A directory is complete with it; a file's bytes follow, then its end.
  virtual Result<> begin(const Entry& entry) = 0;
  virtual Result<> write(std::string_view bytes) = 0;
  virtual Result<> end() = 0;
};

}  // namespace hearth::archive
