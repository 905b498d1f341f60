#include "api/metrics.h"

namespace hearth::api {

MetricsSnapshot LoopMetrics::snapshot() const {
  MetricsSnapshot copy;
  copy.turns = turns.load();
  copy.commands = commands.load();
  copy.decide = decide.snapshot();
  copy.commit = commit.snapshot();
  copy.queue_wait = queue_wait.snapshot();
  copy.start = start.snapshot();
  copy.run = run.snapshot();
  copy.commits_not_done = commits_not_done.load();
  copy.events = events.load();
  copy.stale_reports = stale_reports_core.load() + stale_reports_gate.load();
  copy.stale_chunks = stale_chunks.load();
  copy.refused_queue_full = refused_queue_full.load();
  copy.refused_storage = refused_storage.load();
  copy.output_bytes = output_bytes.load();
  copy.output_syncs = output_syncs.load();
  copy.removed_jobs = removed_jobs.load();
  return copy;
}

}  // namespace hearth::api
