#include "api/core_thread.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

namespace hearth::api {
namespace {

// The clock may be moved by hand, so that it is looked at at least this often.
constexpr Duration kWaitMax{1'000};
// When the list of agents was published too lately to be published again.
constexpr Duration kPublishWait{5};
// So much overdue, time passes for the core even though commands still wait.
constexpr Duration kTickOverdueMax{2'000};

Error stopping_error() {
  Error error = unavailable("the controller stops; ask again after its restart");
  error.kind = "draining";
  return error;
}

}  // namespace

CoreThread::CoreThread(Deps deps, Options options, Published::Counts ended_counts)
    : deps_(deps),
      options_(options),
      anchor_(deps_.clock.now()),
      anchor_ns_(deps_.clock.monotonic_ns()),
      mailbox_(options.mailbox_max),
      ended_counts_(std::move(ended_counts)) {}

CoreThread::~CoreThread() {
  stop();
}

void CoreThread::start() {
  now_ = read_clock();
  publish(true);
  thread_ = std::thread([this] { run(); });
}

void CoreThread::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  mailbox_.close();
  if (thread_.joinable()) {
    thread_.join();
  }
  refuse_clients(stopping_error());
  for (const auto& [token, sink] : std::exchange(asked_, {})) {
    answer_error(sink, stopping_error());
  }
}

bool CoreThread::post(Envelope&& envelope) {
  return mailbox_.try_push(std::move(envelope));
}

bool CoreThread::post_report(core::Command command) {
  return mailbox_.try_push({.command = std::move(command), .reply = {}}, options_.mailbox_max);
}

void CoreThread::post_link(core::Command command) {
  // Refused only when closed, and then nobody is there to hear of links.
  (void)mailbox_.try_push({.command = std::move(command), .reply = {}},
                          std::numeric_limits<std::size_t>::max() / 2);
}

void CoreThread::heartbeat(core::AgentHeartbeat heartbeat) {
  {
    const MutexLock lock(mutex_);
    heartbeats_.insert_or_assign(heartbeat.agent, heartbeat);
  }
  mailbox_.wake();
}

void CoreThread::ended(const std::vector<JobId>& jobs) {
  const MutexLock lock(mutex_);
  ended_.insert(ended_.end(), jobs.begin(), jobs.end());
}

void CoreThread::removed(const Published::Counts& by_state) {
  {
    const MutexLock lock(mutex_);
    for (const auto& [state, jobs] : by_state) {
      removed_[state] += jobs;
    }
  }
  mailbox_.wake();
}

void CoreThread::run() {
  while (true) {
    const bool has_room = deps_.writer.has_room();
    std::vector<Envelope> taken;
    if (has_room) {
      taken = mailbox_.pop_all(options_.turn_max, until_next_turn());
    } else {
      if (const std::optional<Error> trouble = deps_.writer.trouble()) {
        refuse_clients(*trouble);
      }
      mailbox_.wait_woken(kWaitMax);
    }
    {
      const MutexLock lock(mutex_);
      if (stopping_) {
        for (const Envelope& envelope : taken) {
          answer_error(envelope.reply, stopping_error());
        }
        return;
      }
    }
    if (has_room) {
      turn(std::move(taken));
    }
  }
}

void CoreThread::turn(std::vector<Envelope> taken) {
  forget_ended();
  now_ = read_clock();
  const std::int64_t started_ns = deps_.clock.monotonic_ns();
  core::Decision decision;
  for (Envelope& envelope : taken) {
    decide(envelope, decision);
  }
  // After the commands, because a heartbeat may follow the hello of its link.
  std::map<AgentId, core::AgentHeartbeat> heartbeats;
  {
    const MutexLock lock(mutex_);
    heartbeats.swap(heartbeats_);
  }
  for (const auto& [agent, heartbeat] : heartbeats) {
    note_agents(heartbeat);
    deps_.core.decide(heartbeat, now_, decision);
  }
  // What waits in the mailbox may be what the core would miss in vain, so time passes after it.
  const TimePoint due = deps_.core.next_deadline(now_);
  const bool is_drained = taken.size() < options_.turn_max;
  if (due <= now_.steady && (is_drained || now_.steady - due > kTickOverdueMax)) {
    deps_.core.decide(core::Tick{}, now_, decision);
  }
  deps_.core.schedule(now_, decision);
  deps_.metrics.decide.observe_ns(deps_.clock.monotonic_ns() - started_ns);
  deps_.metrics.turns.fetch_add(1);
  deps_.metrics.commands.fetch_add(taken.size());
  deps_.metrics.stale_reports_core.store(deps_.core.stale_reports());

  for (const AttemptChange& change : decision.changes.attempts) {
    changed_agents_.insert(change.attempt.agent);
  }
  for (const AgentRecord& agent : decision.changes.agents) {
    changed_agents_.insert(agent.info.id);
  }
  Turn decided{.changes = std::move(decision.changes),
               .effects = std::move(decision.effects),
               .replies = {}};
  publish_due_ = publish_due_ || !decided.changes.empty() || !changed_agents_.empty();
  publish(false);
  if (!decided.empty()) {
    collect_replies(decided);
    deps_.writer.push(std::move(decided));
  }
}

core::Now CoreThread::read_clock() {
  const std::chrono::nanoseconds passed(deps_.clock.monotonic_ns() - anchor_ns_);
  return {deps_.clock.now(), anchor_ + std::chrono::floor<Duration>(passed)};
}

void CoreThread::decide(Envelope& envelope, core::Decision& decision) {
  note_agents(envelope.command);
  if (auto* submit = std::get_if<core::Submit>(&envelope.command)) {
    if (const Result<> resolved = resolve(*submit); !resolved) {
      Error error = resolved.error().with_context("look up what the submitted jobs refer to");
      error.code = ErrorCode::Unavailable;
      error.kind = "storage_unavailable";
      answer_error(envelope.reply, error);
      return;
    }
  }
  if (envelope.is_from_client()) {
    const core::RequestToken token = ++last_token_;
    std::visit(
        [token](auto& command) {
          if constexpr (requires { command.token; }) {
            command.token = token;
          }
        },
        envelope.command);
    asked_.emplace(token, std::move(envelope.reply));
  }
  deps_.core.decide(envelope.command, now_, decision);
}

Result<> CoreThread::resolve_keys(core::Submit& submit) {
  std::vector<std::string> unknown;
  for (const core::SubmitItem& item : submit.items) {
    if (!item.idempotency_key.empty() && !deps_.core.find_idempotency_key(item.idempotency_key)) {
      unknown.push_back(item.idempotency_key);
    }
  }
  if (unknown.empty()) {
    return {};
  }
  HEARTH_ASSIGN(const auto stored, deps_.reader.find_idempotency_keys(unknown));
  for (core::SubmitItem& item : submit.items) {
    if (const auto found = stored.find(item.idempotency_key); found != stored.end()) {
      item.existing = found->second;
    }
  }
  return {};
}

Result<> CoreThread::resolve(core::Submit& submit) {
  HEARTH_TRY(resolve_keys(submit));
  std::set<JobId> ended;
  for (const core::SubmitItem& item : submit.items) {
    if (item.existing) {
      ended.insert(*item.existing);
    }
    for (const Dependency& dependency : item.spec.after) {
      if (deps_.core.find(dependency.job) == nullptr) {
        ended.insert(dependency.job);
      }
    }
  }
  if (ended.empty()) {
    return {};
  }
  HEARTH_ASSIGN(const auto states, deps_.reader.states({ended.begin(), ended.end()}));
  for (core::SubmitItem& item : submit.items) {
    if (item.existing && states.contains(*item.existing)) {
      item.existing_state = states.at(*item.existing);
    }
    for (const Dependency& dependency : item.spec.after) {
      if (const auto found = states.find(dependency.job); found != states.end()) {
        item.ended_dependencies.insert(*found);
      }
    }
  }
  return {};
}

void CoreThread::refuse_clients(const Error& error) {
  const std::vector<Envelope> refused =
      mailbox_.extract_if([](const Envelope& envelope) { return envelope.is_from_client(); });
  for (const Envelope& envelope : refused) {
    answer_error(envelope.reply, error);
  }
}

void CoreThread::forget_ended() {
  std::vector<JobId> jobs;
  Published::Counts removed;
  {
    const MutexLock lock(mutex_);
    jobs.swap(ended_);
    removed.swap(removed_);
  }
  for (const auto& [state, count] : removed) {
    ended_counts_[state] -= count;
    publish_due_ = true;
  }
  std::erase_if(jobs, [this](JobId job) {
    const JobRecord* record = deps_.core.find(job);
    if (record != nullptr) {
      ++ended_counts_[record->state];
    }
    return record == nullptr;
  });
  if (!jobs.empty()) {
    deps_.core.forget_ended(jobs);
  }
}

void CoreThread::note_agents(const core::Command& command) {
  std::visit(
      [this](const auto& it) {
        using Kind = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<Kind, core::AgentHello>) {
          changed_agents_.insert(it.info.id);
        } else if constexpr (requires { it.agent; }) {
          changed_agents_.insert(it.agent);
        }
      },
      command);
}

void CoreThread::collect_replies(Turn& turn) {
  for (const core::Effect& effect : turn.effects) {
    std::visit(
        [&](const auto& it) {
          if constexpr (requires { it.token; }) {
            if (const auto found = asked_.find(it.token); found != asked_.end()) {
              turn.replies.insert(asked_.extract(found));
            }
          }
        },
        effect);
  }
}

void CoreThread::publish(bool at_once) {
  if (!publish_due_) {
    return;
  }
  Published::Counts counts;
  for (int i = 0; i < kJobStateCount; ++i) {
    const auto state = static_cast<JobState>(i);
    counts[state] = deps_.core.count(state) + (is_final(state) ? ended_counts_[state] : 0);
  }
  deps_.published.set_counts(std::move(counts));
  deps_.metrics.waiting_payload_bytes.store(deps_.core.waiting_payload_bytes());

  const std::int64_t now_ns = deps_.clock.monotonic_ns();
  if (!at_once && published_agents_ > limits::kAgentsPublishAtOnceMax &&
      now_ns - published_at_ns_ < published_agents_ * limits::kAgentPublishNsMin) {
    return;
  }
  auto agents = std::make_shared<const Published::Agents>(deps_.core.agents(now_.wall));
  published_agents_ = static_cast<std::int64_t>(agents->size());
  published_at_ns_ = now_ns;
  publish_due_ = false;
  deps_.published.set_agents(std::move(agents));
  if (!changed_agents_.empty()) {
    deps_.hub.agents(std::exchange(changed_agents_, {}));
  }
}

Duration CoreThread::until_next_turn() {
  const Duration wait = publish_due_ ? kPublishWait : kWaitMax;
  const core::Now now = read_clock();
  const TimePoint due = deps_.core.next_deadline(now);
  return due <= now.steady ? Duration::zero() : std::min(wait, due - now.steady);
}

}  // namespace hearth::api
