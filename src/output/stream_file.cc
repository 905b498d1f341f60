#include "output/stream_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "base/files.h"
#include "base/unique_fd.h"

namespace hearth::output {
namespace {

constexpr std::int64_t kSidecarBytesMax = 256;
constexpr std::string_view kFinal = "final ";
constexpr std::string_view kOpen = "open ";

std::string sidecar_of(const std::string& path) {
  return path + ".extents";
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

StreamFile::StreamFile(std::string path, std::unique_ptr<FileStorage> storage)
    : path_(std::move(path)), storage_(std::move(storage)), log_(*storage_, LogBounds{}) {}

Result<std::unique_ptr<StreamFile>> StreamFile::create(const std::string& path,
                                                       FileStorage::Hold hold) {
  HEARTH_TRY(make_directories(folder_of(path), 0700));
  HEARTH_ASSIGN(std::unique_ptr<FileStorage> storage,
                FileStorage::open(path, FileStorage::Mode::Create, hold));
  return std::unique_ptr<StreamFile>(new StreamFile(path, std::move(storage)));
}

Result<std::unique_ptr<StreamFile>> StreamFile::reopen(const std::string& path,
                                                       FileStorage::Hold hold) {
  Result<std::string> sidecar = read_file(sidecar_of(path), kSidecarBytesMax);
  if (!sidecar && sidecar.error().code == ErrorCode::NotFound) {
    return std::unique_ptr<StreamFile>{};
  }
  if (!sidecar) {
    return std::move(sidecar).error();
  }
  const bool is_final = sidecar->starts_with(kFinal);
  if (!is_final && !sidecar->starts_with(kOpen)) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = "reopen output " + path + ": " + sidecar_of(path) + " is damaged"};
  }
  HEARTH_ASSIGN(std::unique_ptr<FileStorage> storage,
                FileStorage::open(path, FileStorage::Mode::Existing, hold));
  std::unique_ptr<StreamFile> file(new StreamFile(path, std::move(storage)));
  const std::size_t prefix = is_final ? kFinal.size() : kOpen.size();
  if (Result<> restored = file->log_.restore_extents(std::string_view(*sidecar).substr(prefix));
      !restored) {
    return restored.error().with_context("reopen output " + path);
  }
  file->final_ = is_final;
  file->checkpointed_ = file->log_.head_end();
  return file;
}

Result<> StreamFile::append(std::int64_t offset, std::string_view bytes) {
  if (final_ && offset > log_.size() - static_cast<std::int64_t>(bytes.size())) {
    // An attempt that was given up came back: its ring is about to be overwritten.
    HEARTH_TRY(checkpoint());
    final_ = false;
  }
  HEARTH_TRY(log_.append(offset, bytes));
  if (log_.head_end() - checkpointed_ >= limits::kOutputCheckpointBytes) {
    HEARTH_TRY(checkpoint());
  }
  return {};
}

Result<> StreamFile::checkpoint() {
  const std::string head = std::to_string(log_.head_end());
  HEARTH_TRY(storage_->sync());
  HEARTH_TRY(write_file_atomically(sidecar_of(path_),
                                   std::string(kOpen) + head + " " + head + " " + head));
  checkpointed_ = log_.head_end();
  return {};
}

Result<> StreamFile::sync(const std::string& extents) {
  HEARTH_TRY(storage_->sync());
  HEARTH_TRY(write_file_atomically(sidecar_of(path_), std::string(kFinal) + extents));
  // The two levels of fan-out above, whose entries may be new as well.
  const std::string above = folder_of(folder_of(path_));
  HEARTH_TRY(sync_directory(above));
  return sync_directory(folder_of(above));
}

Result<> StreamFile::record(const std::string& extents) {
  const std::string temporary = sidecar_of(path_) + ".new";
  {
    const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.valid()) {
      return system_error("create " + temporary, errno);
    }
    HEARTH_TRY(write_all(file.get(), std::string(kFinal) + extents, temporary));
  }
  if (::rename(temporary.c_str(), sidecar_of(path_).c_str()) != 0) {
    return system_error("rename " + temporary, errno);
  }
  return {};
}

}  // namespace hearth::output
