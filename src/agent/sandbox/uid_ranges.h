// Which host ids a sandbox may have to itself.
//
// The area of ids is divided into ranges of limits::kSandboxIds. Several agents of one machine
// share one lock file, of which byte N stands for range N: the kernel drops the lock of an agent
// that dies, in whatever way. Ranges are taken in turn, so that one just returned rests longest.
// Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sandbox_limits.h"
#include "base/unique_fd.h"

namespace hearth::agent {

struct UidRangesOptions {
  std::string lock_path;  // made if need be; one file for all agents of the machine
  std::uint32_t first = limits::kSandboxIdAreaFirst;
  std::uint32_t last = limits::kSandboxIdAreaLast;
};

class UidRanges;

// Returns its range when destroyed; the UidRanges it is from must live longer.
class UidRange {
 public:
  UidRange() = default;
  UidRange(UidRange&& other) noexcept;
  UidRange& operator=(UidRange&& other) noexcept;
  ~UidRange();

  // For SandboxPlan::id_base.
  [[nodiscard]] std::uint32_t base() const;

 private:
  friend class UidRanges;
  UidRange(UidRanges* owner, std::int64_t slot) : owner_(owner), slot_(slot) {}

  UidRanges* owner_ = nullptr;
  std::int64_t slot_ = 0;
};

class UidRanges {
 public:
  // InvalidArgument when the area holds no range or begins below limits::kSandboxIdBaseMin; the
  // error of opening the file, naming it.
  static Result<std::unique_ptr<UidRanges>> open(UidRangesOptions options);

  UidRanges(const UidRanges&) = delete;
  UidRanges& operator=(const UidRanges&) = delete;

  // ResourceExhausted when all are taken.
  Result<UidRange> take();

  [[nodiscard]] std::int64_t ranges() const { return static_cast<std::int64_t>(taken_.size()); }
  [[nodiscard]] std::int64_t taken_here() const { return taken_here_; }

 private:
  friend class UidRange;
  UidRanges(UniqueFd file, UidRangesOptions options, std::size_t ranges)
      : file_(std::move(file)), options_(std::move(options)), taken_(ranges) {}

  void give_back(std::int64_t slot);

  UniqueFd file_;
  UidRangesOptions options_;
  std::vector<bool> taken_;
  std::int64_t taken_here_ = 0;
  std::size_t next_ = 0;
};

}  // namespace hearth::agent
