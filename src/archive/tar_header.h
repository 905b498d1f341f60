// One header block of a tar.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "archive/tar_layout.h"
#include "base/result.h"

namespace hearth::archive::tar {

struct Header {
  std::string name;  // with the prefix
  std::uint32_t mode = 0;
  std::int64_t bytes = 0;
  char type = 0;
};

// Whether `block` begins a tar: by its magic, that of POSIX or of GNU.
bool is_header(std::string_view block);
bool is_zero(std::string_view block);

// `block` has kBlockBytes. Refuses a wrong checksum, a missing magic, numbers that are none, are
// negative or too large, and names with something behind their end.
Result<Header> parse_header(std::string_view block);

}  // namespace hearth::archive::tar
