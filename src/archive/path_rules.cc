#include "archive/path_rules.h"

#include "archive/refusal.h"
#include "archive/utf8.h"

namespace hearth::archive {
namespace {

constexpr std::uint32_t kSpecialBits = 07000;
constexpr std::uint32_t kExecuteBits = 0111;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Result<> check_characters(std::string_view path) {
  while (!path.empty()) {
    const CodePoint next = next_code_point(path);
    if (!next.is_valid) {
      return refused("the name is not UTF-8");
    }
    if (next.value == 0) {
      return refused("the name contains a zero byte");
    }
    if (is_unprintable(next.value)) {
      return refused("the name contains a control character or one that reorders text");
    }
    if (next.value == U'\\') {
      return refused("the name contains a backslash");
    }
    path.remove_prefix(next.bytes);
  }
  return {};
}

Result<> check_name(std::string_view name, const ArchiveLimits& limits) {
  if (name.empty()) {
    return refused("a name in the path is empty");
  }
  if (name == ".") {
    return refused("\".\" is no name");
  }
  if (name == "..") {
    return refused("\"..\" would lead out of the folder");
  }
  if (static_cast<std::int64_t>(name.size()) > limits.name_bytes_max) {
    return over_limit("archive_name_bytes_max", limits.name_bytes_max, "a name is too long");
  }
  return {};
}

}  // namespace

Result<> check_path(std::string_view path, const ArchiveLimits& limits) {
  if (path.empty()) {
    return refused("the name is empty");
  }
  if (static_cast<std::int64_t>(path.size()) > limits.path_bytes_max) {
    return over_limit("archive_path_bytes_max", limits.path_bytes_max, "the path is too long");
  }
  if (path.front() == '/') {
    return refused("the path is absolute");
  }
  if (path.size() >= 2 && is_letter(path[0]) && path[1] == ':') {
    return refused("the path begins with a drive");
  }
  HEARTH_TRY(check_characters(path));
  std::int64_t depth = 0;
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    HEARTH_TRY(check_name(rest.substr(0, slash), limits));
    if (++depth > limits.depth_max) {
      return over_limit("archive_depth_max", limits.depth_max, "the path is too deep");
    }
    if (slash == std::string_view::npos) {
      return {};
    }
    rest.remove_prefix(slash + 1);
  }
}

Result<> check_mode(std::uint32_t mode) {
  if ((mode & kSpecialBits) != 0) {
    return refused("it has a set-user-id, set-group-id or sticky bit");
  }
  return {};
}

bool is_executable(std::uint32_t mode) {
  return (mode & kExecuteBits) != 0;
}

}  // namespace hearth::archive
