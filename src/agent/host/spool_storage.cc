#include "agent/host/spool_storage.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/limits.h"

namespace hearth::agent {

SpoolStorage::SpoolStorage(SpoolBudget& budget, std::int64_t memory_bytes_max, std::string path)
    : budget_(budget), memory_bytes_max_(memory_bytes_max), path_(std::move(path)) {}

SpoolStorage::~SpoolStorage() {
  budget_.give(taken_);
  if (file_) {
    file_.reset();
    std::remove(path_.c_str());
  }
}

Result<> SpoolStorage::write_at(std::int64_t position, std::string_view bytes) {
  const std::int64_t end = position + static_cast<std::int64_t>(bytes.size());
  if (end > taken_) {
    if (!budget_.take(end - taken_)) {
      return limit_exceeded("kSpoolBytesMax", budget_.bytes_max(),
                            "keep output at " + path_ +
                                ": the agent's spool is full until the controller takes some");
    }
    taken_ = end;
  }
  if (!file_ && end > memory_bytes_max_) {
    HEARTH_TRY(move_to_file());
  }
  if (file_) {
    return file_->write_at(position, bytes);
  }
  if (static_cast<std::int64_t>(memory_.size()) < end) {
    memory_.resize(static_cast<std::size_t>(end));
  }
  std::copy(bytes.begin(), bytes.end(), memory_.begin() + position);
  return {};
}

Result<std::string> SpoolStorage::read_at(std::int64_t position, std::int64_t size) {
  if (file_) {
    return file_->read_at(position, size);
  }
  HEARTH_CHECK(position + size <= static_cast<std::int64_t>(memory_.size()),
               "output is read that was never written");
  return memory_.substr(static_cast<std::size_t>(position), static_cast<std::size_t>(size));
}

Result<> SpoolStorage::move_to_file() {
  HEARTH_ASSIGN(auto file, output::FileStorage::open(path_, output::FileStorage::Mode::Create,
                                                     output::FileStorage::Hold::Descriptor));
  if (Result<> written = file->write_at(0, memory_); !written) {
    file.reset();
    std::remove(path_.c_str());
    return written;
  }
  file_ = std::move(file);
  memory_.clear();
  memory_.shrink_to_fit();
  return {};
}

}  // namespace hearth::agent
