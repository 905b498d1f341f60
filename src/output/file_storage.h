// A log's bytes in one file.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "output/bounded_log.h"

namespace hearth::output {

// Positions that were never written become holes. Reads and sync may run beside a write of other
// positions; two writes must not overlap in time.
class FileStorage final : public ByteStorage {
 public:
  enum class Mode { Create, Existing };
  // What is held between calls: nothing keeps thousands of running attempts within the process's
  // descriptors, at the price of an open per call.
  enum class Hold { Descriptor, Nothing };

  // NotFound when the file must exist and does not.
  static Result<std::unique_ptr<FileStorage>> open(std::string path, Mode mode, Hold hold);

  // A full disk is ResourceExhausted with kind storage_unavailable: try again when there is space.
  Result<> write_at(std::int64_t position, std::string_view bytes) override;
  Result<std::string> read_at(std::int64_t position, std::int64_t size) override;
  // Data and length; the name is durable once its folder is synced. A failure is DataLoss: the
  // kernel may have dropped the pages, so that a second sync would succeed and mean nothing.
  Result<> sync() override;

 private:
  FileStorage(std::string path, UniqueFd held);
  // The held descriptor, or `opened`, which this fills.
  Result<int> descriptor(UniqueFd& opened) const;

  const std::string path_;
  const UniqueFd held_;
};

}  // namespace hearth::output
