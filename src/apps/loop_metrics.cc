#include "apps/loop_metrics.h"

namespace hearth::apps {

void write_loop_metrics(const api::MetricsSnapshot& metrics, MetricsText& out) {
  out.counter("hearth_turns_total", "Turns of the core.", metrics.turns);
  out.counter("hearth_commands_total", "Commands decided.", metrics.commands);
  out.counter("hearth_commits_not_done_total", "Commits that failed and were retried.",
              metrics.commits_not_done);
  out.counter("hearth_events_total", "Events committed.", metrics.events);
  out.counter("hearth_stale_reports_total", "Reports refused for their epoch.",
              metrics.stale_reports);
  out.counter("hearth_stale_chunks_total", "Output refused for its attempt's epoch.",
              metrics.stale_chunks);
  out.refusals("hearth_queue_refused_total",
               "Commands, jobs and watchers refused by that limit of the controller.",
               metrics.refused);
  out.counter("hearth_refused_storage_total", "Requests refused for want of storage.",
              metrics.refused_storage);
  out.counter("hearth_output_bytes_total", "Output received from agents.", metrics.output_bytes);
  out.counter("hearth_output_syncs_total", "Attempts whose output files were synced.",
              metrics.output_syncs);
  out.counter("hearth_output_missing_total",
              "Attempts that ended without output their agent had named.", metrics.truncated_ends);
  out.counter("hearth_removed_jobs_total", "Finished jobs removed by retention.",
              metrics.removed_jobs);
  out.gauge("hearth_mailbox_depth", "Commands waiting for the core.", metrics.mailbox_depth);
  out.gauge("hearth_turns_waiting", "Turns decided and not durable yet.", metrics.turns_waiting);
  out.gauge("hearth_events_waiting", "Events of those turns.", metrics.events_waiting);
  out.gauge("hearth_waiting_payload_bytes", "Payloads of jobs that are SUBMITTED or QUEUED.",
            metrics.waiting_payload_bytes);
  out.gauge("hearth_agent_links", "Agents connected.", metrics.links);
  out.gauge("hearth_watchers", "Subscriptions to committed events.", metrics.watchers);
  out.gauge("hearth_finishes_waiting", "Ends of attempts that wait for their output.",
            metrics.finishes_waiting);
  out.gauge("hearth_store_readers", "Readers of the store, lent or idle.", metrics.readers);
  out.gauge("hearth_store_readers_lent", "Of those, in use.", metrics.readers_lent);
  out.gauge("hearth_storage_ok", "1 while commits succeed.", metrics.storage_ok ? 1 : 0);
  out.histogram("hearth_decide_seconds", "Time of one turn of the core.", metrics.decide);
  out.histogram("hearth_commit_seconds", "Time of one commit of the store.", metrics.commit);
  out.histogram("hearth_queue_wait_seconds", "A job's time from QUEUED to ASSIGNED.",
                metrics.queue_wait);
  out.histogram("hearth_start_seconds", "An attempt's time from ASSIGNED to RUNNING.",
                metrics.start);
  out.histogram("hearth_run_seconds", "A job's time from RUNNING to its end.", metrics.run);
}

void write_telemetry_metrics(const api::MetricsSnapshot& loop,
                             const front::agentlink::LinkStats& link, MetricsText& out) {
  const api::TelemetryCounts& counts = loop.telemetry;
  out.histogram("hearth_telemetry_decode_seconds",
                "Decoding one report that came over the network.", link.telemetry_decode);
  out.histogram("hearth_telemetry_apply_seconds",
                "Taking one report into the registry and telling whoever watches.",
                loop.telemetry_apply);
  out.counter("hearth_telemetry_reports_total", "Reports of agents that were taken.",
              counts.reports);
  out.gauge("hearth_telemetry_workers", "Workers in the registry.", counts.workers);
  out.counter("hearth_telemetry_refused_workers_total",
              "Workers in reports that the registry had no room for.", counts.refused_workers);
  out.counter("hearth_telemetry_expired_workers_total",
              "Workers dropped because nothing was heard of them.", counts.expired_workers);
  out.gauge("hearth_telemetry_readers",
            "Who reads figures; while there is one, agents send them each second.", counts.readers);
  out.gauge("hearth_telemetry_queries", "Questions about the past that wait for agents.",
            counts.queries);
}

void write_store_metrics(const store::StoreStats& stats, const api::PastFigures& past,
                         MetricsText& out) {
  out.counter("hearth_store_commits_total", "Transactions that became durable.", stats.commits);
  out.counter("hearth_store_rows_total", "Rows that they wrote.", stats.rows);
  out.histogram("hearth_store_checkpoint_seconds", "Moving the log into the database.",
                stats.checkpoint);
  out.gauge("hearth_store_database_bytes", "Size of the database's file.", stats.database_bytes);
  out.gauge("hearth_store_log_bytes", "Size of its write-ahead log's file.", stats.log_bytes);
  out.gauge("hearth_store_pages", "Pages of the database.", past.pages);
  out.gauge("hearth_store_free_pages", "Of those, free to be used again.", past.free_pages);
  out.gauge("hearth_past_jobs", "Finished jobs that are kept.", past.finished_jobs);
  out.gauge("hearth_past_output_bytes", "Output of finished jobs that is kept.", past.output_bytes);
  out.gauge("hearth_past_events", "Events that are kept.", past.events);
}

void write_output_metrics(const output::OutputStats& stats, MetricsText& out) {
  out.gauge("hearth_output_attempts", "Attempts whose output is being taken.", stats.attempts);
  out.gauge("hearth_output_memory_bytes", "Output held in memory until its attempt ends.",
            stats.memory_bytes);
  out.gauge("hearth_output_files_open", "Output files held open.", stats.files_open);
  out.counter("hearth_output_file_bytes_total", "Output written to files.", stats.file_bytes);
  out.counter("hearth_output_dropped_bytes_total",
              "Output that is not kept: beyond a stream's bound, or lost by an agent.",
              stats.dropped_bytes);
  out.counter("hearth_output_moved_total", "Streams that outgrew memory.", stats.moved_to_files);
  out.counter("hearth_output_memory_bound_total", "Of those, at output_memory_bytes_max.",
              stats.memory_bound);
}

void write_upload_metrics(const uploads::UploadStats& stats, MetricsText& out) {
  out.gauge("hearth_uploads", "Uploads that are kept.", stats.kept);
  out.gauge("hearth_uploads_held", "Of those, named by live jobs.", stats.held);
  out.gauge("hearth_upload_bytes", "Bytes of their archives, with those that are coming in.",
            stats.bytes);
  out.gauge("hearth_upload_checks_waiting", "Archives that wait to be looked through.",
            stats.checks_waiting);
}

void write_link_metrics(const front::agentlink::LinkStats& stats, MetricsText& out) {
  out.counter("hearth_link_hellos_total", "Agents that connected, again or for the first time.",
              stats.links);
  out.family("hearth_link_messages_total", "counter", "Messages of the agent link.");
  out.value({{"direction", "in"}}, stats.messages_received);
  out.value({{"direction", "out"}}, stats.messages_sent);
  out.family("hearth_link_batches_total", "counter", "Reads and writes that carried them.");
  out.value({{"direction", "in"}}, stats.batches_received);
  out.value({{"direction", "out"}}, stats.batches_sent);
  out.counter("hearth_link_chunks_total", "Chunks of output received.", stats.chunks_received);
  out.gauge("hearth_link_streams", "Open streams of agents.", stats.streams);
  out.gauge("hearth_link_fetches", "Of those, uploads on their way to agents.", stats.fetches);
  out.counter("hearth_link_upload_bytes_total", "Bytes of uploads sent to agents.",
              stats.upload_bytes_sent);
  out.gauge("hearth_link_queue_messages", "Messages that wait for agents.", stats.queue_messages);
  out.gauge("hearth_link_queue_bytes", "Bytes of those.", stats.queue_bytes);
  out.refusals("hearth_link_refused_total", "Agents cut off or refused by that limit.",
               stats.refused);
}

void write_callback_metrics(const tasks::CallbackStats& stats, MetricsText& out) {
  out.counter("hearth_callbacks_delivered_total", "Callbacks of tasks that were taken.",
              stats.delivered);
  out.counter("hearth_callbacks_failed_tries_total",
              "Tries of callbacks that were not taken; most are tried again.", stats.failed_tries);
  out.counter("hearth_callbacks_given_up_total", "Callbacks that are tried no more.",
              stats.given_up);
  out.gauge("hearth_callbacks_held", "Callbacks under way or between two tries.", stats.held);
}

}  // namespace hearth::apps
