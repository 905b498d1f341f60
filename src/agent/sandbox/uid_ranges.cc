#include "agent/sandbox/uid_ranges.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace hearth::agent {
namespace {

// Of the open file description, not of the process: several agents of one process exclude each
// other too, and no other close() of the file drops it.
bool lock_byte(int fd, std::int64_t byte, short type) {
  struct flock range {
    .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
  };
  return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

}  // namespace

UidRange::UidRange(UidRange&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), slot_(other.slot_) {}

UidRange& UidRange::operator=(UidRange&& other) noexcept {
  if (this != &other) {
    if (owner_ != nullptr) {
      owner_->give_back(slot_);
    }
    owner_ = std::exchange(other.owner_, nullptr);
    slot_ = other.slot_;
  }
  return *this;
}

UidRange::~UidRange() {
  if (owner_ != nullptr) {
    owner_->give_back(slot_);
  }
}

std::uint32_t UidRange::base() const {
  HEARTH_CHECK(owner_ != nullptr, "a range that was moved away has no ids");
  return owner_->options_.first + static_cast<std::uint32_t>(slot_) * limits::kSandboxIds;
}

Result<std::unique_ptr<UidRanges>> UidRanges::open(UidRangesOptions options) {
  const std::int64_t ids =
      static_cast<std::int64_t>(options.last) - static_cast<std::int64_t>(options.first) + 1;
  if (options.first < limits::kSandboxIdBaseMin || ids < limits::kSandboxIds) {
    return invalid_argument("the area of ids for sandboxes, " + std::to_string(options.first) +
                            " to " + std::to_string(options.last) +
                            ", must begin at or above kSandboxIdBaseMin = " +
                            std::to_string(limits::kSandboxIdBaseMin) + " and hold at least " +
                            std::to_string(limits::kSandboxIds));
  }
  UniqueFd file(::open(options.lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) {
    return system_error("open " + options.lock_path + ", by which agents share ids for sandboxes",
                        errno);
  }
  const auto ranges = static_cast<std::size_t>(ids / limits::kSandboxIds);
  return std::unique_ptr<UidRanges>(new UidRanges(std::move(file), std::move(options), ranges));
}

Result<UidRange> UidRanges::take() {
  for (std::size_t tries = 0; tries < taken_.size(); ++tries) {
    const std::size_t slot = next_;
    next_ = (next_ + 1) % taken_.size();
    if (!taken_[slot] && lock_byte(file_.get(), static_cast<std::int64_t>(slot), F_WRLCK)) {
      taken_[slot] = true;
      ++taken_here_;
      return UidRange(this, static_cast<std::int64_t>(slot));
    }
  }
  return limit_exceeded("kSandboxIds", limits::kSandboxIds,
                        "all " + std::to_string(taken_.size()) +
                            " ranges of ids for sandboxes are in use on this machine");
}

void UidRanges::give_back(std::int64_t slot) {
  taken_[static_cast<std::size_t>(slot)] = false;
  --taken_here_;
  lock_byte(file_.get(), slot, F_UNLCK);
}

}  // namespace hearth::agent
