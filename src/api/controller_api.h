// What every front door calls. The only way into the controller from outside.
//
// Commands are asynchronous: the callback runs on a thread of the controller, once, after the
// commit that backs it, and must only post to the caller's own executor. A full mailbox answers at
// once with ResourceExhausted/queue_full, storage trouble with Unavailable/storage_unavailable.
// Reads block for a few microseconds on the calling thread; they see at least what their client was
// last told.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/command.h"
#include "core/effect.h"
#include "model/agent.h"
#include "model/job.h"
#include "output/output_store.h"
#include "store/store.h"

namespace hearth::api {

template <class T>
using Callback = std::function<void(Result<T>)>;

struct SubmitRequestItem {
  JobSpec spec;
  std::vector<std::pair<std::size_t, DependencyCondition>> after_refs;  // indexes of earlier items
};

using SubmitResults = std::vector<Result<core::SubmitOutcome>>;

struct OutputQuery {
  JobId job;
  std::optional<std::uint32_t> attempt;  // default: the latest
  StreamKind stream = StreamKind::Stdout;
  std::int64_t offset = 0;
  std::int64_t max = 1 << 20;
};

struct OutputAnswer {
  std::uint32_t attempt = 0;
  output::OutputSlice slice;
};

// A committed change, fanned out after its commit, in seq order.
struct Notice {
  JobEvent event;
};

// Both run on a controller thread and must only post.
struct Watcher {
  std::function<void(const std::vector<std::shared_ptr<const Notice>>&)> on_events;
  std::function<void(const AgentId&)> on_agent;  // something about this agent changed
};

struct Readiness {
  bool ready = false;
  std::string why;  // when not
};

class ControllerApi {
 public:
  virtual ~ControllerApi() = default;

  // One outcome per item; the outer error only when nothing was decided at all.
  virtual void submit(std::vector<SubmitRequestItem> items, Callback<SubmitResults> done) = 0;
  // A job is about to name this upload, which stays for a while from now on. NotFound.
  virtual Result<> touch_upload(const std::string& upload) = 0;
  virtual void cancel(JobId job, Callback<JobView> done) = 0;  // NotFound; ended: unchanged
  // A new job from an ended one's spec; FailedPrecondition/not_finished otherwise.
  virtual void retry(JobId job, Callback<core::SubmitOutcome> done) = 0;
  virtual void explain(JobId job, Callback<core::Explanation> done) = 0;
  virtual void drain(AgentId agent, bool enable, Callback<bool> done) = 0;

  virtual Result<JobView> get(JobId job) = 0;
  // Read before get(): as long as it stays the same, get() would answer the same again.
  virtual std::uint64_t version_of(JobId job) = 0;
  virtual Result<std::vector<JobView>> list(const store::JobQuery& query) = 0;
  virtual Result<OutputAnswer> output(const OutputQuery& query) = 0;
  virtual Result<std::vector<JobEvent>> events(JobId job, EventSeq after, std::int64_t limit) = 0;
  virtual Result<EventSeq> oldest_event() = 0;
  virtual EventSeq last_event() = 0;  // of the latest commit
  // See store::Reader. To be asked again after a restart: what is settled is so durably.
  virtual Result<std::vector<JobId>> owed_callbacks(JobId after, std::int64_t limit) = 0;
  // They are owed no more. Blocks until that is durable, for at most a commit or two: for a thread
  // that serves nobody.
  virtual Result<> settle_callbacks(const std::vector<JobId>& jobs) = 0;
  virtual std::vector<AgentView> agents() = 0;
  virtual std::map<JobState, std::int64_t> counts() = 0;

  // Notices of commits after the call. At most kWatchersMax watchers.
  virtual Result<std::uint64_t> watch(Watcher watcher) = 0;
  virtual void unwatch(std::uint64_t id) = 0;
  virtual output::ListenerId listen_output(JobId job, output::OutputListener listener) = 0;
  virtual void unlisten_output(JobId job, output::ListenerId id) = 0;

  virtual Readiness readiness() = 0;
};

}  // namespace hearth::api
