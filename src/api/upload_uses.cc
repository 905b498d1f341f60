#include "api/upload_uses.h"

#include <utility>

namespace hearth::api {

void UploadUses::restore(JobId job, const std::string& upload) {
  if (store_ == nullptr || upload.empty()) {
    return;
  }
  store_->hold(upload);
  const MutexLock lock(mutex_);
  uploads_.emplace(job, upload);
}

void UploadUses::committed(const ChangeSet& changes) {
  if (store_ == nullptr) {
    return;
  }
  for (const NewJob& job : changes.new_jobs) {
    if (job.payload) {
      restore(job.id, job.payload->upload);
    }
  }
  for (const JobEvent& event : changes.events) {
    if (!is_final(event.after.state)) {
      continue;
    }
    std::string upload;
    {
      const MutexLock lock(mutex_);
      if (auto node = uploads_.extract(event.after.id)) {
        upload = std::move(node.mapped());
      }
    }
    if (!upload.empty()) {
      store_->release(upload);
    }
  }
}

std::string UploadUses::upload_of(JobId job) {
  const MutexLock lock(mutex_);
  const auto found = uploads_.find(job);
  return found == uploads_.end() ? std::string() : found->second;
}

}  // namespace hearth::api
