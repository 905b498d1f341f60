// An OutputStore in memory alone, for tests of those who use one: it keeps the same rules, and can
// be told to refuse.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "output/listeners.h"
#include "output/output_store.h"
#include "output/string_storage.h"

namespace hearth::output::testing {

// Thread-safe. Streams longer than `inline_bytes_max` count as files: they stay readable after
// finish and make_durable counts a sync.
class MemoryOutputStore final : public OutputStore {
 public:
  explicit MemoryOutputStore(std::int64_t inline_bytes_max = limits::kOutputInlineBytesMax)
      : inline_bytes_max_(inline_bytes_max) {}

  // Every append, make_durable and remove fails with it until it is taken back.
  void fail_with(std::optional<Error> error) {
    const MutexLock lock(mutex_);
    failure_ = std::move(error);
  }
  int syncs() {
    const MutexLock lock(mutex_);
    return syncs_;
  }

  Result<> append(const StreamId& id, std::int64_t offset, std::string_view bytes) override {
    {
      const MutexLock lock(mutex_);
      if (failure_) {
        return *failure_;
      }
      Attempt& attempt = attempts_[{id.job, id.attempt}];
      if (attempt.ended) {
        return Error{.code = ErrorCode::FailedPrecondition, .message = "the attempt has ended"};
      }
      HEARTH_TRY(attempt.stream(id.stream).log.append(offset, bytes));
    }
    listeners_.notify(id);
    return {};
  }

  std::int64_t received(const StreamId& id) override {
    const MutexLock lock(mutex_);
    const auto found = attempts_.find({id.job, id.attempt});
    return found == attempts_.end() ? 0 : found->second.stream(id.stream).log.size();
  }

  bool truncated(JobId job, std::uint32_t number) override {
    const MutexLock lock(mutex_);
    Attempt& attempt = attempts_[{job, number}];
    return std::ranges::any_of(attempt.streams,
                               [](const auto& stream) { return stream->log.truncated(); });
  }

  Result<OutputSlice> read(const StreamId& id, std::int64_t offset, std::int64_t max) override {
    const MutexLock lock(mutex_);
    const auto found = attempts_.find({id.job, id.attempt});
    if (found == attempts_.end()) {
      return not_found("no output");
    }
    BoundedLog& log = found->second.stream(id.stream).log;
    if (found->second.ended && !found->second.abandoned && is_inline(log)) {
      return not_found("the output is stored inline");
    }
    HEARTH_ASSIGN(LogSlice slice, log.read(offset, max));
    return OutputSlice{
        .slice = std::move(slice), .size = log.size(), .complete = found->second.ended};
  }

  Result<std::vector<InlineOutput>> make_durable(JobId job, std::uint32_t number) override {
    const MutexLock lock(mutex_);
    if (failure_) {
      return *failure_;
    }
    std::vector<InlineOutput> in_memory;
    for (const StreamKind kind : kStreamKinds) {
      BoundedLog& log = attempts_[{job, number}].stream(kind).log;
      if (!is_inline(log)) {
        ++syncs_;
      } else if (log.size() > 0) {
        HEARTH_ASSIGN(LogSlice slice, log.read(0, log.size()));
        in_memory.push_back(
            {.job = job, .attempt = number, .stream = kind, .bytes = std::move(slice.bytes)});
      }
    }
    return in_memory;
  }

  bool in_memory(JobId job, std::uint32_t number) override {
    const MutexLock lock(mutex_);
    Attempt& attempt = attempts_[{job, number}];
    return std::ranges::all_of(attempt.streams,
                               [this](const auto& stream) { return is_inline(stream->log); });
  }

  void finish(JobId job, std::uint32_t number) override { end(job, number, false); }
  void abandon(JobId job, std::uint32_t number) override { end(job, number, true); }

  void revive(JobId job, std::uint32_t number) override {
    const MutexLock lock(mutex_);
    attempts_[{job, number}].ended = false;
  }

  Result<> remove(JobId job) override {
    const MutexLock lock(mutex_);
    if (failure_) {
      return *failure_;
    }
    std::erase_if(attempts_, [job](const auto& entry) { return entry.first.first == job; });
    return {};
  }
  Result<std::vector<JobId>> jobs_in_part(std::uint32_t part) override {
    const MutexLock lock(mutex_);
    std::vector<JobId> jobs;
    for (const auto& [key, attempt] : attempts_) {
      if (part == 0) {
        jobs.push_back(key.first);
      }
    }
    return jobs;
  }

  ListenerId listen(JobId job, OutputListener listener) override {
    return listeners_.add(job, std::move(listener));
  }
  void unlisten(JobId job, ListenerId id) override { listeners_.remove(job, id); }

 private:
  struct Stream {
    StringStorage storage;
    BoundedLog log{storage, LogBounds{}};
  };
  struct Attempt {
    std::array<std::unique_ptr<Stream>, kStreamCount> streams = {
        std::make_unique<Stream>(), std::make_unique<Stream>(), std::make_unique<Stream>()};
    bool ended = false;
    bool abandoned = false;

    Stream& stream(StreamKind kind) { return *streams.at(static_cast<std::size_t>(kind)); }
  };

  // Only a file can have a gap.
  [[nodiscard]] bool is_inline(const BoundedLog& log) const {
    return log.size() <= inline_bytes_max_ && !log.truncated();
  }

  void end(JobId job, std::uint32_t number, bool abandoned) {
    {
      const MutexLock lock(mutex_);
      Attempt& attempt = attempts_[{job, number}];
      attempt.ended = true;
      attempt.abandoned = abandoned;
    }
    for (const StreamKind kind : kStreamKinds) {
      listeners_.notify({job, number, kind});
    }
  }

  const std::int64_t inline_bytes_max_;
  Listeners listeners_{static_cast<std::size_t>(limits::kWatchersMax)};
  Mutex mutex_;
  std::map<std::pair<JobId, std::uint32_t>, Attempt> attempts_ HEARTH_GUARDED_BY(mutex_);
  std::optional<Error> failure_ HEARTH_GUARDED_BY(mutex_);
  int syncs_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::output::testing
