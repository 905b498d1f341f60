// Lets turns out once they are durable: replies and effects in order, then notices.
//
// Used by the writer thread alone. What an agent needs to run an attempt is taken from the turn
// that submitted the job, when it is the same commit, and is otherwise read from the store in one
// batch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/attempt_desk.h"
#include "api/link_table.h"
#include "api/metrics.h"
#include "api/turn.h"
#include "api/upload_uses.h"
#include "api/watch_hub.h"
#include "base/log.h"
#include "store/store.h"

namespace hearth::api {

class Releaser {
 public:
  struct Deps {
    store::Reader& reader;
    UploadUses& uses;
    AttemptDesk& desk;
    LinkTable& links;
    WatchHub& hub;
    LoopMetrics& metrics;
    Log& log;
    // The latest durable event.
    std::function<void(EventSeq)> on_committed;
    // Jobs whose final state is durable.
    std::function<void(std::vector<JobId>)> on_ended;
    // Just before its agent is told.
    std::function<void(std::uint64_t link)> on_welcome;
  };

  explicit Releaser(Deps deps) : deps_(std::move(deps)) {}

  void release(std::vector<Turn>& turns);

 private:
  struct Payload {
    std::string spec;
    std::string secrets;
  };
  using Payloads = std::unordered_map<JobId, Payload>;

  void log_event(const JobEvent& event);
  void measure(const JobEvent& event);
  Payloads payloads_of(const std::vector<Turn>& turns);
  void release(Turn& turn, const Payloads& payloads);
  void reply(Turn& turn, core::ReplySubmit& effect);
  void reply(Turn& turn, core::ReplyCancel& effect);
  void reply(Turn& turn, core::ReplyExplain& effect);
  void reply(Turn& turn, core::ReplyDrain& effect);
  void assign(const core::AssignAttempt& effect, const Payloads& payloads);
  void notify(const std::vector<Turn>& turns);

  Deps deps_;
};

}  // namespace hearth::api
