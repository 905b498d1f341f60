#include "agent/host/output_spool.h"

#include "base/check.h"

namespace hearth::agent {

OutputSpool::Stream& OutputSpool::stream_of(const OutputStreamKey& id) {
  std::unique_ptr<Stream>& stream = streams_[id];
  if (!stream) {
    const AttemptKey& attempt = id.attempt;
    stream = std::make_unique<Stream>(
        budget_, limits_,
        folder_ + "/" + to_string(attempt.job) + "-" + std::to_string(attempt.attempt) + "-" +
            std::to_string(attempt.epoch) + "." + std::string(to_string(id.stream)));
  }
  return *stream;
}

std::int64_t OutputSpool::append(const OutputStreamKey& id, std::string_view bytes) {
  Stream& stream = stream_of(id);
  const std::int64_t offset = stream.log.size();
  if (const Result<> kept = stream.log.append(offset, bytes); !kept) {
    const std::int64_t end = offset + static_cast<std::int64_t>(bytes.size());
    bytes_dropped_ += end - stream.log.size();
    drop_until(id, stream, end, kept.error());
  }
  return stream.log.size();
}

void OutputSpool::drop_until(const OutputStreamKey& id, Stream& stream, std::int64_t offset,
                             const Error& why) {
  if (!std::exchange(stream.complained, true)) {
    log_.warn("output of a job is dropped: it cannot be kept", {{"job", to_string(id.attempt.job)},
                                                                {"attempt", id.attempt.attempt},
                                                                {"stream", to_string(id.stream)},
                                                                {"why", why.message}});
  }
  const Result<> skipped = stream.log.append(offset, {});
  HEARTH_CHECK(skipped.has_value(), "a gap in a log needs no storage");
}

std::int64_t OutputSpool::size(const OutputStreamKey& id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? 0 : found->second->log.size();
}

bool OutputSpool::truncated(const AttemptKey& attempt) const {
  for (const StreamKind kind : kStreamKinds) {
    const auto found = streams_.find({attempt, kind});
    if (found != streams_.end() && found->second->log.truncated()) {
      return true;
    }
  }
  return false;
}

bool OutputSpool::past_bound(const OutputStreamKey& id) const {
  return size(id) > limits_.stream.head_bytes + limits_.stream.tail_bytes;
}

void OutputSpool::forget(const AttemptKey& attempt) {
  for (const StreamKind stream : kStreamKinds) {
    streams_.erase({attempt, stream});
  }
}

output::LogSlice OutputSpool::read_output(const OutputStreamKey& id, std::int64_t offset,
                                          std::int64_t max) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) {
    return {.offset = offset, .bytes = {}, .next_offset = offset};
  }
  Stream& stream = *found->second;
  Result<output::LogSlice> slice = stream.log.read(offset, max);
  if (slice) {
    return *std::move(slice);
  }
  // A controller that waits for bytes that cannot be read would never see the job end.
  if (!std::exchange(stream.complained, true)) {
    log_.error("spooled output cannot be read; it is reported as a gap",
               {{"job", to_string(id.attempt.job)},
                {"attempt", id.attempt.attempt},
                {"stream", to_string(id.stream)},
                {"why", slice.error().message}});
  }
  const std::int64_t end = stream.log.size();
  return {.offset = end, .bytes = {}, .next_offset = end};
}

}  // namespace hearth::agent
