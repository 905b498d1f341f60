// The files that a job was asked to leave, as a tar, read from where hostile code may have left
// anything.
//
// Names lead only down from the work directory: no link of any kind is followed and no other file
// system entered, and what is opened is looked at again. Regular files with one name are taken,
// directories with all that is in them; what is left out is said, with the reason, in a comment in
// front (`{"left_out":[{"path","why"}],"more":N}`), where tools that read tars pass over it.
// Bounded before anything is read: a file counts with the length that it claims, holes and all.
//
// Meant for a work directory whose processes are all dead. Where one may still write, nothing worse
// happens than that a file that changed is zeros in the tar.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/tar_writer.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "base/upload_limits.h"

namespace hearth::agent {

struct ResultLimits {
  std::int64_t tar_bytes_max = limits::kResultsBytesMax;
  std::int64_t notes_bytes_max = limits::kResultNotesBytesMax;
  std::int64_t files_max = limits::kResultFilesMax;
  std::int64_t names_max = limits::kResultNamesMax;
  std::int64_t depth_max = limits::kResultDepthMax;
  std::int64_t path_bytes_max = limits::kResultPathBytesMax;
  // Files of anybody else are left out.
  std::optional<uid_t> owner = {};
};

struct ResultNote {
  std::string path;
  std::string why;
  friend bool operator==(const ResultNote&, const ResultNote&) = default;
};

class ResultFiles {
 public:
  // `work_dir` is open in any way, also with O_PATH, and stays so as long as this lives. `wanted`
  // are paths below it. Looks for the files and reads none. Where the work directory is no tmpfs
  // this and read() wait for a disk.
  ResultFiles(int work_dir, const std::vector<std::string>& wanted,
              const ResultLimits& limits = {});

  // The next piece of the tar, at most `max` bytes; empty at its end.
  std::string read(std::size_t max);

  // Of the whole tar.
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] std::int64_t files() const { return std::ssize(found_); }
  [[nodiscard]] const std::vector<ResultNote>& left_out() const { return left_out_; }
  // False once a file was not there any more as it had been found.
  [[nodiscard]] bool is_whole() const { return whole_; }

 private:
  struct Found {
    archive::TarEntry entry;
    dev_t device = 0;
    ino_t inode = 0;
  };

  void look_at(const std::string& path, std::int64_t depth);
  void look_into(const std::string& path, std::int64_t depth);
  void leave_out(const std::string& path, std::string why);
  void begin_entry();
  std::string read_entry(std::size_t max);

  const int work_dir_;
  const ResultLimits limits_;
  std::int64_t size_ = 0;
  std::int64_t names_left_ = 0;
  std::set<std::string> seen_;
  std::vector<Found> found_;  // by path
  std::vector<ResultNote> left_out_;
  std::int64_t notes_bytes_ = 0;
  std::int64_t notes_dropped_ = 0;
  bool whole_ = true;

  std::string pending_;  // headers and padding that were not read yet
  std::size_t next_ = 0;
  UniqueFd file_;
  std::int64_t file_left_ = 0;
  std::int64_t file_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace hearth::agent
