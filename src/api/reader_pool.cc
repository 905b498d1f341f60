#include "api/reader_pool.h"

namespace hearth::api {

Result<ReaderPool::Lease> ReaderPool::lend() {
  {
    const MutexLock lock(mutex_);
    while (idle_.empty() && made_ >= max_) {
      returned_.wait(mutex_);
    }
    if (!idle_.empty()) {
      Lease lease(*this, std::move(idle_.back()));
      idle_.pop_back();
      return lease;
    }
    ++made_;
  }
  Result<std::unique_ptr<store::Reader>> reader = store_.reader();
  if (!reader) {
    const MutexLock lock(mutex_);
    --made_;
    returned_.notify_one();
    return std::move(reader).error();
  }
  return Lease(*this, std::move(*reader));
}

std::pair<std::int64_t, std::int64_t> ReaderPool::count() {
  const MutexLock lock(mutex_);
  const auto made = static_cast<std::int64_t>(made_);
  return {made, made - static_cast<std::int64_t>(idle_.size())};
}

void ReaderPool::put_back(std::unique_ptr<store::Reader> reader) {
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(reader));
  returned_.notify_one();
}

}  // namespace hearth::api
