#include "archive/entry_set.h"

#include "archive/path_rules.h"
#include "archive/refusal.h"
#include "archive/utf8.h"

namespace hearth::archive {
namespace {

constexpr std::int64_t kRoot = 1;

}  // namespace

Result<Entry> EntrySet::admit(const ListedEntry& listed) {
  HEARTH_TRY(check_path(listed.path, limits_));
  HEARTH_TRY(check_mode(listed.mode));
  Entry entry{.path = std::string(listed.path),
              .is_directory = listed.is_directory,
              .is_executable = !listed.is_directory && is_executable(listed.mode),
              .bytes = listed.bytes};
  std::int64_t parent = kRoot;
  std::size_t begin = 0;
  for (std::size_t slash = listed.path.find('/'); slash != std::string_view::npos;
       slash = listed.path.find('/', begin)) {
    const std::string_view name = listed.path.substr(begin, slash - begin);
    HEARTH_ASSIGN(const Placed above, place(parent, name, true, 0));
    if (!above.is_new) {
      entry.known_bytes = slash;
    }
    parent = above.node.directory;
    begin = slash + 1;
  }
  HEARTH_ASSIGN(const Placed own,
                place(parent, listed.path.substr(begin), listed.is_directory, listed.bytes));
  if (own.node.is_listed) {
    return refused("it is in the archive twice");
  }
  own.node.is_listed = true;
  if (!own.is_new) {
    entry.known_bytes = listed.path.size();
  }
  return entry;
}

Result<EntrySet::Placed> EntrySet::place(std::int64_t parent, std::string_view name,
                                         bool is_directory, std::int64_t bytes) {
  auto [found, is_new] = nodes_.try_emplace(Key{parent, folded(name)});
  Node& node = found->second;
  if (is_new) {
    HEARTH_TRY(count(is_directory, bytes));
    node.name = name;
    node.directory = is_directory ? ++last_directory_ : 0;
    return Placed{node, true};
  }
  if (node.name != name) {
    return refused("it differs from " + shown(node.name) +
                   " beside it only in upper and lower case");
  }
  if (is_directory != (node.directory != 0)) {
    return refused(shown(name) + " is a file in one place and a directory in another");
  }
  return Placed{node, false};
}

Result<> EntrySet::count(bool is_directory, std::int64_t bytes) {
  (is_directory ? directories_ : files_) += 1;
  if (files_ + directories_ > limits_.entries_max) {
    return over_limit("archive_entries_max", limits_.entries_max,
                      "there are too many files and directories");
  }
  if (bytes > limits_.file_bytes_max) {
    return over_limit("archive_file_bytes_max", limits_.file_bytes_max, "the file is too large");
  }
  bytes_ += bytes;
  if (bytes_ > limits_.bytes_max) {
    return over_limit("archive_bytes_max", limits_.bytes_max, "the files are too large together");
  }
  return {};
}

}  // namespace hearth::archive
