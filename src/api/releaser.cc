#include "api/releaser.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>
#include <variant>

#include "api/views.h"

namespace hearth::api {
namespace {

// The callback of type `Sink` that waits for `token`, once.
template <class Sink>
std::optional<Sink> take_sink(Turn& turn, core::RequestToken token) {
  const auto found = turn.replies.find(token);
  if (found == turn.replies.end()) {
    return std::nullopt;
  }
  std::optional<Sink> taken;
  if (auto* sink = std::get_if<Sink>(&found->second)) {
    taken = std::move(*sink);
  }
  turn.replies.erase(found);
  return taken;
}

}  // namespace

void Releaser::release(std::vector<Turn>& turns) {
  const Payloads payloads = payloads_of(turns);
  EventSeq latest;
  for (const Turn& turn : turns) {
    deps_.metrics.events.fetch_add(turn.changes.events.size());
    for (const JobEvent& event : turn.changes.events) {
      latest = std::max(latest, event.seq);
      measure(event);
      if (deps_.log.is_on(LogLevel::Debug)) {
        log_event(event);
      }
    }
  }
  if (!latest.empty()) {
    deps_.on_committed(latest);
  }
  for (Turn& turn : turns) {
    deps_.uses.committed(turn.changes);
    deps_.desk.committed(turn);
    release(turn, payloads);
  }
  notify(turns);
  std::vector<JobId> ended;
  for (const Turn& turn : turns) {
    for (const JobEvent& event : turn.changes.events) {
      if (is_final(event.after.state)) {
        ended.push_back(event.after.id);
      }
    }
  }
  if (!ended.empty()) {
    deps_.on_ended(std::move(ended));
  }
}

// A job's whole story is one grep for its id.
void Releaser::log_event(const JobEvent& event) {
  const JobRecord& job = event.after;
  deps_.log.debug("committed", {{"job", to_string(job.id)},
                                {"attempt", job.attempt},
                                {"agent", job.agent.value()},
                                {"event", to_string(event.kind)},
                                {"state", to_string(job.state)},
                                {"seq", event.seq.value()}});
}

// How long a job waited, started and ran: by the times of its record, so also across a restart.
void Releaser::measure(const JobEvent& event) {
  const JobRecord& job = event.after;
  const auto observe = [](Histogram& histogram, const auto& from, const auto& to) {
    if (from && to) {
      histogram.observe_ns(std::chrono::nanoseconds(*to - *from).count());
    }
  };
  switch (event.kind) {
    case JobEventKind::Assigned:
      observe(deps_.metrics.queue_wait, job.queued_at, job.assigned_at);
      break;
    case JobEventKind::Started:
      observe(deps_.metrics.start, job.assigned_at, job.started_at);
      break;
    case JobEventKind::Ended:
      observe(deps_.metrics.run, job.started_at, job.completed_at);
      break;
    default:
      break;
  }
}

Releaser::Payloads Releaser::payloads_of(const std::vector<Turn>& turns) {
  std::unordered_map<JobId, const JobPayload*> submitted;
  for (const Turn& turn : turns) {
    for (const NewJob& job : turn.changes.new_jobs) {
      submitted.emplace(job.id, job.payload.get());
    }
  }
  Payloads payloads;
  std::vector<JobId> unread;
  for (const Turn& turn : turns) {
    for (const core::Effect& effect : turn.effects) {
      const auto* assign = std::get_if<core::AssignAttempt>(&effect);
      if (assign == nullptr) {
        continue;
      }
      const auto found = submitted.find(assign->key.job);
      if (found == submitted.end()) {
        unread.push_back(assign->key.job);
      } else {
        payloads[assign->key.job] = {.spec = found->second->spec,
                                     .secrets = found->second->secrets};
      }
    }
  }
  if (unread.empty()) {
    return payloads;
  }
  Result<std::vector<store::StoredPayload>> stored = deps_.reader.payloads(unread);
  if (!stored) {
    deps_.log.error("could not read what assigned jobs run; it is not told to their agents",
                    {{"job", to_string(unread.front())},
                     {"jobs", unread.size()},
                     {"why", stored.error().message}});
    return payloads;
  }
  for (store::StoredPayload& payload : *stored) {
    payloads[payload.id] = {.spec = std::move(payload.spec), .secrets = std::move(payload.secrets)};
  }
  return payloads;
}

void Releaser::release(Turn& turn, const Payloads& payloads) {
  for (core::Effect& effect : turn.effects) {
    std::visit(
        [&](auto& it) {
          using Kind = std::decay_t<decltype(it)>;
          if constexpr (std::is_same_v<Kind, core::AssignAttempt>) {
            assign(it, payloads);
          } else if constexpr (std::is_same_v<Kind, core::RejectAgent>) {
            deps_.log.warn(
                "an agent is refused",
                {{"agent", it.agent.value()}, {"link", it.link}, {"why", it.error.message}});
            deps_.links.reject(it.link, it.error);
          } else if constexpr (requires { it.token; }) {
            reply(turn, it);
          } else if (const auto connection = deps_.links.find(it.link)) {
            if constexpr (std::is_same_v<Kind, core::Welcome>) {
              deps_.log.info("an agent is linked", {{"agent", it.agent.value()},
                                                    {"link", it.link},
                                                    {"attempts_kept", it.keep.size()},
                                                    {"attempts_stopped", it.stop.size()}});
              deps_.on_welcome(it.link);
              connection->welcome(it);
            } else if constexpr (std::is_same_v<Kind, core::CancelAttempt>) {
              connection->cancel(it.key);
            } else if constexpr (std::is_same_v<Kind, core::StopAttempt>) {
              connection->stop(it.key);
            } else if constexpr (std::is_same_v<Kind, core::AckReport>) {
              connection->ack(it.key, it.finished, it.accepted);
            } else if constexpr (std::is_same_v<Kind, core::PaceHeartbeats>) {
              connection->heartbeat_wanted(it.interval);
            } else {
              static_assert(std::is_same_v<Kind, core::SendDrain>);
              connection->drain();
            }
          }
        },
        effect);
  }
  answer_error(turn, internal_error("the controller did not answer this request"));
}

void Releaser::reply(Turn& turn, core::ReplySubmit& effect) {
  for (const Result<core::SubmitOutcome>& outcome : effect.outcomes) {
    if (!outcome) {
      deps_.metrics.refused.count(outcome.error().limit);
    }
  }
  if (auto sink = take_sink<Callback<SubmitResults>>(turn, effect.token)) {
    (*sink)(std::move(effect.outcomes));
  }
}

// Ended jobs are no longer in the core's memory: they are answered unchanged from the store.
void Releaser::reply(Turn& turn, core::ReplyCancel& effect) {
  const auto sink = take_sink<CancelSink>(turn, effect.token);
  if (!sink) {
    return;
  }
  if (!effect.outcome && effect.outcome.error().code != ErrorCode::NotFound) {
    sink->done(effect.outcome.error());
    return;
  }
  sink->done(read_view(deps_.reader, sink->job));
}

void Releaser::reply(Turn& turn, core::ReplyExplain& effect) {
  const auto sink = take_sink<ExplainSink>(turn, effect.token);
  if (!sink) {
    return;
  }
  if (effect.outcome || effect.outcome.error().code != ErrorCode::NotFound) {
    sink->done(std::move(effect.outcome));
    return;
  }
  Result<JobView> ended = read_view(deps_.reader, sink->job);
  if (!ended) {
    sink->done(std::move(ended).error());
    return;
  }
  const JobRecord& record = ended->record;
  sink->done(core::Explanation{
      .job = record.id,
      .state = record.state,
      .since = record.completed_at.value_or(record.created_at),
      .summary =
          "the job has ended as " + std::string(to_string(record.state)) + "; it waits for nothing",
      .reasons = {}});
}

void Releaser::reply(Turn& turn, core::ReplyDrain& effect) {
  if (auto sink = take_sink<Callback<bool>>(turn, effect.token)) {
    (*sink)(effect.outcome ? Result<bool>(true) : Result<bool>(effect.outcome.error()));
  }
}

void Releaser::assign(const core::AssignAttempt& effect, const Payloads& payloads) {
  const std::shared_ptr<AgentConnection> connection = deps_.links.find(effect.link);
  if (!connection) {
    return;
  }
  const auto found = payloads.find(effect.key.job);
  if (found == payloads.end()) {
    // An agent that comes back without the attempt makes the core place it again.
    deps_.links.reject(effect.link, unavailable("what job " + to_string(effect.key.job) +
                                                " runs could not be read; connect again"));
    return;
  }
  connection->assign(effect.key, found->second.spec, found->second.secrets);
}

void Releaser::notify(const std::vector<Turn>& turns) {
  std::vector<std::shared_ptr<const Notice>> notices;
  for (const Turn& turn : turns) {
    for (const JobEvent& event : turn.changes.events) {
      notices.push_back(std::make_shared<const Notice>(Notice{.event = event}));
    }
  }
  if (!notices.empty()) {
    deps_.hub.events(notices);
  }
}

}  // namespace hearth::api
