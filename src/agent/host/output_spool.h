// Keeps what jobs write until the controller has acknowledged their end: a job never waits for the
// network or for the controller's disk.
//
// Each stream is a BoundedLog (first bytes and a ring of the last); all streams together stay
// within SpoolLimits::bytes_max. What cannot be kept, because that bound or the disk is full, is
// dropped and becomes a gap; the offsets go on and the result says `truncated`.
//
// Nothing is restored after a restart of the agent: its jobs died with it and run again elsewhere
// or here as new attempts, so their old output would be refused. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/host/spool_storage.h"
#include "agent/link/output_sender.h"
#include "base/limits.h"
#include "base/log.h"

namespace hearth::agent {

struct SpoolLimits {
  std::int64_t bytes_max = limits::kSpoolBytesMax;
  std::int64_t memory_bytes_max = limits::kSpoolMemoryBytesMax;  // of one stream
  output::LogBounds stream;
};

class OutputSpool final : public OutputSource {
 public:
  // Files are made in `folder`, which exists.
  OutputSpool(std::string folder, SpoolLimits limits, Log& log)
      : folder_(std::move(folder)), limits_(limits), log_(log), budget_(limits.bytes_max) {}

  // Returns the bytes the stream wrote so far, kept or not.
  std::int64_t append(const OutputStreamKey& id, std::string_view bytes);
  [[nodiscard]] std::int64_t size(const OutputStreamKey& id) const;
  [[nodiscard]] bool truncated(const AttemptKey& attempt) const;
  // More was written than one stream keeps.
  [[nodiscard]] bool past_bound(const OutputStreamKey& id) const;
  void forget(const AttemptKey& attempt);

  output::LogSlice read_output(const OutputStreamKey& id, std::int64_t offset,
                               std::int64_t max) override;

  [[nodiscard]] std::int64_t bytes_kept() const { return budget_.used(); }
  // In all, because they could not be kept; not those that a stream's own bound passes over.
  [[nodiscard]] std::int64_t bytes_dropped() const { return bytes_dropped_; }

 private:
  struct Stream {
    Stream(SpoolBudget& budget, const SpoolLimits& limits, std::string path)
        : storage(budget, limits.memory_bytes_max, std::move(path)), log(storage, limits.stream) {}
    SpoolStorage storage;
    output::BoundedLog log;
    bool complained = false;
  };

  Stream& stream_of(const OutputStreamKey& id);
  void drop_until(const OutputStreamKey& id, Stream& stream, std::int64_t offset, const Error& why);

  const std::string folder_;
  const SpoolLimits limits_;
  Log& log_;
  SpoolBudget budget_;
  std::int64_t bytes_dropped_ = 0;
  std::map<OutputStreamKey, std::unique_ptr<Stream>> streams_;
};

}  // namespace hearth::agent
