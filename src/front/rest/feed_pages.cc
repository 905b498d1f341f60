#include "front/rest/feed_pages.h"

#include <algorithm>

#include "base/telemetry_limits.h"
#include "front/rest/job_json.h"
#include "front/rest/sse.h"
#include "front/rest/worker_json.h"
#include "net/json_writer.h"

namespace hearth::rest {

namespace {

constexpr std::size_t kPagesKept = 8;
constexpr std::size_t kEventsPerPage = 256;
constexpr std::size_t kPageBytes = 64 * 1024;  // about: the event that passes it is the last
constexpr std::int64_t kSnapshotAgeNsMax = 1'000'000'000;

}  // namespace

void append_job_event(std::string& out, const JobEvent& event) {
  std::string data;
  net::JsonWriter json(data);
  write_job_event(json, event);
  append_sse(out, "job", std::to_string(event.seq.value()), data);
}

void append_agent_event(std::string& out, const AgentView& agent) {
  std::string data;
  net::JsonWriter json(data);
  write_agent(json, agent);
  append_sse(out, "agent", {}, data);
}

void append_worker_event(std::string& out, const registry::WorkerView& worker) {
  std::string data;
  net::JsonWriter json(data);
  write_worker(json, worker);
  append_sse(out, "worker", {}, data);
}

void write_snapshot(net::JsonWriter& json, api::ControllerApi& api, api::TelemetryApi& telemetry) {
  json.key("counts").begin_object();
  for (const auto& [state, count] : api.counts()) {
    json.member(to_string(state), count);
  }
  json.end_object().key("agents").begin_array();
  for (const AgentView& agent : api.agents()) {
    write_agent(json, agent);
  }
  json.end_array();
  write_workers(json, telemetry.workers({}), limits::kSnapshotWorkersMax);
}

FeedPages::Answer FeedPages::after(const FeedPosition& from) {
  if (!hub_.has_news(from)) {
    return {};
  }
  // Held while a page is made: whoever else wants it waits for it instead of making it too.
  const MutexLock lock(mutex_);
  const auto found = std::find_if(pages_.rbegin(), pages_.rend(),
                                  [&from](const auto& page) { return page->from == from; });
  Answer answer = found == pages_.rend() ? make(from) : Answer{.page = *found};
  if (answer.page) {
    page_counts_.told.fetch_add(1, std::memory_order_relaxed);
  }
  return answer;
}

void FeedPages::note_made(Counts& counts, const FeedPage& page, std::int64_t started_ns) {
  counts.bytes.fetch_add(page.text.size(), std::memory_order_relaxed);
  counts.time.observe_ns(clock_.monotonic_ns() - started_ns);
}

FeedPages::Answer FeedPages::make(const FeedPosition& from) {
  const std::int64_t started_ns = clock_.monotonic_ns();
  const EventHub::Batch batch = hub_.read(from.seq, kEventsPerPage);
  if (batch.lost) {
    return {.page = nullptr, .lost = true};
  }
  auto page = std::make_shared<FeedPage>(FeedPage{.from = from, .to = from, .text = {}});
  for (const auto& notice : batch.notices) {
    append_job_event(page->text, notice->event);
    page->to.seq = notice->event.seq;
    if (page->text.size() >= kPageBytes) {
      break;
    }
  }
  if (batch.notices.empty()) {
    const EventHub::AgentChanges changes = hub_.agents_after(from.agents);
    page->to.agents = std::max(from.agents, changes.version);
    for (const AgentView& agent : api_.agents()) {
      if (std::binary_search(changes.agents.begin(), changes.agents.end(), agent.record.info.id)) {
        append_agent_event(page->text, agent);
      }
    }
    const EventHub::WorkerChanges workers = hub_.workers_after(from.workers);
    if (workers.lost) {
      return {.page = nullptr, .lost = true};
    }
    append_workers(workers, *page);
    append_figures(from, *page);
  }
  note_made(page_counts_, *page, started_ns);
  pages_.push_back(page);
  if (pages_.size() > kPagesKept) {
    pages_.pop_front();
  }
  return {.page = std::move(page)};
}

void FeedPages::append_workers(const EventHub::WorkerChanges& changes, FeedPage& page) {
  page.to.workers = std::max(page.from.workers, changes.version);
  for (const auto& [agent, worker] : changes.workers) {
    if (const auto found = telemetry_.worker(agent, worker)) {
      append_worker_event(page.text, *found);
      continue;
    }
    std::string data;
    net::JsonWriter json(data);
    write_gone_worker(json, agent, worker);
    append_sse(page.text, "worker", {}, data);
  }
}

void FeedPages::append_figures(const FeedPosition& from, FeedPage& page) {
  const EventHub::AgentChanges changes = hub_.figures_after(from.figures);
  page.to.figures = std::max(from.figures, changes.version);
  const TimePoint now = clock_.now();
  const std::int64_t now_ns = clock_.monotonic_ns();
  for (const AgentId& agent : changes.agents) {
    std::string data;
    net::JsonWriter json(data);
    const api::AgentFigures figures = telemetry_.figures(agent);
    if (figures.heard) {
      figures_age_.observe_ns(now_ns - std::chrono::nanoseconds(*figures.heard).count());
    }
    write_figures(json, agent, figures, now);
    append_sse(page.text, "telemetry", {}, data);
  }
}

bool FeedPages::serves(const FeedPage& snapshot, bool may_be_old) const {
  FeedPosition at = snapshot.to;
  at.figures = FeedPosition::kNotWanted;
  if (!hub_.has_news(at)) {
    return true;
  }
  // One from which nobody can go on would make its reader lag again at once.
  return may_be_old && !hub_.read(at.seq, 0).lost && !hub_.workers_after(at.workers).lost;
}

std::shared_ptr<const FeedPage> FeedPages::snapshot(bool may_be_old) {
  const MutexLock lock(mutex_);
  snapshot_counts_.told.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t now_ns = clock_.monotonic_ns();
  if (snapshot_ && now_ns - snapshot_ns_ < kSnapshotAgeNsMax && serves(*snapshot_, may_be_old)) {
    return snapshot_;
  }
  snapshot_ = make_snapshot();
  snapshot_ns_ = now_ns;
  note_made(snapshot_counts_, *snapshot_, now_ns);
  return snapshot_;
}

std::shared_ptr<const FeedPage> FeedPages::make_snapshot() {
  // The position before reading: what comes twice does no harm, what is lost does.
  auto page = std::make_shared<FeedPage>(FeedPage{.from = {}, .to = hub_.now(), .text = {}});
  std::string data;
  net::JsonWriter json(data);
  json.begin_object();
  write_snapshot(json, api_, telemetry_);
  json.end_object();
  append_sse(page->text, "snapshot", std::to_string(page->to.seq.value()), data);
  return page;
}

}  // namespace hearth::rest
