// Which uploads live jobs name: holds each in the store as long as one does.
//
// Follows what was committed, so that a restart, which tells it of the jobs that live, finds what
// was held before. Thread-safe.
#pragma once

#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "model/change_set.h"
#include "model/ids.h"
#include "uploads/upload_store.h"

namespace hearth::api {

class UploadUses {
 public:
  // Null: there are no uploads here.
  explicit UploadUses(uploads::UploadStore* store) : store_(store) {}

  // From recovery: a job that lives.
  void restore(JobId job, const std::string& upload);
  // In commit order.
  void committed(const ChangeSet& changes);

  // Of a live job; empty when it names none.
  [[nodiscard]] std::string upload_of(JobId job);

 private:
  uploads::UploadStore* const store_;
  Mutex mutex_;
  std::unordered_map<JobId, std::string> uploads_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::api
