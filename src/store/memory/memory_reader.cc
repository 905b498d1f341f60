#include <algorithm>
#include <ranges>
#include <utility>

#include "store/memory/memory_disk.h"

namespace hearth::store {
namespace {

bool matches(const JobQuery& query, const MemoryRows::Job& row) {
  const auto& states = query.states;
  if (!states.empty() && std::ranges::find(states, row.record.state) == states.end()) {
    return false;
  }
  if ((!query.queue.empty() && query.queue != row.queue) ||
      (!query.name.empty() && query.name != row.payload->name)) {
    return false;
  }
  return std::ranges::all_of(query.labels, [&](const auto& label) {
    const auto found = row.payload->labels.find(label.first);
    return found != row.payload->labels.end() && found->second == label.second;
  });
}

class MemoryReader final : public Reader {
 public:
  explicit MemoryReader(std::shared_ptr<MemoryDisk::State> state) : state_(std::move(state)) {}

  Result<std::optional<StoredJob>> job(JobId id) override {
    return state_->with([&](const MemoryRows& rows) -> std::optional<StoredJob> {
      const auto found = rows.jobs.find(id);
      if (found == rows.jobs.end()) {
        return std::nullopt;
      }
      const MemoryRows::Job& row = found->second;
      StoredJob job{.record = row.record, .spec = row.payload->spec, .attempts = {}};
      for (const auto& [number, attempt] : row.attempts) {
        job.attempts.push_back(attempt);
      }
      return job;
    });
  }

  Result<std::vector<JobListRow>> list(const JobQuery& query) override {
    return state_->with([&](const MemoryRows& rows) {
      std::vector<JobListRow> found;
      const auto end = query.below ? rows.jobs.lower_bound(*query.below) : rows.jobs.end();
      auto at = std::make_reverse_iterator(end);
      for (; at != rows.jobs.rend() && std::cmp_less(found.size(), query.limit); ++at) {
        if (matches(query, at->second)) {
          found.push_back({.record = at->second.record, .spec = at->second.payload->spec});
        }
      }
      return found;
    });
  }

  Result<std::vector<JobId>> owed_callbacks(JobId after, std::int64_t limit) override {
    return state_->with([&](const MemoryRows& rows) {
      std::vector<JobId> jobs;
      for (auto at = rows.owed_callbacks.upper_bound(after);
           at != rows.owed_callbacks.end() && std::cmp_less(jobs.size(), limit); ++at) {
        jobs.push_back(*at);
      }
      return jobs;
    });
  }

  Result<std::vector<StoredPayload>> payloads(const std::vector<JobId>& ids) override {
    return state_->with([&](const MemoryRows& rows) {
      std::vector<StoredPayload> payloads;
      for (const JobId id : ids) {
        if (const auto found = rows.jobs.find(id); found != rows.jobs.end()) {
          payloads.push_back(
              {.id = id, .spec = found->second.payload->spec, .secrets = found->second.secrets});
        }
      }
      return payloads;
    });
  }

  Result<std::map<std::string, JobId>> find_idempotency_keys(
      const std::vector<std::string>& keys) override {
    return state_->with([&](const MemoryRows& rows) {
      std::map<std::string, JobId> jobs;
      for (const std::string& key : keys) {
        if (const auto found = rows.keys.find(key); found != rows.keys.end()) {
          jobs.insert(*found);
        }
      }
      return jobs;
    });
  }

  Result<std::map<JobId, JobState>> states(const std::vector<JobId>& ids) override {
    return state_->with([&](const MemoryRows& rows) {
      std::map<JobId, JobState> states;
      for (const JobId id : ids) {
        if (const auto found = rows.jobs.find(id); found != rows.jobs.end()) {
          states[id] = found->second.record.state;
        }
      }
      return states;
    });
  }

  Result<std::vector<JobEvent>> events(JobId job, EventSeq after, std::int64_t limit) override {
    return state_->with([&](const MemoryRows& rows) {
      std::vector<JobEvent> events;
      if (job.empty()) {
        auto at = rows.events.upper_bound(after);
        for (; at != rows.events.end() && std::cmp_less(events.size(), limit); ++at) {
          events.push_back(at->second);
        }
      } else if (const auto row = rows.jobs.find(job); row != rows.jobs.end()) {
        const std::vector<EventSeq>& seqs = row->second.events;
        auto at = std::ranges::upper_bound(seqs, after);
        for (; at != seqs.end() && std::cmp_less(events.size(), limit); ++at) {
          events.push_back(rows.events.at(*at));
        }
      }
      return events;
    });
  }

  Result<EventSeq> oldest_event() override {
    return state_->with(
        [&](const MemoryRows& rows) { return EventSeq(rows.events_removed.value() + 1); });
  }

  Result<std::optional<std::string>> inline_output(JobId job, std::uint32_t attempt,
                                                   StreamKind stream) override {
    return state_->with([&](const MemoryRows& rows) -> std::optional<std::string> {
      const auto found = rows.outputs.find({job, attempt, stream});
      return found == rows.outputs.end() ? std::nullopt : std::optional(found->second);
    });
  }

  Result<std::map<JobState, std::int64_t>> counts() override {
    return state_->with([&](const MemoryRows& rows) {
      std::map<JobState, std::int64_t> counts;
      for (const auto& [id, row] : rows.jobs) {
        ++counts[row.record.state];
      }
      return counts;
    });
  }

  Result<Past> past(std::int64_t jobs_max, std::int64_t events_max) override {
    return state_->with([&](const MemoryRows& rows) {
      Past past;
      past.finished_jobs = static_cast<std::int64_t>(rows.finished.size());
      past.events = static_cast<std::int64_t>(rows.last_seq.value() - rows.events_removed.value());
      for (const auto& [seq, job] : rows.finished) {
        past.output_bytes += job.output_bytes;
        if (std::cmp_less(past.jobs.size(), jobs_max)) {
          past.jobs.push_back(job);
        }
      }
      for (const auto& [seq, event] : rows.events) {
        if (std::cmp_greater_equal(past.oldest_events.size(), events_max)) {
          break;
        }
        past.oldest_events.push_back({.seq = seq, .at = event.at});
      }
      if (!rows.events.empty()) {
        past.newest_at = rows.events.rbegin()->second.at;
      } else if (!rows.finished.empty()) {
        past.newest_at = rows.finished.rbegin()->second.ended_at;
      }
      return past;
    });
  }

 private:
  std::shared_ptr<MemoryDisk::State> state_;
};

}  // namespace

std::unique_ptr<Reader> open_memory_reader(std::shared_ptr<MemoryDisk::State> state) {
  return std::make_unique<MemoryReader>(std::move(state));
}

}  // namespace hearth::store
