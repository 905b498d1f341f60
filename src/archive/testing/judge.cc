#include "archive/testing/judge.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"

namespace hearth::archive::testing {
namespace {

namespace fs = std::filesystem;

std::string described(const Result<ArchiveSummary>& result) {
  if (!result) {
    return result.error().message;
  }
  return std::string(to_string(result->format)) + ": " + std::to_string(result->files) +
         " files, " + std::to_string(result->directories) + " directories, " +
         std::to_string(result->bytes) + " bytes";
}

std::string described(const Tree& tree) {
  std::string out;
  for (const auto& [path, what] : tree) {
    out += path + "=" + what.substr(0, 40) + "\n";
  }
  return out;
}

}  // namespace

UniqueFd file_of(std::string_view bytes) {
  UniqueFd file(::memfd_create("archive", MFD_CLOEXEC));
  HEARTH_CHECK(write_all(file.get(), bytes, "the archive").has_value(), "write the archive");
  return file;
}

std::string text(std::string_view contents) {
  return "-" + std::string(contents);
}
std::string program(std::string_view contents) {
  return "x" + std::string(contents);
}
std::string folder() {
  return "/";
}

Tree tree_of(const std::string& top) {
  Tree tree;
  for (const fs::directory_entry& found : fs::recursive_directory_iterator(top)) {
    const std::string path = fs::relative(found.path(), top).string();
    const fs::file_status status = found.symlink_status();
    if (fs::is_directory(status)) {
      tree[path] = folder();
    } else if (fs::is_regular_file(status)) {
      std::ifstream in(found.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      const bool is_executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
      tree[path] = is_executable ? program(bytes) : text(bytes);
    } else {
      tree[path] = "something else";
    }
  }
  return tree;
}

Result<ArchiveSummary> judge(std::string_view bytes, const ArchiveLimits& limits, Tree* tree) {
  const hearth::testing::TempDir dir;
  const UniqueFd target(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd file = file_of(bytes);
  Result<ArchiveSummary> checked = check_archive(file.get(), limits);
  const Result<ArchiveSummary> extracted = extract_archive(file.get(), target.get(), limits);
  EXPECT_EQ(described(checked), described(extracted));
  EXPECT_EQ(checked.has_value(), extracted.has_value());
  if (tree != nullptr) {
    *tree = tree_of(dir.path());
  }
  return checked;
}

::testing::AssertionResult is_refused(std::string_view bytes, std::string_view why,
                                      const ArchiveLimits& limits) {
  const Result<ArchiveSummary> verdict = judge(bytes, limits);
  if (verdict) {
    return ::testing::AssertionFailure() << "it is taken: " << described(verdict);
  }
  const Error& error = verdict.error();
  if (error.message.find(why) == std::string::npos) {
    return ::testing::AssertionFailure() << "another reason: " << error.message;
  }
  if (error.kind != kArchiveRefused || !error.message.starts_with("the archive is refused: ")) {
    return ::testing::AssertionFailure() << "not told as a refusal: " << error.message;
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult is_over(std::string_view bytes, std::string_view limit,
                                   std::int64_t value, const ArchiveLimits& limits) {
  const Result<ArchiveSummary> verdict = judge(bytes, limits);
  if (verdict) {
    return ::testing::AssertionFailure() << "it is taken: " << described(verdict);
  }
  const Error& error = verdict.error();
  if (error.limit != limit || error.limit_value != value ||
      error.code != ErrorCode::ResourceExhausted || error.kind != kArchiveRefused) {
    return ::testing::AssertionFailure() << "another reason: " << error.message << " ("
                                         << error.limit << " " << error.limit_value << ")";
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult is_taken(std::string_view bytes, const Tree& tree,
                                    const ArchiveLimits& limits) {
  Tree unpacked;
  const Result<ArchiveSummary> verdict = judge(bytes, limits, &unpacked);
  if (!verdict) {
    return ::testing::AssertionFailure() << verdict.error().message;
  }
  if (unpacked != tree) {
    return ::testing::AssertionFailure() << "unpacked:\n" << described(unpacked);
  }
  ArchiveSummary counted{.format = verdict->format};
  for (const auto& [path, what] : tree) {
    (what == folder() ? counted.directories : counted.files) += 1;
    counted.bytes += static_cast<std::int64_t>(what.size() - 1);
  }
  if (!(counted == *verdict)) {
    return ::testing::AssertionFailure() << "counted wrongly: " << described(verdict);
  }
  return ::testing::AssertionSuccess();
}

}  // namespace hearth::archive::testing
