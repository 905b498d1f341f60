#include "api/attempt_desk.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"

namespace hearth::api {
namespace {

constexpr std::size_t kWorkTakenMax = 64;
constexpr Duration kIdle = std::chrono::hours(1);
constexpr std::size_t kAcceptedRemembered = 4'096;
// While finishes wait for output.
constexpr Duration kLookAgain{1'000};

bool has_output(const AttemptResult& result) {
  return std::ranges::any_of(kStreamKinds,
                             [&](StreamKind stream) { return bytes_of(result, stream) > 0; });
}

Error not_current(const AttemptKey& key) {
  return Error{.code = ErrorCode::FailedPrecondition,
               .message = "attempt " + std::to_string(key.attempt) + " (epoch " +
                          std::to_string(key.epoch) + ") of job " + to_string(key.job) +
                          " is not current: it ended, was lost, or runs elsewhere; drop it",
               .kind = "conflict"};
}

}  // namespace

AttemptDesk::AttemptDesk(Deps deps, Duration retry_after)
    : deps_(std::move(deps)),
      retry_after_(retry_after),
      work_(static_cast<std::size_t>(limits::kMailboxCommandsMax)) {}

AttemptDesk::~AttemptDesk() {
  stop();
}

void AttemptDesk::start() {
  worker_ = std::thread([this] { work(); });
}

void AttemptDesk::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_.close();
  if (worker_.joinable()) {
    worker_.join();
  }
}

void AttemptDesk::restore(const JobRecord& record) {
  if (record.state == JobState::Assigned || record.state == JobState::Running) {
    const MutexLock lock(mutex_);
    current_[record.id] = {
        .agent = record.agent,
        .key = {.job = record.id, .attempt = record.attempt, .epoch = record.epoch}};
  }
}

void AttemptDesk::committed(const Turn& turn) {
  std::set<std::pair<JobId, std::uint32_t>> accepted;
  for (const core::Effect& effect : turn.effects) {
    const auto* ack = std::get_if<core::AckReport>(&effect);
    if (ack != nullptr && ack->finished && ack->accepted) {
      accepted.emplace(ack->key.job, ack->key.attempt);
    }
  }
  for (const AttemptChange& change : turn.changes.attempts) {
    const Attempt& attempt = change.attempt;
    {
      const MutexLock lock(mutex_);
      const auto found = current_.find(change.job);
      if (!attempt.ended_at) {
        const bool is_new = found == current_.end() || found->second.key.attempt != attempt.number;
        const AttemptKey key{.job = change.job, .attempt = attempt.number, .epoch = attempt.epoch};
        // Its end may be under way before its start is committed.
        const bool is_ending = !is_new && found->second.key == key && found->second.is_ending;
        current_[change.job] = {.agent = attempt.agent, .key = key, .is_ending = is_ending};
        if (!is_new) {
          continue;
        }
      } else if (found != current_.end() && found->second.key.attempt == attempt.number) {
        if (accepted.contains({change.job, attempt.number})) {
          remember_accepted_locked(found->second);
        }
        current_.erase(found);
        waiting_.erase(change.job);
      }
    }
    if (!attempt.ended_at) {
      deps_.outputs.revive(change.job, attempt.number);
    } else if (accepted.contains({change.job, attempt.number})) {
      deps_.outputs.finish(change.job, attempt.number);
    } else {
      deps_.outputs.abandon(change.job, attempt.number);
    }
  }
}

Result<std::int64_t> AttemptDesk::output(const AgentId& agent, const AttemptKey& key,
                                         StreamKind stream, std::int64_t offset,
                                         std::string_view bytes) {
  bool finish_waits = false;
  {
    const MutexLock lock(mutex_);
    if (!is_current_locked(agent, key)) {
      deps_.metrics.stale_chunks.fetch_add(1);
      return not_current(key);
    }
    finish_waits = waiting_.contains(key.job);
  }
  const output::StreamId id{.job = key.job, .attempt = key.attempt, .stream = stream};
  if (finish_waits &&
      offset + static_cast<std::int64_t>(bytes.size()) > deps_.outputs.received(id)) {
    note_progress(key.job);  // also when it cannot be kept now: that is not the agent's fault
  }
  if (Result<> kept = deps_.outputs.append(id, offset, bytes); !kept) {
    if (kept.error().kind == output::kSyncFailed) {
      deps_.on_fatal(kept.error().with_context("keep output of job " + to_string(key.job)));
    }
    return std::move(kept).error();
  }
  deps_.metrics.output_bytes.fetch_add(bytes.size());
  {
    const MutexLock lock(mutex_);
    finish_waits = waiting_.contains(key.job);
  }
  if (finish_waits) {
    (void)pass_if_complete(key.job);
  }
  return deps_.outputs.received(id);
}

void AttemptDesk::finished(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                           AttemptResult result) {
  // Here already, since it may wait long for its output, and many may.
  result.message =
      cut_middle(result.message, static_cast<std::size_t>(limits::kEndMessageBytesMax));
  bool stale = false;
  bool repeated = false;
  {
    const MutexLock lock(mutex_);
    stale = !is_current_locked(agent, key);
    if (!stale) {
      waiting_[key.job] = {.link = link,
                           .agent = agent,
                           .key = key,
                           .result = std::move(result),
                           .progress_ns = deps_.clock.monotonic_ns()};
    } else {
      repeated = std::any_of(accepted_.begin(), accepted_.end(), [&](const Current& ended) {
        return ended.key == key && ended.agent == agent;
      });
    }
  }
  if (!stale) {
    if (!pass_if_complete(key.job)) {
      work_.wake();  // it may rest for long
    }
    return;
  }
  deps_.metrics.stale_reports_gate.fetch_add(repeated ? 0 : 1);
  // When there is no room for the answer, the agent repeats its report after the next welcome.
  (void)work_.try_push(Answer{.link = link, .key = key, .accepted = repeated});
}

void AttemptDesk::link_closed(std::uint64_t link) {
  const MutexLock lock(mutex_);
  std::erase_if(waiting_, [link](const auto& entry) { return entry.second.link == link; });
}

std::optional<std::uint32_t> AttemptDesk::current_attempt(JobId job) {
  const MutexLock lock(mutex_);
  const auto found = current_.find(job);
  return found == current_.end() || found->second.is_ending
             ? std::nullopt
             : std::optional(found->second.key.attempt);
}

Result<> AttemptDesk::check_current(const AgentId& agent, const AttemptKey& key) {
  const MutexLock lock(mutex_);
  if (!is_current_locked(agent, key)) {
    return not_current(key);
  }
  return {};
}

std::int64_t AttemptDesk::finishes_waiting() {
  const MutexLock lock(mutex_);
  return static_cast<std::int64_t>(waiting_.size()) + settling_;
}

std::optional<Error> AttemptDesk::trouble() {
  const MutexLock lock(mutex_);
  return trouble_;
}

void AttemptDesk::remember_accepted_locked(const Current& ended) {
  accepted_.push_back(ended);
  if (accepted_.size() > kAcceptedRemembered) {
    accepted_.pop_front();
  }
}

bool AttemptDesk::is_current_locked(const AgentId& agent, const AttemptKey& key) {
  const auto found = current_.find(key.job);
  return found != current_.end() && found->second.key == key && found->second.agent == agent;
}

std::int64_t AttemptDesk::missing_bytes(const Finish& finish, StreamKind stream) {
  const std::int64_t named = bytes_of(finish.result, stream);
  return named <= 0 ? 0
                    : std::max<std::int64_t>(
                          0, named - deps_.outputs.received({.job = finish.key.job,
                                                             .attempt = finish.key.attempt,
                                                             .stream = stream}));
}

bool AttemptDesk::has_all_output(const Finish& finish) {
  return std::ranges::all_of(kStreamKinds,
                             [&](StreamKind stream) { return missing_bytes(finish, stream) == 0; });
}

bool AttemptDesk::pass_if_complete(JobId job) {
  Finish finish;
  {
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(job);
    if (found == waiting_.end()) {
      return true;
    }
    finish = found->second;
  }
  if (!has_all_output(finish)) {
    return false;
  }
  {
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(job);
    if (found == waiting_.end() || found->second.key != finish.key) {
      return true;
    }
    finish = std::move(found->second);
    waiting_.erase(found);
    ++settling_;
    if (const auto current = current_.find(job);
        current != current_.end() && current->second.key == finish.key) {
      current->second.is_ending = true;
    }
  }
  pass(std::move(finish));
  return true;
}

void AttemptDesk::note_progress(JobId job) {
  const MutexLock lock(mutex_);
  if (const auto found = waiting_.find(job); found != waiting_.end()) {
    found->second.progress_ns = deps_.clock.monotonic_ns();
  }
}

Duration AttemptDesk::idle_time() {
  const MutexLock lock(mutex_);
  return waiting_.empty() ? kIdle : kLookAgain;
}

void AttemptDesk::give_up_overdue() {
  const std::int64_t now_ns = deps_.clock.monotonic_ns();
  std::vector<Finish> overdue;
  {
    const MutexLock lock(mutex_);
    for (const auto& [job, finish] : waiting_) {
      if (std::chrono::nanoseconds(now_ns - finish.progress_ns) >= limits::kFinishOutputPatience) {
        overdue.push_back(finish);
      }
    }
  }
  for (Finish& finish : overdue) {
    give_up(std::move(finish));
  }
}

// The state stays what the agent found out: how the process ended is known. What is not there is a
// gap, as where the bound on a stream drops its middle, and no longer waited for.
void AttemptDesk::give_up(Finish finish) {
  std::int64_t lost = 0;
  for (const StreamKind stream : kStreamKinds) {
    const std::int64_t missing = missing_bytes(finish, stream);
    const output::StreamId id{
        .job = finish.key.job, .attempt = finish.key.attempt, .stream = stream};
    if (missing > 0 && !deps_.outputs.append(id, bytes_of(finish.result, stream), {})) {
      return;  // nothing can be noted now; it is looked at again
    }
    lost += missing;
  }
  if (lost > 0) {
    deps_.metrics.truncated_ends.fetch_add(1);
    deps_.log.warn("an agent never sent output of an attempt that ended; it ends without it",
                   {{"job", to_string(finish.key.job)},
                    {"attempt", finish.key.attempt},
                    {"agent", finish.agent.value()},
                    {"bytes", lost}});
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(finish.key.job);
    if (found != waiting_.end() && found->second.key == finish.key) {
      std::string& message = found->second.result.message;
      message += std::string(message.empty() ? "" : " ") + std::to_string(lost) +
                 " bytes of the output never arrived from the agent and are missing.";
    }
  }
  (void)pass_if_complete(finish.key.job);
}

void AttemptDesk::pass(Finish finish) {
  // The agent may have found out only after it named the end that it cannot read what it kept.
  finish.result.truncated =
      finish.result.truncated || deps_.outputs.truncated(finish.key.job, finish.key.attempt);
  if (!has_output(finish.result)) {
    post(std::move(finish), {});
    return;
  }
  if (deps_.outputs.in_memory(finish.key.job, finish.key.attempt)) {
    if (Result<std::vector<InlineOutput>> outputs =
            deps_.outputs.make_durable(finish.key.job, finish.key.attempt)) {
      post(std::move(finish), std::move(*outputs));
      return;
    }
  }
  const std::uint64_t link = finish.link;
  if (!work_.try_push(Work(std::move(finish)))) {
    {
      const MutexLock lock(mutex_);
      --settling_;
    }
    deps_.links.reject(link, unavailable("the controller takes no reports now; connect again"));
  }
}

void AttemptDesk::post(Finish finish, std::vector<InlineOutput> outputs) {
  {
    const MutexLock lock(mutex_);
    --settling_;
  }
  const std::uint64_t link = finish.link;
  if (!deps_.post(core::AttemptFinished{.link = link,
                                        .agent = std::move(finish.agent),
                                        .key = finish.key,
                                        .result = std::move(finish.result),
                                        .outputs = std::move(outputs)})) {
    // The report must not be lost silently: on its next link the agent repeats it.
    deps_.links.reject(link, unavailable("the controller takes no reports now; connect again"));
  }
}

std::optional<AttemptDesk::Finish> AttemptDesk::settle(Finish finish) {
  deps_.metrics.output_syncs.fetch_add(1);
  Result<std::vector<InlineOutput>> outputs =
      deps_.outputs.make_durable(finish.key.job, finish.key.attempt);
  if (outputs) {
    set_trouble(std::nullopt);
    post(std::move(finish), std::move(*outputs));
    return std::nullopt;
  }
  const Error error = outputs.error().with_context("make the output of job " +
                                                   to_string(finish.key.job) + " durable");
  if (error.code == ErrorCode::DataLoss) {
    deps_.on_fatal(error);
  }
  // FailedPrecondition: it ended meanwhile in another way.
  if (error.code == ErrorCode::DataLoss || error.code == ErrorCode::FailedPrecondition) {
    const MutexLock lock(mutex_);
    --settling_;
    return std::nullopt;
  }
  set_trouble(error);
  return finish;
}

void AttemptDesk::work() {
  std::vector<Finish> again;
  while (true) {
    std::vector<Work> taken =
        work_.pop_all(kWorkTakenMax, again.empty() ? idle_time() : retry_after_);
    {
      const MutexLock lock(mutex_);
      if (stopping_ && taken.empty()) {
        settling_ -= static_cast<std::int64_t>(again.size());
        return;
      }
    }
    give_up_overdue();
    for (Finish& finish : std::exchange(again, {})) {
      taken.emplace_back(std::move(finish));
    }
    for (Work& work : taken) {
      if (auto* finish = std::get_if<Finish>(&work)) {
        if (std::optional<Finish> failed = settle(std::move(*finish))) {
          again.push_back(std::move(*failed));
        }
      } else if (const auto* answer = std::get_if<Answer>(&work)) {
        if (const auto connection = deps_.links.find(answer->link)) {
          connection->ack(answer->key, true, answer->accepted);
        }
      }
    }
  }
}

void AttemptDesk::set_trouble(std::optional<Error> error) {
  bool is_new = false;
  {
    const MutexLock lock(mutex_);
    is_new = error.has_value() && !trouble_.has_value();
    trouble_ = error;
  }
  if (is_new) {
    deps_.log.warn("finished attempts wait for their output to become durable",
                   {{"error", error->message}});
  }
}

}  // namespace hearth::api
