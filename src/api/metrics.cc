#include "api/metrics.h"

#include <algorithm>

namespace hearth::api {

void LoopMetrics::committed(std::int64_t nanoseconds) {
  const double seconds = static_cast<double>(nanoseconds) / 1e9;
  const auto bound =
      std::lower_bound(kCommitSecondsBounds.begin(), kCommitSecondsBounds.end(), seconds);
  commit_buckets_.at(static_cast<std::size_t>(bound - kCommitSecondsBounds.begin())).fetch_add(1);
  commit_nanoseconds_.fetch_add(nanoseconds);
}

MetricsSnapshot LoopMetrics::snapshot() const {
  MetricsSnapshot copy;
  copy.turns = turns.load();
  copy.commands = commands.load();
  for (std::size_t i = 0; i < commit_buckets_.size(); ++i) {
    copy.commit.buckets.at(i) = commit_buckets_.at(i).load();
    copy.commit.count += copy.commit.buckets.at(i);
  }
  copy.commit.sum_seconds = static_cast<double>(commit_nanoseconds_.load()) / 1e9;
  copy.commits_not_done = commits_not_done.load();
  copy.events = events.load();
  copy.stale_reports = stale_reports_core.load() + stale_reports_gate.load();
  copy.stale_chunks = stale_chunks.load();
  copy.refused_queue_full = refused_queue_full.load();
  copy.refused_storage = refused_storage.load();
  copy.output_bytes = output_bytes.load();
  copy.output_syncs = output_syncs.load();
  return copy;
}

}  // namespace hearth::api
