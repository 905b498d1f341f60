// Somebody who submits, cancels and asks, over a network that loses requests and answers. Requests
// with idempotency keys are repeated until answered; others are not, and may or may not have
// happened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/effect.h"
#include "random.h"
#include "sim_controller.h"

namespace hearth::sim {

class World;

class SimClient {
 public:
  SimClient(World& world, std::size_t index);

  void start(std::int64_t submits);
  // Makes jobs of a given plan, each with a key, until acknowledged.
  void submit_surely(std::vector<std::size_t> plans);
  void cancel_surely(JobId job);
  // No request of it waits for an answer that it would repeat.
  [[nodiscard]] bool settled() const { return open_requests_ == 0 && submits_left_ == 0; }
  [[nodiscard]] const std::vector<JobId>& acknowledged() const { return acknowledged_; }

 private:
  struct Request {
    std::vector<PlannedItem> items;
    bool keyed = false;
    bool answered = false;
    std::int64_t tries = 0;
  };
  struct CancelRequest {
    JobId job;
    bool answered = false;
  };

  void next_submit();
  std::shared_ptr<Request> draw_request();
  void add_dependencies(PlannedItem& item, std::size_t position);
  void send(const std::shared_ptr<Request>& request);
  void on_reply(Request& request, const core::ReplySubmit& reply);
  void on_outcome(const PlannedItem& item, const Result<core::SubmitOutcome>& outcome);
  void send(const std::shared_ptr<CancelRequest>& request);
  void on_reply(CancelRequest& request, const core::ReplyCancel& reply);
  void maybe_cancel(JobId job);
  void maybe_explain();
  [[nodiscard]] bool lost();

  World& world_;
  Random random_;
  std::size_t index_;
  std::int64_t submits_left_ = 0;
  std::int64_t open_requests_ = 0;
  std::int64_t next_key_ = 1;
  std::vector<JobId> acknowledged_;
};

}  // namespace hearth::sim
