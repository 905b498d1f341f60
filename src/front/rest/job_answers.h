// The answers to GET /v1/jobs/{id} that were given lately, so that clients who ask again and again
// are answered without the store. Thread-safe.
//
// One place for each group of ids: a job takes the place of the one before it. An answer is given
// again only while the job's version (ControllerApi::version_of) is the one that was read before
// the answer was made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/read_limits.h"
#include "model/ids.h"

namespace hearth::rest {

class JobAnswers {
 public:
  [[nodiscard]] std::optional<std::string> find(JobId job, std::uint64_t version);
  // Larger ones than limits::kJobAnswerBytesMax are not kept.
  void keep(JobId job, std::uint64_t version, const std::string& body);

 private:
  struct Place {
    Mutex mutex;
    JobId job HEARTH_GUARDED_BY(mutex);
    std::uint64_t version HEARTH_GUARDED_BY(mutex) = 0;
    std::string body HEARTH_GUARDED_BY(mutex);
  };

  Place& place_of(JobId job) { return places_.at(job.value() % places_.size()); }

  std::vector<Place> places_ = std::vector<Place>(limits::kJobAnswersKept);
};

}  // namespace hearth::rest
