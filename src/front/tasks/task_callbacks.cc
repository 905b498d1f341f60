#include "front/tasks/task_callbacks.h"

#include <algorithm>

#include "base/task_limits.h"
#include "front/tasks/task_json.h"

namespace hearth::tasks {

namespace {

using callbacks::CallbackPlan;
using callbacks::CallbackPost;
using callbacks::CallbackUrl;
using callbacks::PostOutcome;

constexpr Duration kWaitMax = std::chrono::minutes(1);
constexpr std::size_t kTakenAtOnce = 1'000;
constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;

std::string why_not(const PostOutcome& outcome) {
  if (outcome.status == 0) {
    return outcome.why;
  }
  const bool redirects = outcome.status >= 300 && outcome.status < 400;
  return "it answered " + std::to_string(outcome.status) +
         (redirects ? "; redirects are not followed" : "");
}

}  // namespace

TaskCallbacks::TaskCallbacks(Deps deps, callbacks::CallbackLimits limits)
    : deps_(std::move(deps)),
      plan_(limits),
      inbox_(static_cast<std::size_t>(limits.held_max)),
      outcomes_max_(static_cast<std::size_t>(limits.at_once_max)) {}

TaskCallbacks::~TaskCallbacks() {
  stop();
}

Result<std::unique_ptr<TaskCallbacks>> TaskCallbacks::create(Deps deps,
                                                             callbacks::CallbackLimits limits) {
  std::unique_ptr<TaskCallbacks> made(new TaskCallbacks(std::move(deps), limits));
  HEARTH_ASSIGN(made->watch_,
                made->deps_.api.watch(
                    {.on_events = [callbacks = made.get()](
                                      const auto& notices) { callbacks->on_events(notices); },
                     .on_agent = {}}));
  return made;
}

void TaskCallbacks::start() {
  thread_ = std::thread([this] {
    while (!stopping_.load()) {
      step(until_next());
    }
  });
}

void TaskCallbacks::stop() {
  if (watch_) {
    deps_.api.unwatch(*watch_);
    watch_.reset();
  }
  deps_.poster.stop();
  stopping_.store(true);
  inbox_.close();
  if (thread_.joinable()) {
    thread_.join();
  }
}

CallbackStats TaskCallbacks::stats() const {
  return {.delivered = delivered_.load(),
          .failed_tries = failed_tries_.load(),
          .given_up = given_up_.load(),
          .held = held_.load()};
}

void TaskCallbacks::on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices) {
  for (const auto& notice : notices) {
    const JobRecord& after = notice->event.after;
    if (after.has_callback && is_final(after.state) && !inbox_.try_push(Happened(after.id))) {
      missed_.store(true);
    }
  }
}

// Pauses pass whatever somebody sets the wall clock to.
TimePoint TaskCallbacks::steady_now() {
  return time_from_ms(deps_.clock.monotonic_ns() / kNanosecondsPerMillisecond);
}

Duration TaskCallbacks::until_next() {
  const TimePoint now = steady_now();
  TimePoint next = now + kWaitMax;
  if (const auto due = plan_.next_due()) {
    next = std::min(next, *due);
  }
  if (looking_ || missed_.load()) {
    next = std::min(next, look_at_);
  }
  if (!to_settle_.empty()) {
    next = std::min(next, settle_at_);
  }
  return std::max(next - now, Duration(0));
}

void TaskCallbacks::step(Duration patience) {
  for (const Happened& happened : inbox_.pop_all(kTakenAtOnce, patience)) {
    if (const auto* ended = std::get_if<JobId>(&happened)) {
      bring(*ended);
    } else {
      tried(std::get<Outcome>(happened));
    }
  }
  look_in_store();
  for (const CallbackPlan::Try& now : plan_.start_due(steady_now())) {
    try_once(now);
  }
  settle();
  held_.store(plan_.held());
}

void TaskCallbacks::bring(JobId job) {
  if (plan_.knows(job) || to_settle_.contains(job)) {
    return;
  }
  const auto view = deps_.api.get(job);
  if (!view) {
    // One that retention has taken is owed no more.
    if (view.error().code != ErrorCode::NotFound) {
      missed_.store(true);
    }
    return;
  }
  const auto url = callbacks::parse_callback_url(view->spec.callback_url);
  const Result<> admitted = url ? deps_.policy.admits(*url) : Result<>(url.error());
  if (!admitted) {
    give_up(job, url ? url->origin() : "", admitted.error().message);
    return;
  }
  if (plan_.add(job, url->authority(), steady_now()) == CallbackPlan::Added::NoRoom) {
    missed_.store(true);
  }
}

void TaskCallbacks::look_in_store() {
  const TimePoint now = steady_now();
  if (now < look_at_ || !(looking_ || missed_.load())) {
    return;
  }
  if (!looking_) {
    missed_.store(false);
    looking_ = true;
    looked_to_ = JobId();
  }
  const auto jobs = deps_.api.owed_callbacks(looked_to_, limits::kCallbackLookJobsMax);
  if (!jobs) {
    look_at_ = now + limits::kCallbackLookInterval;
    return;
  }
  for (const JobId job : *jobs) {
    looked_to_ = job;
    bring(job);
  }
  looking_ = static_cast<std::int64_t>(jobs->size()) == limits::kCallbackLookJobsMax;
  // Where there is no room it is no use to hurry.
  look_at_ = missed_.load() ? now + limits::kCallbackLookInterval : now;
}

void TaskCallbacks::try_once(const CallbackPlan::Try& now) {
  const auto view = deps_.api.get(now.job);
  auto body = view ? task_json(deps_.api, *view) : Result<std::string>(view.error());
  auto url = body ? callbacks::parse_callback_url(view->spec.callback_url)
                  : Result<CallbackUrl>(body.error());
  if (!url) {
    if (url.error().code == ErrorCode::NotFound) {
      plan_.dropped(now.job);
      give_up(now.job, "", url.error().message);
    } else {
      tried({.job = now.job,
             .outcome = {.status = 0, .is_forbidden = false, .why = url.error().message}});
    }
    return;
  }
  CallbackPost post{.url = std::move(*url), .headers = {}, .body = std::move(*body)};
  post.headers = {{"Content-Type", "application/json"},
                  {"Hearth-Task-Id", to_string(now.job)},
                  {"Hearth-Delivery-Attempt", std::to_string(now.number)}};
  deps_.poster.post(std::move(post), [this, job = now.job](PostOutcome outcome) {
    // There is room for one of each that is under way.
    (void)inbox_.try_push(Outcome{.job = job, .outcome = std::move(outcome)}, outcomes_max_);
  });
}

void TaskCallbacks::tried(const Outcome& ended) {
  const PostOutcome& outcome = ended.outcome;
  if (outcome.is_taken()) {
    plan_.succeeded(ended.job);
    to_settle_.insert(ended.job);
    ++delivered_;
    return;
  }
  ++failed_tries_;
  const std::string why = why_not(outcome);
  std::optional<TimePoint> again;
  if (outcome.is_forbidden) {
    plan_.dropped(ended.job);
  } else {
    again = plan_.failed(ended.job, steady_now(), deps_.chance());
  }
  if (!again) {
    const auto view = deps_.api.get(ended.job);
    const auto url = view ? callbacks::parse_callback_url(view->spec.callback_url)
                          : Result<CallbackUrl>(view.error());
    give_up(ended.job, url ? url->origin() : "", why);
    return;
  }
  deps_.log.debug(
      "a callback was not taken; it is tried again",
      {{"task", to_string(ended.job)}, {"why", why}, {"in_ms", (*again - steady_now()).count()}});
}

void TaskCallbacks::give_up(JobId job, const std::string& where, const std::string& why) {
  ++given_up_;
  to_settle_.insert(job);
  deps_.log.warn("a callback is given up; the task and its result stay",
                 {{"task", to_string(job)}, {"to", where}, {"why", why}});
}

void TaskCallbacks::settle() {
  const TimePoint now = steady_now();
  if (to_settle_.empty() || now < settle_at_) {
    return;
  }
  if (deps_.api.settle_callbacks({to_settle_.begin(), to_settle_.end()})) {
    to_settle_.clear();
  } else {
    settle_at_ = now + limits::kCallbackLookInterval;
  }
}

}  // namespace hearth::tasks
