// Output of attempts at the controller: arrives in chunks while the attempt runs, is followed live,
// and is durable before the attempt's end is accepted.
//
// Small output stays in memory until the attempt ends and goes into the transaction that ends it
// (make_durable returns it); larger output goes to files below the data directory, two levels of
// fan-out, synced by make_durable. Thread-safe; file work happens on the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/change_set.h"
#include "model/ids.h"
#include "model/job_state.h"
#include "output/bounded_log.h"

namespace hearth::output {

struct StreamId {
  JobId job;
  std::uint32_t attempt = 0;
  StreamKind stream = StreamKind::Stdout;
  friend auto operator<=>(const StreamId&, const StreamId&) = default;
  friend bool operator==(const StreamId&, const StreamId&) = default;
};

struct OutputSlice {
  LogSlice slice;
  std::int64_t size = 0;  // bytes written so far
  bool complete = false;  // no more will come
};

// What a store of output counts about itself since its start.
struct OutputStats {
  std::int64_t attempts = 0;      // whose output is being taken
  std::int64_t memory_bytes = 0;  // of small output, held until its attempt ends
  std::int64_t files_open = 0;
  std::int64_t file_bytes = 0;      // written to files
  std::int64_t dropped_bytes = 0;   // beyond what is kept of a stream, or lost by the agent
  std::int64_t moved_to_files = 0;  // streams that outgrew memory
  std::int64_t memory_bound = 0;    // of those, for want of memory for all together
};

// Runs on the thread that appended; must only post.
using OutputListener = std::function<void(const StreamId&)>;
using ListenerId = std::uint64_t;

// The files are spread over so many folders.
inline constexpr std::uint32_t kOutputParts = 65'536;

class OutputStore {
 public:
  virtual ~OutputStore() = default;

  // FailedPrecondition: the attempt has ended. Of kind kSyncFailed: as in make_durable, since long
  // streams are synced on the way. Any other error leaves the stream as it was, but for
  // a gap at the start of its tail, and the same bytes may be appended again.
  virtual Result<> append(const StreamId& id, std::int64_t offset, std::string_view bytes) = 0;
  // Received in order up to here; 0 for a stream nothing is known of.
  virtual std::int64_t received(const StreamId& id) = 0;

  // True when not every byte below received() of the attempt's streams is kept.
  virtual bool truncated(JobId job, std::uint32_t attempt) = 0;

  // What is live or in files. NotFound when neither: the caller then asks the job store for inline
  // output.
  virtual Result<OutputSlice> read(const StreamId& id, std::int64_t offset, std::int64_t max) = 0;

  // Called once all streams are received up to their final offsets: syncs what is in files and
  // returns what is to be stored inline with the end of the attempt. May be repeated. DataLoss: a
  // sync failed; only a restart, after which the agent sends again, makes the bytes safe.
  virtual Result<std::vector<InlineOutput>> make_durable(JobId job, std::uint32_t attempt) = 0;
  // True when make_durable would touch no disk.
  virtual bool in_memory(JobId job, std::uint32_t attempt) = 0;
  // The end is committed: memory is freed, followers learn that the streams are complete.
  virtual void finish(JobId job, std::uint32_t attempt) = 0;
  // The attempt is lost or refused: what was received stays readable as it is.
  virtual void abandon(JobId job, std::uint32_t attempt) = 0;
  // An abandoned attempt was adopted: its streams go on from received().
  virtual void revive(JobId job, std::uint32_t attempt) = 0;

  // Any thread.
  [[nodiscard]] virtual OutputStats stats() { return {}; }

  // Deletes what is in files of a job that has ended. Nothing there is fine.
  virtual Result<> remove(JobId job) = 0;
  // Whose files lie in one of kOutputParts, in no order.
  virtual Result<std::vector<JobId>> jobs_in_part(std::uint32_t part) = 0;

  // Followers: told whenever bytes were added to a stream of `job` or it became complete; never
  // again once unlisten has returned. At most kWatchersMax; beyond that the id is 0 and nobody is
  // told. The listener must not call listen or unlisten.
  virtual ListenerId listen(JobId job, OutputListener listener) = 0;
  virtual void unlisten(JobId job, ListenerId id) = 0;
};

}  // namespace hearth::output
