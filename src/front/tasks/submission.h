// One POST /tasks on its way: what became of each of its tasks, and how that is answered.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "api/controller_api.h"
#include "front/tasks/task_request.h"
#include "net/http_server.h"

namespace hearth::tasks {

class Submission {
 public:
  Submission(TaskRequest request, net::Responder responder);

  // Those that may be submitted, once; the results come back in that order.
  std::vector<api::SubmitRequestItem> take_items();
  void set_results(api::SubmitResults results);

  // Kept until the last copy of the responder goes, in the place of what it held.
  void hold(std::shared_ptr<void> held) { responder_.hold(std::move(held)); }
  // Of what was accepted.
  [[nodiscard]] std::vector<JobId> jobs() const;
  [[nodiscard]] const net::Responder& responder() const { return responder_; }

  // Nothing was decided.
  void fail(Error error) const;
  // {"id","status"} of each task, or what was wrong with it.
  void answer() const;
  // Each task whole, as it is by now.
  void answer_whole(api::ControllerApi& api) const;

 private:
  struct Entry {
    std::optional<Error> error;
    JobSpec spec;  // until it is submitted
    core::SubmitOutcome outcome;
  };

  template <class Write>
  void answer_with(const Write& write) const;

  std::vector<Entry> entries_;
  bool is_batch_;
  net::Responder responder_;
};

}  // namespace hearth::tasks
