// Tar as every tool reads it: ustar, with pax headers for what does not fit.
//
// Only what leads to the same bytes everywhere: no owner, no attribute, and a mode that tells no
// more than whether a file may be executed. Pure functions; the caller puts the file's bytes
// between a header and its padding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::archive {

struct TarEntry {
  std::string path;  // relative; valid UTF-8 where it is longer than 100 bytes
  std::int64_t bytes = 0;
  bool is_directory = false;
  bool is_executable = false;
  std::int64_t modified_s = 0;  // since 1970; before: 1970
};

// In front of an entry's bytes.
std::string tar_header(const TarEntry& entry);
// Behind them.
std::string tar_padding(std::int64_t bytes);
// Header, bytes and padding.
std::int64_t tar_size(const TarEntry& entry);
// Said in front of all entries, where tools pass over it.
std::string tar_comment(std::string_view comment);
std::string tar_end();

}  // namespace hearth::archive
