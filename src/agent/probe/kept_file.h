// A kernel file that is read again and again: kept open and read from its start, which costs a
// fifth of opening it each time.
//
// Files of one budget share a number of descriptors; those beyond it are opened for each read. A
// KeptFile and its budget belong to one thread; the budget outlives its files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace hearth::agent {

class DescriptorBudget {
 public:
  explicit DescriptorBudget(std::int64_t descriptors_max) : left_(descriptors_max) {}
  [[nodiscard]] bool take() {
    if (left_ <= 0) {
      return false;
    }
    --left_;
    return true;
  }
  void give_back() { ++left_; }
  [[nodiscard]] std::int64_t left() const { return left_; }

 private:
  std::int64_t left_;
};

enum class FileState : std::uint8_t {
  Read,
  Absent,  // it was never there; not looked for again
  Gone,    // it was there: its group was removed, its process has ended
  Failed,  // this time; the next read tries again
};

enum class Keep : std::uint8_t {
  Descriptor,
  Path,  // opened for each read: for files that tell news only to whoever opens them
};

class KeptFile {
 public:
  KeptFile(DescriptorBudget& budget, std::string path, Keep keep = Keep::Descriptor);
  ~KeptFile();
  KeptFile(KeptFile&& other) noexcept;
  KeptFile& operator=(KeptFile&&) = delete;
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  // The file's text in `buffer`, as far as it fits; empty unless state() is Read.
  std::string_view read(std::span<char> buffer);
  [[nodiscard]] FileState state() const { return state_; }
  [[nodiscard]] int sys_errno() const { return sys_errno_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  int open_file();
  void fail(int sys_errno);
  void let_go();

  DescriptorBudget* budget_;
  std::string path_;
  Keep keep_;
  UniqueFd fd_;
  bool was_there_ = false;
  FileState state_ = FileState::Failed;
  int sys_errno_ = 0;
};

// A file that is read once.
std::string_view read_once(const std::string& path, std::span<char> buffer);

}  // namespace hearth::agent
