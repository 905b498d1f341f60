// The entries of one archive, whatever its format: what each may be, and that no two are in each
// other's way.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "archive/archive.h"

namespace hearth::archive {

// As the archive has it. `path` without the slash at the end of a directory's.
struct ListedEntry {
  std::string_view path;
  bool is_directory = false;
  std::uint32_t mode = 0;
  std::int64_t bytes = 0;
};

// One that was admitted. The first `known_bytes` of `path` name a directory that an earlier entry
// had or implied (0: none); what follows, but for a file's own name, is to be made.
struct Entry {
  std::string path;
  bool is_directory = false;
  bool is_executable = false;
  std::int64_t bytes = 0;
  std::size_t known_bytes = 0;
};

class EntrySet {
 public:
  explicit EntrySet(const ArchiveLimits& limits) : limits_(limits) {}

  // The entry's own rules, then the limits with it counted in, then that it clashes with none: not
  // listed before, not with other upper and lower case, not a directory here and a file there.
  // After an error the set is of no use.
  Result<Entry> admit(const ListedEntry& listed);

  [[nodiscard]] std::int64_t files() const { return files_; }
  [[nodiscard]] std::int64_t directories() const { return directories_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  // A name in a directory. Directories are numbered, so that what all entries have in common is
  // kept once.
  struct Node {
    std::string name;
    std::int64_t directory = 0;  // 0: a file
    bool is_listed = false;
  };
  struct Placed {
    Node& node;
    bool is_new = false;
  };
  using Key = std::pair<std::int64_t, std::string>;  // its directory's number, the folded name

  Result<> count(bool is_directory, std::int64_t bytes);
  // Finds the name in its directory, or makes it.
  Result<Placed> place(std::int64_t parent, std::string_view name, bool is_directory,
                       std::int64_t bytes);

  const ArchiveLimits limits_;
  // Ordered: no choice of names makes it slow.
  std::map<Key, Node> nodes_;
  std::int64_t last_directory_ = 1;  // the archive's root
  std::int64_t files_ = 0;
  std::int64_t directories_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace hearth::archive
