#include "tests/harness/scratch.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <vector>

#include "base/check.h"

namespace hearth::harness {
namespace {

namespace fs = std::filesystem;

std::string make_folder(const fs::path& beginning) {
  std::string name = beginning.string() + "XXXXXX";
  HEARTH_CHECK(::mkdtemp(name.data()) != nullptr, "cannot make " + name);
  return name;
}

// "Suite.Test", as a part of a path.
std::string name_of_test() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name =
      info == nullptr ? "no test" : std::string(info->test_suite_name()) + "." + info->name();
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

fs::path place_of_logs() {
  const char* place = ::getenv("HEARTH_TEST_LOGS");
  return place != nullptr ? fs::path(place) : fs::temp_directory_path() / "hearth-test-logs";
}

// Of all that is told, only what says something.
std::vector<fs::path> logs_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code gone;
  for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
    std::error_code no_size;
    if (Scratch::is_log(at->path().filename().string()) && at->file_size(no_size) > 0 && !no_size) {
      found.push_back(at->path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void keep(const std::vector<fs::path>& logs) {
  std::error_code failed;
  fs::create_directories(place_of_logs(), failed);
  const std::string folder = make_folder(place_of_logs() / (name_of_test() + "-"));
  std::cerr << "--- logs kept in " << folder << " ---\n";
  for (const fs::path& log : logs) {
    fs::copy_file(log, folder / log.filename(), failed);
    std::cerr << "  " << log.filename().string()
              << (failed ? " is not there: " + failed.message() : "") << "\n";
  }
}

}  // namespace

Scratch::Scratch() : path_(make_folder(fs::temp_directory_path() / "hearth-e2e-")) {}

Scratch::~Scratch() {
  if (::testing::Test::HasFailure()) {
    if (::getenv("HEARTH_TEST_KEEP") != nullptr) {
      std::cerr << "--- what there was is kept in " << path_ << " ---\n";
      return;
    }
    if (const auto logs = logs_in(path_); !logs.empty()) {
      keep(logs);
    }
  }
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace hearth::harness
