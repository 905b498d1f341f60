// One stream of one attempt that outgrew memory: its bytes in a file, its extents in a sidecar.
//
// The sidecar says either "final": the extents are complete and synced, or "open": only that much
// of the head surely survived. While the stream is written the ring is never claimed, since it is
// overwritten in place; after a crash the agent sends it again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "output/bounded_log.h"
#include "output/file_storage.h"

namespace hearth::output {

// Not thread-safe, but for sync(), which may run beside append and read.
class StreamFile {
 public:
  // A stream of which nothing is kept yet. Makes the folders.
  static Result<std::unique_ptr<StreamFile>> create(const std::string& path,
                                                    FileStorage::Hold hold);
  // As its sidecar says; nullptr: there is none.
  static Result<std::unique_ptr<StreamFile>> reopen(const std::string& path,
                                                    FileStorage::Hold hold);

  Result<> append(std::int64_t offset, std::string_view bytes);
  Result<LogSlice> read(std::int64_t offset, std::int64_t max) { return log_.read(offset, max); }
  [[nodiscard]] std::int64_t size() const { return log_.size(); }
  [[nodiscard]] bool truncated() const { return log_.truncated(); }
  [[nodiscard]] std::int64_t dropped() const { return log_.dropped(); }
  [[nodiscard]] bool is_final() const { return final_; }

  // To end a stream: take the extents, sync them (without a lock, if one guards the rest), then
  // mark. Bytes that came in between undo it.
  [[nodiscard]] std::string extents() const { return log_.extents(); }
  Result<> sync(const std::string& extents);
  // As sync, but safe only as long as the machine stays up: for what nobody was promised.
  Result<> record(const std::string& extents);
  void mark_final(const std::string& extents) { final_ = extents == log_.extents(); }

 private:
  StreamFile(std::string path, std::unique_ptr<FileStorage> storage);
  Result<> checkpoint();

  const std::string path_;
  const std::unique_ptr<FileStorage> storage_;
  BoundedLog log_;
  std::int64_t checkpointed_ = 0;
  bool final_ = false;
};

}  // namespace hearth::output
