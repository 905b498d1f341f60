#include "agent/uploads/upload_metrics.h"

namespace hearth::agent {

void UploadMetrics::write(MetricsText& out) const {
  out.counter("hearth_agent_upload_hits_total",
              "Attempts that were given an upload which the agent had kept.", hits.load());
  out.counter("hearth_agent_upload_fetches_total", "Uploads that came from the controller.",
              fetches.load());
  out.counter("hearth_agent_upload_fetches_failed_total",
              "Tries to fetch one that failed; most are repeated.", fetches_failed.load());
  out.counter("hearth_agent_upload_fetched_bytes_total",
              "Bytes of uploads that came; none where the controller is in the same process.",
              fetched_bytes.load());
  out.counter("hearth_agent_upload_evictions_total",
              "Kept uploads that were removed to make room for others.", evictions.load());
  out.gauge("hearth_agent_uploads_kept", "Uploads that the agent keeps for jobs to come.",
            kept.load());
  out.gauge("hearth_agent_upload_kept_bytes", "Bytes of those.", kept_bytes.load());
  out.gauge("hearth_agent_upload_fetches", "Uploads on their way to the agent.", under_way.load());
}

}  // namespace hearth::agent
