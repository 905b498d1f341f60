#include "cli/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <boost/json/value.hpp>

#include "archive/archive.h"
#include "archive/pack_folder.h"
#include "base/unique_fd.h"
#include "base/upload_limits.h"
#include "cli/job_request.h"
#include "cli/json_text.h"
#include "cli/stdin_source.h"

namespace hearth::cli {
namespace {

struct Archive {
  UniqueFd file;
  archive::ArchiveFormat format = archive::ArchiveFormat::Zip;
};

std::string_view content_type_of(archive::ArchiveFormat format) {
  switch (format) {
    case archive::ArchiveFormat::Zip:
      return "application/zip";
    case archive::ArchiveFormat::Tar:
      return "application/x-tar";
    case archive::ArchiveFormat::TarGzip:
      return "application/gzip";
    case archive::ArchiveFormat::TarZstd:
      break;
  }
  return "application/zstd";
}

// Without a name, so that nothing is left of it whatever happens.
Result<UniqueFd> temporary_file() {
  std::string name = (std::filesystem::temp_directory_path() / "hearth-upload-XXXXXX").string();
  UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.valid()) {
    return system_error("make a temporary file", errno);
  }
  ::unlink(name.c_str());
  return file;
}

Result<Archive> archive_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return invalid_argument(system_error("open " + path, errno).message);
  }
  Archive archive;
  Result<archive::ArchiveSummary> summary;
  if (S_ISDIR(status.st_mode)) {
    HEARTH_ASSIGN(archive.file, temporary_file());
    summary = archive::pack_folder(path, archive.file.get());
  } else {
    archive.file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!archive.file.valid()) {
      return invalid_argument(system_error("open " + path, errno).message);
    }
    summary = archive::check_archive(archive.file.get());
  }
  if (!summary) {
    return summary.error().with_context("--upload " + path);
  }
  archive.format = summary->format;
  return archive;
}

}  // namespace

Result<std::string> send_upload(Session& session, const std::string& path) {
  HEARTH_ASSIGN(const Archive archive, archive_of(path));
  struct stat status {};
  if (::fstat(archive.file.get(), &status) != 0) {
    return system_error("look at " + path, errno);
  }
  if (status.st_size > limits::kUploadBytesMax) {
    return invalid_argument("--upload " + path + ": it has " + std::to_string(status.st_size) +
                            " bytes; an upload may have " +
                            std::to_string(limits::kUploadBytesMax));
  }
  HEARTH_ASSIGN(const auto answer,
                session.post_file("/v1/uploads", archive.file.get(), status.st_size,
                                  content_type_of(archive.format)));
  return text_of(answer, "id");
}

Result<std::string> prepare_job(Session& session, const JobOptions& options) {
  HEARTH_ASSIGN(JobInputs inputs, read_job_inputs(options, session.terminal()));
  const TimePoint now = SystemClock().now();
  HEARTH_ASSIGN(std::string body, job_request_body(options, inputs, now));
  if (options.upload_from.empty()) {
    return body;
  }
  HEARTH_ASSIGN(inputs.upload, send_upload(session, options.upload_from));
  return job_request_body(options, inputs, now);
}

}  // namespace hearth::cli
