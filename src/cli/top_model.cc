#include "cli/top_model.h"

#include <algorithm>
#include <tuple>

#include <boost/json.hpp>

#include "cli/json_text.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t kRateSeconds = 10;
constexpr Duration kRateAfter{1'000};
// States of live jobs that are remembered; past it they are told from the change itself.
constexpr std::size_t kStatesMax = 200'000;

std::int64_t second_of(TimePoint time) {
  return to_ms(time) / 1'000;
}

bool is_failure(const std::string& state) {
  return state == "FAILED" || state == "TIMED_OUT";
}

bool has_ended(const std::string& state) {
  return is_failure(state) || state == "COMPLETED" || state == "CANCELLED";
}

bool runs(const std::string& state) {
  return state == "RUNNING" || state == "ASSIGNED";
}

// The state before a change, for a job of which no earlier change was seen.
std::string state_before(const TopJob& job, const std::string& event) {
  if (event == "queued") {
    return "SUBMITTED";
  }
  if (event == "assigned") {
    return "QUEUED";
  }
  if (event == "started") {
    return "ASSIGNED";
  }
  if (event == "requeued") {
    return "RUNNING";
  }
  if (event == "ended") {
    return job.started_at    ? "RUNNING"
           : job.assigned_at ? "ASSIGNED"
           : job.queued_at   ? "QUEUED"
                             : "SUBMITTED";
  }
  return event == "submitted" ? "" : job.state;
}

const json::array* list_of(const json::value& object, std::string_view key) {
  const auto* fields = object.if_object();
  const json::value* value = fields == nullptr ? nullptr : fields->if_contains(key);
  return value == nullptr ? nullptr : value->if_array();
}

std::int64_t sum_of(const std::map<std::string, std::int64_t>& counts, bool failures_only) {
  std::int64_t sum = 0;
  for (const auto& [state, count] : counts) {
    sum += (failures_only ? is_failure(state) : has_ended(state)) ? count : 0;
  }
  return sum;
}

}  // namespace

Result<TopPage> read_page(const json::value& answer) {
  const auto* jobs = list_of(answer, "jobs");
  if (jobs == nullptr) {
    return internal_error("the server's list of jobs has no jobs");
  }
  TopPage page{.jobs = {}, .has_more = has_value(answer, "nextCursor")};
  for (const json::value& job : *jobs) {
    page.jobs.push_back(read_job(job));
  }
  return page;
}

Result<> TopModel::take(const client::SseEvent& event, TimePoint now) {
  HEARTH_ASSIGN(const json::value data, parse_json(event.data));
  if (event.event == "snapshot") {
    take_snapshot(data, now);
  } else if (event.event == "job") {
    take_change(data, now);
  } else if (event.event == "agent") {
    TopAgent agent = read_agent(data);
    TopAgent& known = agents_[agent.id];
    agent.machine = std::move(known.machine);
    known = std::move(agent);
  } else if (event.event == "worker") {
    take_worker(data);
  } else if (event.event == "telemetry") {
    note_clock(time_in(data, "at"), now);
    take_telemetry(data);
  }
  return {};  // `lagged` is followed by a snapshot
}

void TopModel::note_clock(const std::optional<TimePoint>& told, TimePoint now) {
  if (told) {
    clock_ahead_ = *told - now;
  }
}

void TopModel::take_snapshot(const json::value& snapshot, TimePoint now) {
  std::map<std::string, std::int64_t> counts;
  const auto* fields = snapshot.if_object();
  const json::value* told = fields == nullptr ? nullptr : fields->if_contains("counts");
  if (told != nullptr && told->is_object()) {
    for (const auto& entry : told->get_object()) {
      counts[std::string(entry.key())] = integer_of(*told, entry.key());
    }
  }
  if (has_snapshot_) {
    // What ended while nothing was told. Jobs that were removed meanwhile make it too little.
    add_ends(std::max<std::int64_t>(sum_of(counts, false) - sum_of(counts_, false), 0),
             std::max<std::int64_t>(sum_of(counts, true) - sum_of(counts_, true), 0), now);
  } else {
    watched_since_ = now;
  }
  has_snapshot_ = true;
  wants_pages_ = true;
  counts_ = std::move(counts);
  states_.clear();
  std::map<std::string, TopAgent> agents;
  if (const auto* list = list_of(snapshot, "agents"); list != nullptr) {
    for (const json::value& value : *list) {
      TopAgent agent = read_agent(value);
      if (const auto known = agents_.find(agent.id); known != agents_.end()) {
        agent.machine = std::move(known->second.machine);
      }
      agents[agent.id] = std::move(agent);
    }
  }
  agents_ = std::move(agents);
  workers_.clear();
  if (const auto* list = list_of(snapshot, "workers"); list != nullptr) {
    for (const json::value& worker : *list) {
      take_worker(worker);
    }
  }
  const std::int64_t named = std::ssize(workers_);
  workers_not_named_ = std::max(integer_of(snapshot, "workersTotal", named) - named, INT64_C(0));
}

void TopModel::take_worker(const json::value& value) {
  TopWorker worker = read_worker(value);
  WorkerKey key{worker.agent, worker.id};
  if (worker.state == "STOPPED") {
    workers_.erase(key);
  } else {
    workers_[std::move(key)] = std::move(worker);
  }
}

void TopModel::take_telemetry(const json::value& figures) {
  const std::string agent = text_of(figures, "agentId");
  if (const auto known = agents_.find(agent);
      known != agents_.end() && has_value(figures, "machine")) {
    known->second.machine = read_machine(figures.as_object().at("machine"));
  }
  if (const auto* list = list_of(figures, "workers"); list != nullptr) {
    for (const json::value& value : *list) {
      const auto known = workers_.find({agent, text_of(value, "id")});
      if (known != workers_.end()) {
        known->second.figures = read_figures(value);
      }
    }
  }
}

void TopModel::count_change(const TopJob& job, const std::string& event) {
  const auto known = states_.find(job.id);
  const std::string before = known == states_.end() ? state_before(job, event) : known->second;
  if (before != job.state) {
    if (!before.empty()) {
      std::int64_t& count = counts_[before];
      count = std::max<std::int64_t>(count - 1, 0);
    }
    ++counts_[job.state];
  }
  if (has_ended(job.state)) {
    states_.erase(job.id);
  } else if (known != states_.end()) {
    known->second = job.state;
  } else if (states_.size() < kStatesMax) {
    states_.emplace(job.id, job.state);
  }
}

void TopModel::take_change(const json::value& change, TimePoint now) {
  note_clock(time_in(change, "at"), now);
  TopJob job;
  const std::string id = text_of(change, "id");
  bool is_known = false;
  for (auto* jobs : {&running_, &waiting_}) {
    if (auto node = jobs->extract(id); !node.empty()) {
      job = std::move(node.mapped());
      is_known = true;
    }
  }
  apply_change(job, change);
  const std::string event = text_of(change, "event");
  count_change(job, event);
  if (event == "ended") {
    add_ends(1, is_failure(job.state) ? 1 : 0, now);
  }
  const bool is_wanted =
      job.state == "QUEUED" || runs(job.state) || (event == "ended" && is_failure(job.state));
  wants_pages_ = wants_pages_ || (is_wanted && !is_known);
  if (event == "ended" && is_failure(job.state)) {
    add_failure(std::move(job));
  } else if (runs(job.state)) {
    running_[id] = std::move(job);
  } else if (job.state == "QUEUED" && is_known) {
    waiting_[id] = std::move(job);
  }
}

void TopModel::add_ends(std::int64_t finished, std::int64_t failed, TimePoint now) {
  const std::int64_t second = second_of(now);
  if (ends_.empty() || ends_.back().second != second) {
    ends_.push_back({.second = second});
  }
  ends_.back().finished += finished;
  ends_.back().failed += failed;
  while (ends_.front().second < second - kRateSeconds) {
    ends_.pop_front();
  }
}

TopRates TopModel::rates(TimePoint now) const {
  if (!watched_since_ || now - *watched_since_ < kRateAfter) {
    return {};
  }
  std::int64_t finished = 0;
  std::int64_t failed = 0;
  for (const Ends& ends : ends_) {
    if (ends.second > second_of(now) - kRateSeconds) {
      finished += ends.finished;
      failed += ends.failed;
    }
  }
  const double seconds = std::min(static_cast<double>((now - *watched_since_).count()) / 1'000.0,
                                  static_cast<double>(kRateSeconds));
  return {static_cast<double>(finished) / seconds, static_cast<double>(failed) / seconds};
}

void TopModel::add_failure(TopJob job) {
  std::erase_if(failures_, [&job](const TopJob& known) { return known.id == job.id; });
  failures_.push_front(std::move(job));
  while (failures_.size() > kTopFailuresMax) {
    failures_.pop_back();
  }
}

void TopModel::take_waiting(TopPage page) {
  waiting_.clear();
  waiting_is_cut_ = page.has_more;
  for (TopJob& job : page.jobs) {
    waiting_[job.id] = std::move(job);
  }
}

void TopModel::take_running(TopPage page) {
  running_.clear();
  running_is_cut_ = page.has_more;
  for (TopJob& job : page.jobs) {
    running_[job.id] = std::move(job);
  }
  wants_pages_ = false;
}

void TopModel::take_failures(TopPage page) {
  for (TopJob& job : page.jobs) {
    const auto known = std::find_if(failures_.begin(), failures_.end(),
                                    [&job](const TopJob& failure) { return failure.id == job.id; });
    if (known == failures_.end()) {
      failures_.push_back(std::move(job));
    } else {
      *known = std::move(job);
    }
  }
  std::sort(failures_.begin(), failures_.end(), [](const TopJob& a, const TopJob& b) {
    return std::pair(a.completed_at.value_or(TimePoint{}), std::string_view(a.id)) >
           std::pair(b.completed_at.value_or(TimePoint{}), std::string_view(b.id));
  });
  while (failures_.size() > kTopFailuresMax) {
    failures_.pop_back();
  }
}

bool TopModel::has_figures() const {
  const auto told = [](const auto& entry) {
    const TopAgent& agent = entry.second;
    return !agent.is_heard() || (agent.machine && agent.machine->cpu_percent);
  };
  const auto used = [this](const auto& entry) {
    const auto agent = agents_.find(entry.second.agent);
    return agent == agents_.end() || !agent->second.is_heard() || entry.second.figures.cpu_percent;
  };
  return has_snapshot_ && std::all_of(agents_.begin(), agents_.end(), told) &&
         std::all_of(workers_.begin(), workers_.end(), used);
}

const TopJob* TopModel::find_running(const std::string& id) const {
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : &found->second;
}

std::vector<TopClass> TopModel::classes() const {
  using Key = std::tuple<std::string, std::int64_t, double, std::int64_t, std::int64_t>;
  std::map<Key, TopClass> classes;
  for (const auto& [id, job] : waiting_) {
    TopClass& one = classes[{job.queue, job.priority, job.cpu, job.ram_mb, job.gpus}];
    const bool is_older =
        one.waiting == 0 || (job.queued_at && (!one.oldest || *job.queued_at < *one.oldest));
    one.queue = job.queue;
    one.priority = job.priority;
    one.cpu = job.cpu;
    one.ram_mb = job.ram_mb;
    one.gpus = job.gpus;
    ++one.waiting;
    if (is_older) {
      one.oldest = job.queued_at;
      one.example = job.label();
    }
  }
  std::vector<TopClass> sorted;
  for (auto& [key, one] : classes) {
    sorted.push_back(std::move(one));
  }
  std::sort(sorted.begin(), sorted.end(), [](const TopClass& a, const TopClass& b) {
    const auto rank = [](const TopClass& one) {
      return std::tuple(-one.priority, one.oldest.value_or(TimePoint::max()),
                        std::string_view(one.queue), one.cpu, one.ram_mb, one.gpus);
    };
    return rank(a) < rank(b);
  });
  return sorted;
}

}  // namespace hearth::cli
