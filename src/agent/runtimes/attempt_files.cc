#include "agent/runtimes/attempt_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/files.h"

namespace hearth::agent {
Result<StreamPipe> make_stream_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error("make a pipe for a job's output", errno);
  }
  StreamPipe pipe{.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    return system_error("prepare a pipe for a job's output", errno);
  }
  return pipe;
}

Result<UniqueFd> make_stdin(std::string_view bytes) {
  if (bytes.empty()) {
    return UniqueFd();
  }
  UniqueFd fd(memfd_create("hearth-stdin", MFD_CLOEXEC));
  if (!fd.valid()) {
    return system_error("make a memory file for a job's standard input", errno);
  }
  HEARTH_TRY(write_all(fd.get(), bytes, "a job's standard input"));
  if (fchmod(fd.get(), S_IRUSR | S_IRGRP | S_IROTH) != 0 || lseek(fd.get(), 0, SEEK_SET) != 0) {
    return system_error("rewind a job's standard input", errno);
  }
  return fd;
}

std::string tmp_below(const std::string& folder) {
  return folder + "/.tmp";
}

Result<> remove_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) {
    return system_error("remove " + path, error.value());
  }
  return {};
}

}  // namespace hearth::agent
