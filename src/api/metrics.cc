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
  copy.refused = refused.snapshot();
  copy.refused_storage = refused_storage.load();
  copy.output_bytes = output_bytes.load();
  copy.output_syncs = output_syncs.load();
  copy.removed_jobs = removed_jobs.load();
  copy.truncated_ends = truncated_ends.load();
  copy.waiting_payload_bytes = waiting_payload_bytes.load();
  copy.past = {.finished_jobs = past_finished_jobs.load(),
               .output_bytes = past_output_bytes.load(),
               .events = past_events.load(),
               .pages = past_pages.load(),
               .free_pages = past_free_pages.load()};
  return copy;
}

}  // namespace hearth::api
