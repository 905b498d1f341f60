// A log's bytes in one file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "output/bounded_log.h"

namespace hearth::output {

// Positions that were never written become holes. Reads and sync may run beside a write of other
// positions; two writes must not overlap in time.
class FileStorage final : public ByteStorage {
 public:
  enum class Mode { ReadOnly, Create, ReadWrite };

  static Result<std::unique_ptr<FileStorage>> open(std::string path, Mode mode);
  ~FileStorage() override;
  FileStorage(const FileStorage&) = delete;
  FileStorage& operator=(const FileStorage&) = delete;

  // A full disk is ResourceExhausted with kind storage_unavailable: try again when there is space.
  Result<> write_at(std::int64_t position, std::string_view bytes) override;
  Result<std::string> read_at(std::int64_t position, std::int64_t size) override;
  // Data and length; the caller syncs the folder (sync_folder).
  Result<> sync() override;

 private:
  FileStorage(std::string path, int descriptor);

  const std::string path_;
  const int descriptor_;
};

// The names in `folder` survive a power cut.
Result<> sync_folder(const std::string& folder);
// Replaces the file at `path` whole or not at all; `durable`: it also survives a power cut (with
// its folder's entry).
Result<> replace_file(const std::string& path, std::string_view bytes, bool durable);
// nullopt: there is none. At most `max` bytes.
Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t max);

}  // namespace hearth::output
