#include "front/rest/job_answers.h"

namespace hearth::rest {

std::optional<std::string> JobAnswers::find(JobId job, std::uint64_t version) {
  Place& place = place_of(job);
  const MutexLock lock(place.mutex);
  if (job.empty() || place.job != job || place.version != version) {
    return std::nullopt;
  }
  return place.body;
}

void JobAnswers::keep(JobId job, std::uint64_t version, const std::string& body) {
  if (static_cast<std::int64_t>(body.size()) > limits::kJobAnswerBytesMax) {
    return;
  }
  Place& place = place_of(job);
  const MutexLock lock(place.mutex);
  place.job = job;
  place.version = version;
  place.body = body;
}

}  // namespace hearth::rest
