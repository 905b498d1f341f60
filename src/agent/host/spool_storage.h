// Where one output stream's bytes are kept: in memory while they are few, in a file once they are
// not, and within what all streams of the agent may take together.
//
// Most jobs write little, and a file for each would cost more than the job; a few write a lot, and
// memory for those would take the machine from its jobs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "output/bounded_log.h"
#include "output/file_storage.h"

namespace hearth::agent {

// What all spooled streams may take. Loop thread only.
class SpoolBudget {
 public:
  explicit SpoolBudget(std::int64_t bytes_max) : bytes_max_(bytes_max) {}
  [[nodiscard]] bool take(std::int64_t bytes) {
    if (bytes > bytes_max_ - used_) {
      return false;
    }
    used_ += bytes;
    return true;
  }
  void give(std::int64_t bytes) { used_ -= bytes; }
  [[nodiscard]] std::int64_t used() const { return used_; }
  [[nodiscard]] std::int64_t bytes_max() const { return bytes_max_; }

 private:
  const std::int64_t bytes_max_;
  std::int64_t used_ = 0;
};

class SpoolStorage final : public output::ByteStorage {
 public:
  // The file at `path` is made when more than `memory_bytes_max` are written and removed by the
  // destructor. `budget` outlives the storage.
  SpoolStorage(SpoolBudget& budget, std::int64_t memory_bytes_max, std::string path);
  ~SpoolStorage() override;
  SpoolStorage(const SpoolStorage&) = delete;
  SpoolStorage& operator=(const SpoolStorage&) = delete;

  // ResourceExhausted when the budget is used up or the disk is full.
  Result<> write_at(std::int64_t position, std::string_view bytes) override;
  Result<std::string> read_at(std::int64_t position, std::int64_t size) override;
  // Nothing here outlives the process (see OutputSpool), so nothing is synced.
  Result<> sync() override { return {}; }

 private:
  Result<> move_to_file();

  SpoolBudget& budget_;
  const std::int64_t memory_bytes_max_;
  const std::string path_;
  std::string memory_;
  std::unique_ptr<output::FileStorage> file_;
  std::int64_t taken_ = 0;  // of the budget: the end of the highest position written
};

}  // namespace hearth::agent
