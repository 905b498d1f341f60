#include "agent/telemetry/telemetry_pump.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace hearth::agent {
namespace {

// Timers are never exact: a report may be that much early, lest it be a whole interval late.
constexpr Duration kSlack{50};

// Memory that became so much more or less, and half again or half of what was told, is news: who
// asks for workers once, or places jobs by what is free, must not wait for a heartbeat.
constexpr std::int64_t kMemoryNewsBytes = 16 * limits::kMiB;
constexpr std::int64_t kMemoryNewsPart = 2;

bool is_news(std::int64_t told, std::int64_t now) {
  const std::int64_t change = std::abs(now - told);
  return change >= kMemoryNewsBytes && change >= told / kMemoryNewsPart;
}

}  // namespace

Result<std::unique_ptr<TelemetryPump>> TelemetryPump::create(const Deps& deps,
                                                             const Options& options) {
  std::unique_ptr<TelemetryPump> pump(new TelemetryPump(deps, options));
  HEARTH_ASSIGN(pump->pool_, WorkPool::create(deps.loop, 1));
  return pump;
}

TelemetryPump::TelemetryPump(const Deps& deps, const Options& options)
    : deps_(deps), options_(options), history_(options.history) {}

TelemetryPump::~TelemetryPump() {
  pool_.reset();
  for (const auto& timer : {sample_timer_, flush_timer_, source_timer_}) {
    if (timer) {
      deps_.loop.cancel_timer(*timer);
    }
  }
}

Duration TelemetryPump::now() const {
  return Duration(deps_.clock.monotonic_ns() / 1'000'000);
}

void TelemetryPump::start() {
  sample();
}

void TelemetryPump::starting(WorkerInfo info) {
  const WorkerId id = info.id;
  gone_.erase(id);
  Worker& worker = workers_[id];
  worker = Worker{};
  worker.report.info = std::move(info);
  mark(worker);
}

void TelemetryPump::started(const WorkerId& id, WorkerTarget target) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) {
    return;
  }
  Worker& worker = found->second;
  worker.report.info.state = WorkerState::Busy;
  worker.report.sample.uptime = Duration(0);
  if (target.leader > 0) {
    worker.report.sample.pid = target.leader;
  }
  mark(worker);
  target.id = id.value();
  unread_.insert_or_assign(id, std::move(target));
  tell_source_later();
}

void TelemetryPump::set_state(const WorkerId& id, WorkerState state) {
  const auto found = workers_.find(id);
  if (found != workers_.end() && found->second.report.info.state != state) {
    found->second.report.info.state = state;
    mark(found->second);
  }
}

void TelemetryPump::ended(const WorkerId& id) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) {
    return;
  }
  if (!found->second.is_told) {
    brief_.push_back(std::move(found->second.report));
  }
  workers_.erase(found);
  gone_.insert(id);
  flush_soon();
  if (unread_.erase(id) == 0) {
    unneeded_.insert(id);
    tell_source_later();
  }
}

void TelemetryPump::tell_source_later() {
  if (!source_timer_) {
    source_timer_ = deps_.loop.set_timer(options_.probe_after, [this] {
      source_timer_.reset();
      tell_source();
    });
  }
}

// Who is unread may be younger than `probe_after`, but each is asked for once.
void TelemetryPump::tell_source() {
  const Result<> taken = pool_->submit(
      [&source = deps_.source, unread = unread_, unneeded = unneeded_]() mutable {
        for (const WorkerId& id : unneeded) {
          source.remove(id.value());
        }
        for (auto& [id, target] : unread) {
          source.add(std::move(target));
        }
      },
      [] {});
  if (!taken) {
    tell_source_later();  // the kernel is slow: with those that come and go until then
    return;
  }
  unread_.clear();
  unneeded_.clear();
}

void TelemetryPump::sample() {
  sample_timer_ = deps_.loop.set_timer(options_.interval, [this] { sample(); });
  if (collecting_) {
    return;  // the kernel is slow: the next one will do
  }
  auto batch = std::make_shared<Batch>();
  collecting_ = pool_
                    ->submit(
                        [this, batch] {
                          const std::int64_t started_ns = deps_.clock.monotonic_ns();
                          batch->workers = deps_.source.collect();
                          batch->machine = deps_.source.machine();
                          deps_.metrics.collect.observe_ns(deps_.clock.monotonic_ns() - started_ns);
                        },
                        [this, batch] {
                          collecting_ = false;
                          take(*batch);
                        })
                    .has_value();
}

void TelemetryPump::take(const Batch& batch) {
  const Duration at = now();
  for (const WorkerReading& reading : batch.workers) {
    take(reading);
    if (reading.problem.empty() && !reading.is_gone) {
      history_.add(at, WorkerId(reading.id), reading.sample);
    }
  }
  machine_ = batch.machine;
  history_.add(at, batch.machine);
  history_.forget_past(at);
  note_sizes();
  if (wanted_ > Duration(0) && at - told_at_ + kSlack >= wanted_) {
    report_all();
  }
}

void TelemetryPump::take(const WorkerReading& reading) {
  const auto found = workers_.find(WorkerId(reading.id));
  if (found == workers_.end()) {
    return;  // it has ended meanwhile
  }
  Worker& worker = found->second;
  if (worker.problem != reading.problem) {
    worker.problem = reading.problem;
    if (!reading.problem.empty() && !reading.is_gone) {
      deps_.log.warn("a worker's figures cannot be read",
                     {{"worker", reading.id}, {"why", reading.problem}});
    }
  }
  if (!reading.problem.empty() || reading.is_gone) {
    worker.report.sample = {.pid = worker.report.sample.pid, .uptime = worker.report.sample.uptime};
    return;
  }
  const WorkerSample& before = worker.report.sample;
  const bool is_first = !before.memory_bytes && reading.sample.memory_bytes;
  const bool is_another = is_first || before.model != reading.sample.model ||
                          before.pid != reading.sample.pid ||
                          (!worker.is_cpu_told && reading.sample.cpu_percent) ||
                          is_news(worker.told_memory_bytes,
                                  reading.sample.memory_bytes.value_or(worker.told_memory_bytes));
  worker.report.sample = reading.sample;
  if (is_another) {
    mark(worker);
  }
}

void TelemetryPump::note_told(Worker& worker) {
  worker.is_told = true;
  worker.is_cpu_told = worker.report.sample.cpu_percent.has_value();
  worker.told_memory_bytes = worker.report.sample.memory_bytes.value_or(0);
}

void TelemetryPump::mark(Worker& worker) {
  worker.is_dirty = true;
  flush_soon();
}

// With all that happens until the loop comes around, so that a thousand at once are one message.
void TelemetryPump::flush_soon() {
  if (!flush_timer_) {
    const Duration next = changes_told_at_.value_or(Duration::min() / 2) + options_.changes_spacing;
    flush_timer_ = deps_.loop.set_timer(std::max(Duration(0), next - now()), [this] {
      flush_timer_.reset();
      report_changes();
    });
  }
}

void TelemetryPump::report_changes() {
  const std::int64_t started_ns = deps_.clock.monotonic_ns();
  TelemetryReport report;
  report.workers = std::exchange(brief_, {});
  for (auto& [id, worker] : workers_) {
    if (std::exchange(worker.is_dirty, false)) {
      note_told(worker);
      report.workers.push_back(worker.report);
    }
  }
  report.gone.assign(gone_.begin(), gone_.end());
  gone_.clear();
  if (!report.workers.empty() || !report.gone.empty()) {
    changes_told_at_ = now();
    deps_.link.report_telemetry(std::move(report));
    deps_.metrics.change_reports.fetch_add(1);
    deps_.metrics.report.observe_ns(deps_.clock.monotonic_ns() - started_ns);
  }
}

void TelemetryPump::report_all() {
  if (!brief_.empty()) {
    report_changes();  // there is no place for them among all there are
  }
  const std::int64_t started_ns = deps_.clock.monotonic_ns();
  TelemetryReport report{.whole = true, .workers = {}, .gone = {}, .machine = machine_};
  report.workers.reserve(workers_.size());
  for (auto& [id, worker] : workers_) {
    worker.is_dirty = false;
    note_told(worker);
    report.workers.push_back(worker.report);
  }
  gone_.clear();
  told_at_ = now();
  deps_.link.report_telemetry(std::move(report));
  deps_.metrics.whole_reports.fetch_add(1);
  deps_.metrics.report.observe_ns(deps_.clock.monotonic_ns() - started_ns);
}

// Once for each collection: what the loop holds is not for other threads.
void TelemetryPump::note_sizes() {
  deps_.metrics.workers.store(std::ssize(workers_));
  deps_.metrics.history_bytes.store(history_.bytes());
  deps_.metrics.report_bytes.store(deps_.link.telemetry_bytes());
}

void TelemetryPump::wanted(Duration interval) {
  const bool is_more = interval > Duration(0) && (wanted_ == Duration(0) || interval < wanted_);
  wanted_ = interval;
  if (is_more) {
    report_all();  // whoever begins to watch does not wait for figures
  }
}

void TelemetryPump::answer(std::uint64_t query_id, const TelemetryQuery& query) {
  deps_.link.answer_telemetry(query_id, history_.read(query, now()));
}

}  // namespace hearth::agent
