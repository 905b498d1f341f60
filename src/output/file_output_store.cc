#include "output/file_output_store.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/files.h"
#include "base/mutex.h"
#include "output/listeners.h"
#include "output/stream_file.h"

namespace hearth::output {
namespace {

// A chunk that was on its way when its attempt ended must not bring the attempt back to memory.
constexpr std::size_t kEndedRemembered = 4'096;

// `bytes` holds everything from offset 0 on, until the stream moves to `file`.
struct Stream {
  std::string bytes;
  std::shared_ptr<StreamFile> file;
  bool holds_descriptor = false;

  [[nodiscard]] std::int64_t size() const {
    return file ? file->size() : static_cast<std::int64_t>(bytes.size());
  }
};

struct AttemptOutput {
  Mutex mutex;
  std::array<Stream, kStreamCount> streams HEARTH_GUARDED_BY(mutex);
  bool ended HEARTH_GUARDED_BY(mutex) = false;

  Stream& stream(StreamKind kind) HEARTH_REQUIRES(mutex) {
    return streams.at(static_cast<std::size_t>(kind));
  }
};

struct AttemptRef {
  JobId job;
  std::uint32_t attempt = 0;
  friend bool operator==(const AttemptRef&, const AttemptRef&) = default;
};

struct AttemptRefHash {
  std::size_t operator()(const AttemptRef& ref) const noexcept {
    return std::hash<JobId>{}(ref.job) * 31 + ref.attempt;
  }
};

Error has_ended(const AttemptRef& ref) {
  return Error{.code = ErrorCode::FailedPrecondition,
               .message = "add output to attempt " + std::to_string(ref.attempt) + " of job " +
                          to_string(ref.job) + ": it has ended"};
}

OutputSlice slice_of_memory(const std::string& bytes, std::int64_t offset, std::int64_t max) {
  OutputSlice answer;
  answer.size = static_cast<std::int64_t>(bytes.size());
  answer.slice.offset = offset;
  if (offset < answer.size) {
    answer.slice.bytes =
        bytes.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(max));
  }
  answer.slice.next_offset = offset + static_cast<std::int64_t>(answer.slice.bytes.size());
  return answer;
}

// Locks: `mutex_` for the map alone, then the attempt's own for its bytes and files, never both
// at once; so that a slow disk delays only those who use the same attempt.
class FileOutputStore final : public OutputStore {
 public:
  FileOutputStore(std::string folder, FileOutputOptions options)
      : folder_(std::move(folder)),
        options_(options),
        listeners_(static_cast<std::size_t>(limits::kWatchersMax)) {}

  Result<> append(const StreamId& id, std::int64_t offset, std::string_view bytes) override {
    const AttemptRef ref{id.job, id.attempt};
    HEARTH_ASSIGN(const std::shared_ptr<AttemptOutput> output, find_or_load(ref));
    {
      const MutexLock lock(output->mutex);
      if (output->ended) {
        return has_ended(ref);
      }
      const std::int64_t before = output->stream(id.stream).size();
      HEARTH_TRY(append_locked(*output, id, offset, bytes));
      if (output->stream(id.stream).size() == before) {
        return {};
      }
    }
    listeners_.notify(id);
    return {};
  }

  std::int64_t received(const StreamId& id) override {
    if (const std::shared_ptr<AttemptOutput> output = find({id.job, id.attempt})) {
      const MutexLock lock(output->mutex);
      if (!output->ended) {
        return output->stream(id.stream).size();
      }
    }
    const Result<std::unique_ptr<StreamFile>> file = reopen(id);
    return file && *file ? (*file)->size() : 0;
  }

  bool truncated(JobId job, std::uint32_t attempt) override {
    const Result<std::shared_ptr<AttemptOutput>> found = find_or_load({job, attempt});
    if (!found) {
      return false;
    }
    AttemptOutput& output = **found;
    const MutexLock lock(output.mutex);
    // What is in memory is whole.
    return std::any_of(output.streams.begin(), output.streams.end(), [](const Stream& stream) {
      return stream.file && stream.file->truncated();
    });
  }

  Result<OutputSlice> read(const StreamId& id, std::int64_t offset, std::int64_t max) override {
    if (offset < 0 || max <= 0) {
      return invalid_field(offset < 0 ? "offset" : "max",
                           "read output: offset must be at least 0 and the amount above 0");
    }
    if (const std::shared_ptr<AttemptOutput> output = find({id.job, id.attempt})) {
      const MutexLock lock(output->mutex);
      if (!output->ended) {
        const Stream& stream = output->stream(id.stream);
        return stream.file ? slice_of_file(*stream.file, offset, max, false)
                           : slice_of_memory(stream.bytes, offset, max);
      }
    }
    HEARTH_ASSIGN(const std::unique_ptr<StreamFile> file, reopen(id));
    if (!file) {
      return not_found("read output of job " + to_string(id.job) + ": no file holds it");
    }
    return slice_of_file(*file, offset, max, file->is_final());
  }

  Result<std::vector<InlineOutput>> make_durable(JobId job, std::uint32_t attempt) override {
    HEARTH_ASSIGN(const std::shared_ptr<AttemptOutput> output, find_or_load({job, attempt}));
    std::vector<InlineOutput> in_memory;
    for (const StreamKind kind : kStreamKinds) {
      std::shared_ptr<StreamFile> file;
      std::string extents;
      {
        const MutexLock lock(output->mutex);
        const Stream& stream = output->stream(kind);
        if (!stream.file) {
          if (!stream.bytes.empty()) {
            in_memory.push_back(
                {.job = job, .attempt = attempt, .stream = kind, .bytes = stream.bytes});
          }
          continue;
        }
        if (stream.file->is_final()) {
          continue;
        }
        file = stream.file;
        extents = file->extents();
      }
      HEARTH_TRY(file->sync(extents));
      const MutexLock lock(output->mutex);
      file->mark_final(extents);
    }
    return in_memory;
  }

  bool in_memory(JobId job, std::uint32_t attempt) override {
    const std::shared_ptr<AttemptOutput> output = find({job, attempt});
    if (!output) {
      return false;
    }
    const MutexLock lock(output->mutex);
    return std::ranges::none_of(output->streams,
                                [](const Stream& stream) { return stream.file != nullptr; });
  }

  void finish(JobId job, std::uint32_t attempt) override {
    forget({job, attempt});
    notify_all(job, attempt);
  }

  void abandon(JobId job, std::uint32_t attempt) override {
    // Errors leave what a follower can no longer have; the attempt has ended without it.
    if (Result<std::shared_ptr<AttemptOutput>> output = find_or_load({job, attempt})) {
      for (const StreamKind kind : kStreamKinds) {
        (void)keep_abandoned(**output, {job, attempt, kind});
      }
      forget({job, attempt});
    }
    notify_all(job, attempt);
  }

  void revive(JobId job, std::uint32_t attempt) override {
    const MutexLock lock(mutex_);
    if (ended_.erase({job, attempt}) > 0) {
      std::erase(ended_order_, AttemptRef{job, attempt});
    }
  }

  Result<> remove(JobId job) override {
    const std::string folder = folder_of(part_of(job));
    HEARTH_ASSIGN(const std::vector<std::string> names, list_directory(folder));
    const std::string mine = to_string(job) + ".";
    for (const std::string& name : names) {
      if (name.starts_with(mine) && ::unlink((folder + "/" + name).c_str()) != 0 &&
          errno != ENOENT) {
        return system_error("delete " + folder + "/" + name, errno);
      }
    }
    return {};
  }

  // Files that are not ours to name are left alone.
  Result<std::vector<JobId>> jobs_in_part(std::uint32_t part) override {
    HEARTH_ASSIGN(const std::vector<std::string> names, list_directory(folder_of(part)));
    std::set<JobId> jobs;
    for (const std::string& name : names) {
      if (const auto job = parse_job_id(name.substr(0, name.find('.')))) {
        jobs.insert(*job);
      }
    }
    return std::vector<JobId>(jobs.begin(), jobs.end());
  }

  OutputStats stats() override {
    OutputStats stats;
    {
      const MutexLock lock(mutex_);
      stats.attempts = std::ssize(attempts_);
    }
    stats.memory_bytes = memory_bytes_.load();
    stats.files_open = files_open_.load();
    stats.file_bytes = file_bytes_.load();
    stats.dropped_bytes = dropped_bytes_.load();
    stats.moved_to_files = moved_to_files_.load();
    stats.memory_bound = memory_bound_.load();
    return stats;
  }

  ListenerId listen(JobId job, OutputListener listener) override {
    return listeners_.add(job, std::move(listener));
  }

  void unlisten(JobId job, ListenerId id) override { listeners_.remove(job, id); }

 private:
  // Ids grow with time: a hash spreads them, so that no folder grows without bound.
  static std::uint32_t part_of(JobId job) {
    return static_cast<std::uint32_t>((job.value() * 0x9E3779B97F4A7C15U) >> 48U);
  }

  std::string folder_of(std::uint32_t part) const {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string path = folder_ + "/";
    path += kDigits[(part >> 12U) & 15U];
    path += kDigits[(part >> 8U) & 15U];
    path += '/';
    path += kDigits[(part >> 4U) & 15U];
    path += kDigits[part & 15U];
    return path;
  }

  std::string path_of(const StreamId& id) const {
    return folder_of(part_of(id.job)) + "/" + to_string(id.job) + "." + std::to_string(id.attempt) +
           "." + std::string(to_string(id.stream));
  }

  Result<std::unique_ptr<StreamFile>> reopen(const StreamId& id) const {
    return StreamFile::reopen(path_of(id), FileStorage::Hold::Nothing);
  }

  std::shared_ptr<AttemptOutput> find(const AttemptRef& ref) {
    const MutexLock lock(mutex_);
    const auto found = attempts_.find(ref);
    return found == attempts_.end() ? nullptr : found->second;
  }

  // What an earlier process left in files is taken up again; what is damaged counts as never
  // received, so that the agent sends it again.
  Result<std::shared_ptr<AttemptOutput>> find_or_load(const AttemptRef& ref) {
    if (std::shared_ptr<AttemptOutput> output = find(ref)) {
      return output;
    }
    auto loaded = std::make_shared<AttemptOutput>();
    bool has_files = false;
    {
      const MutexLock lock(loaded->mutex);
      for (const StreamKind kind : kStreamKinds) {
        if (::access(path_of({ref.job, ref.attempt, kind}).c_str(), F_OK) != 0) {
          continue;  // dearer to find out by opening it, and so it is for nearly every attempt
        }
        has_files = true;
        Result<std::unique_ptr<StreamFile>> file = reopen({ref.job, ref.attempt, kind});
        if (file) {
          loaded->stream(kind).file = std::move(*file);
        } else if (file.error().code != ErrorCode::DataLoss &&
                   file.error().code != ErrorCode::NotFound) {
          return std::move(file).error();
        }
      }
    }
    const MutexLock lock(mutex_);
    if (ended_.contains(ref)) {
      return has_ended(ref);
    }
    const auto [taken, is_first] = attempts_.try_emplace(ref, std::move(loaded));
    if (is_first && has_files) {
      remove_half_written(ref);  // before anybody can have the attempt and write beside it
    }
    return taken->second;
  }

  // What a process that was killed had not yet given its name. What stays goes with the job.
  void remove_half_written(const AttemptRef& ref) const {
    const std::string folder = folder_of(part_of(ref.job));
    const std::string mine = to_string(ref.job) + "." + std::to_string(ref.attempt) + ".";
    for (const std::string& name : list_directory(folder).value_or(std::vector<std::string>())) {
      if (name.starts_with(mine) && name.ends_with(".tmp")) {
        ::unlink((folder + "/" + name).c_str());
      }
    }
  }

  void forget(const AttemptRef& ref) {
    std::shared_ptr<AttemptOutput> output;
    {
      const MutexLock lock(mutex_);
      if (ended_.insert(ref).second) {
        ended_order_.push_back(ref);
      }
      while (ended_order_.size() > kEndedRemembered) {
        ended_.erase(ended_order_.front());
        ended_order_.pop_front();
      }
      const auto found = attempts_.find(ref);
      if (found == attempts_.end()) {
        return;
      }
      output = std::move(found->second);
      attempts_.erase(found);
    }
    const MutexLock lock(output->mutex);
    output->ended = true;
    for (Stream& stream : output->streams) {
      free_memory(stream);
      if (stream.holds_descriptor) {
        files_open_.fetch_sub(1);
        stream.holds_descriptor = false;
      }
    }
  }

  void free_memory(Stream& stream) {
    memory_bytes_.fetch_sub(static_cast<std::int64_t>(stream.bytes.size()));
    std::string().swap(stream.bytes);
  }

  Result<> append_locked(AttemptOutput& output, const StreamId& id, std::int64_t offset,
                         std::string_view bytes) HEARTH_REQUIRES(output.mutex) {
    Stream& stream = output.stream(id.stream);
    const auto held = static_cast<std::int64_t>(stream.bytes.size());
    if (!stream.file && offset >= 0 && offset <= held) {
      const auto known = static_cast<std::size_t>(held - offset);
      if (known >= bytes.size()) {
        return {};
      }
      const auto added = static_cast<std::int64_t>(bytes.size() - known);
      if (held + added <= options_.inline_bytes_max &&
          memory_bytes_.load() + added <= options_.memory_bytes_max) {
        stream.bytes += bytes.substr(known);
        memory_bytes_.fetch_add(added);
        return {};
      }
      memory_bound_.fetch_add(held + added <= options_.inline_bytes_max ? 1 : 0);
    }
    if (!stream.file) {
      HEARTH_TRY(move_to_file(stream, id));
    }
    const std::int64_t size = stream.file->size();
    const std::int64_t dropped = stream.file->dropped();
    const Result<> appended = stream.file->append(offset, bytes);
    file_bytes_.fetch_add(std::min(stream.file->size() - size, std::ssize(bytes)));
    dropped_bytes_.fetch_add(stream.file->dropped() - dropped);
    return appended;
  }

  // On failure the stream stays in memory as it was.
  Result<> move_to_file(Stream& stream, const StreamId& id) {
    const bool hold = files_open_.fetch_add(1) < options_.files_open_max;
    if (!hold) {
      files_open_.fetch_sub(1);
    }
    Result<std::unique_ptr<StreamFile>> file = StreamFile::create(
        path_of(id), hold ? FileStorage::Hold::Descriptor : FileStorage::Hold::Nothing);
    Result<> moved = file ? (*file)->append(0, stream.bytes) : Result<>(file.error());
    if (!moved) {
      files_open_.fetch_sub(hold ? 1 : 0);
      return moved;
    }
    moved_to_files_.fetch_add(1);
    file_bytes_.fetch_add(std::ssize(stream.bytes));
    stream.file = std::move(*file);
    stream.holds_descriptor = hold;
    free_memory(stream);
    return {};
  }

  Result<> keep_abandoned(AttemptOutput& output, const StreamId& id) {
    const MutexLock lock(output.mutex);
    Stream& stream = output.stream(id.stream);
    if (!stream.file && stream.bytes.empty()) {
      return {};
    }
    if (!stream.file) {
      HEARTH_TRY(move_to_file(stream, id));
    }
    if (stream.file->is_final()) {
      return {};
    }
    const std::string extents = stream.file->extents();
    HEARTH_TRY(stream.file->record(extents));
    stream.file->mark_final(extents);
    return {};
  }

  static Result<OutputSlice> slice_of_file(StreamFile& file, std::int64_t offset, std::int64_t max,
                                           bool complete) {
    HEARTH_ASSIGN(LogSlice slice, file.read(offset, max));
    return OutputSlice{.slice = std::move(slice), .size = file.size(), .complete = complete};
  }

  void notify_all(JobId job, std::uint32_t attempt) {
    for (const StreamKind kind : kStreamKinds) {
      listeners_.notify({job, attempt, kind});
    }
  }

  const std::string folder_;
  const FileOutputOptions options_;
  Listeners listeners_;
  std::atomic<std::int64_t> memory_bytes_{0};
  std::atomic<std::int64_t> files_open_{0};
  std::atomic<std::int64_t> file_bytes_{0};
  std::atomic<std::int64_t> dropped_bytes_{0};
  std::atomic<std::int64_t> moved_to_files_{0};
  std::atomic<std::int64_t> memory_bound_{0};
  Mutex mutex_;
  std::unordered_map<AttemptRef, std::shared_ptr<AttemptOutput>, AttemptRefHash> attempts_
      HEARTH_GUARDED_BY(mutex_);
  std::unordered_set<AttemptRef, AttemptRefHash> ended_ HEARTH_GUARDED_BY(mutex_);
  std::deque<AttemptRef> ended_order_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<OutputStore>> open_file_output_store(std::string folder,
                                                            FileOutputOptions options) {
  HEARTH_TRY(make_directories(folder, 0700));
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    return system_error("use output folder " + folder + " (it must be writable)", errno);
  }
  // The folder's own name must be as durable as what is synced below it.
  HEARTH_TRY(sync_directory(folder + "/.."));
  return std::unique_ptr<OutputStore>(
      std::make_unique<FileOutputStore>(std::move(folder), options));
}

}  // namespace hearth::output
