#include "client.h"

#include <algorithm>
#include <utility>

#include "world.h"

namespace hearth::sim {
namespace {

constexpr Duration kReplyTimeout{6'000};

}  // namespace

SimClient::SimClient(World& world, std::size_t index)
    : world_(world), random_(world.random.fork()), index_(index) {}

bool SimClient::lost() {
  return world_.faults_on && random_.chance(world_.options.faults.request_lost);
}

void SimClient::start(std::int64_t submits) {
  submits_left_ = submits;
  next_submit();
}

void SimClient::next_submit() {
  if (submits_left_ == 0) {
    return;
  }
  const std::int64_t spread = world_.options.fault_phase.count() / (world_.options.submits + 1);
  world_.timeline.after(random_.duration(0, 2 * spread), [this] {
    --submits_left_;
    send(draw_request());
    maybe_explain();
    next_submit();
  });
}

std::shared_ptr<SimClient::Request> SimClient::draw_request() {
  auto request = std::make_shared<Request>();
  request->keyed = random_.chance(0.6);
  const std::int64_t size = random_.chance(0.4) ? random_.between(2, 12) : 1;
  for (std::int64_t i = 0; i < size; ++i) {
    PlannedItem item;
    JobPlan plan = draw_plan(random_, world_.bases(), world_.controller.wall());
    item.plan = world_.plans.size();
    world_.plans.push_back(std::move(plan));
    if (request->keyed) {
      item.idempotency_key = "c" + std::to_string(index_) + "-" + std::to_string(next_key_++);
    }
    add_dependencies(item, request->items.size());
    request->items.push_back(std::move(item));
  }
  ++open_requests_;
  return request;
}

void SimClient::add_dependencies(PlannedItem& item, std::size_t position) {
  const auto condition = [this] {
    const double draw = random_.unit();
    return draw < 0.6   ? DependencyCondition::Ok
           : draw < 0.8 ? DependencyCondition::Any
                        : DependencyCondition::NotOk;
  };
  while (position > 0 && random_.chance(0.3)) {
    item.after_refs.emplace_back(random_.index(position), condition());
  }
  while (!acknowledged_.empty() && random_.chance(0.15)) {
    world_.plans[item.plan].scheduling.after.push_back({random_.pick(acknowledged_), condition()});
  }
}

void SimClient::submit_surely(std::vector<std::size_t> plans) {
  auto request = std::make_shared<Request>();
  request->keyed = true;
  for (const std::size_t plan : plans) {
    request->items.push_back(
        {plan, {}, "c" + std::to_string(index_) + "-" + std::to_string(next_key_++)});
  }
  ++open_requests_;
  send(request);
}

void SimClient::send(const std::shared_ptr<Request>& request) {
  ++request->tries;
  const auto latency = [this] { return random_.duration(0, world_.options.latency_max.count()); };
  if (!lost()) {
    world_.timeline.after(latency(), [this, request, latency] {
      world_.controller.submit(
          request->items, [this, request, latency](const core::Effect& effect) {
            const auto& reply = std::get<core::ReplySubmit>(effect);
            if (lost()) {
              return;
            }
            world_.timeline.after(latency(), [this, request, reply] { on_reply(*request, reply); });
          });
    });
  }
  world_.timeline.after(kReplyTimeout, [this, request] {
    if (request->answered) {
      return;
    }
    if (request->keyed) {
      send(request);
    } else {
      request->answered = true;
      --open_requests_;
    }
  });
}

void SimClient::on_reply(Request& request, const core::ReplySubmit& reply) {
  if (reply.outcomes.size() != request.items.size()) {
    world_.fail("a submit of " + std::to_string(request.items.size()) + " items is answered with " +
                std::to_string(reply.outcomes.size()) + " outcomes");
    return;
  }
  const bool first = !request.answered;
  if (first) {
    request.answered = true;
    --open_requests_;
  }
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    on_outcome(request.items[i], reply.outcomes[i]);
  }
}

void SimClient::on_outcome(const PlannedItem& item, const Result<core::SubmitOutcome>& outcome) {
  if (!outcome) {
    const JobPlan& plan = world_.plans[item.plan];
    const bool excusable = plan.hopeless || !item.after_refs.empty() ||
                           outcome.error().kind == "queue_full" ||
                           std::ranges::any_of(plan.scheduling.after, [this](const Dependency& on) {
                             return world_.store.find_stored(on.job) == nullptr;
                           });
    if (!excusable) {
      world_.fail("a good job is refused: " + outcome.error().kind + ": " +
                  outcome.error().message);
    }
    return;
  }
  const JobId id = outcome->id;
  world_.history.on_submit_acknowledged(item.idempotency_key, id);
  acknowledged_.push_back(id);
  maybe_cancel(id);
}

void SimClient::maybe_cancel(JobId job) {
  if (!random_.chance(world_.options.cancel_share)) {
    return;
  }
  const Duration when =
      random_.chance(0.5) ? random_.duration(0, 200) : random_.duration(0, 30'000);
  world_.timeline.after(when, [this, job] { cancel_surely(job); });
}

void SimClient::cancel_surely(JobId job) {
  ++open_requests_;
  send(std::make_shared<CancelRequest>(CancelRequest{job, false}));
}

void SimClient::send(const std::shared_ptr<CancelRequest>& request) {
  if (!lost()) {
    world_.timeline.after(random_.duration(0, world_.options.latency_max.count()), [this, request] {
      world_.controller.cancel(request->job, [this, request](const core::Effect& effect) {
        const auto& reply = std::get<core::ReplyCancel>(effect);
        if (!lost()) {
          on_reply(*request, reply);
        }
      });
    });
  }
  world_.timeline.after(kReplyTimeout, [this, request] {
    if (!request->answered) {
      send(request);
    }
  });
}

void SimClient::on_reply(CancelRequest& request, const core::ReplyCancel& reply) {
  if (!request.answered) {
    request.answered = true;
    --open_requests_;
  }
  if (reply.outcome) {
    world_.history.on_cancel_acknowledged(request.job, *reply.outcome);
    return;
  }
  // Not in memory: the shell answers from the store, where it must have ended.
  const StoredJob* row = world_.store.find(request.job);
  if (row == nullptr || !is_final(row->record.state)) {
    world_.fail("cancel of the live job " + to_string(request.job) + " is answered not found");
    return;
  }
  world_.history.on_cancel_acknowledged(request.job, row->record);
}

void SimClient::maybe_explain() {
  if (acknowledged_.empty() || !random_.chance(0.3)) {
    return;
  }
  const JobId job = random_.pick(acknowledged_);
  world_.controller.explain(job, [this, job](const core::Effect& effect) {
    const auto& reply = std::get<core::ReplyExplain>(effect);
    if (reply.outcome && reply.outcome->job != job) {
      world_.fail("explain of one job speaks of another");
    }
    if (reply.outcome && reply.outcome->summary.empty()) {
      world_.fail("explain of " + to_string(job) + " says nothing");
    }
  });
}

}  // namespace hearth::sim
