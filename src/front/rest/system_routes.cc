// Routes about the controller itself.
#include <array>

#include "base/metrics_text.h"
#include "front/http/openapi_json.h"
#include "front/rest/job_json.h"
#include "front/rest/routes.h"
#include "front/rest/telemetry_metrics.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

void write_job_metrics(MetricsText& metrics, api::ControllerApi& api) {
  const auto counts = api.counts();
  metrics.family("hearth_jobs", "gauge", "Jobs in the store by state.");
  for (int i = 0; i < kJobStateCount; ++i) {
    const auto state = static_cast<JobState>(i);
    const auto found = counts.find(state);
    metrics.value({{"state", to_string(state)}}, found == counts.end() ? 0 : found->second);
  }
  metrics.counter("hearth_event_seq", "Changes of jobs made durable, ever.",
                  api.last_event().value());
}

void write_agent_metrics(MetricsText& metrics, const std::vector<AgentView>& agents) {
  std::array<std::int64_t, 5> by_status{};
  ResourceVector capacity;
  ResourceVector reserved;
  std::int64_t running = 0;
  for (const AgentView& agent : agents) {
    ++by_status.at(static_cast<std::size_t>(agent.record.status));
    if (agent.record.status != AgentStatus::Dead) {
      capacity.add(agent.record.info.capacity);
    }
    reserved.add(agent.reserved);
    running += agent.running;
  }
  metrics.family("hearth_agents", "gauge", "Agents by status.");
  for (std::size_t i = 0; i < by_status.size(); ++i) {
    metrics.value({{"status", to_string(static_cast<AgentStatus>(i))}}, by_status.at(i));
  }
  metrics.gauge("hearth_attempts_running", "Attempts that agents hold.", running);
  metrics.family("hearth_cpu_milli", "gauge", "Thousandths of a core of all agents not dead.");
  metrics.value({{"kind", "capacity"}}, capacity.cpu_milli);
  metrics.value({{"kind", "reserved"}}, reserved.cpu_milli);
  metrics.family("hearth_memory_bytes", "gauge", "Memory of all agents not dead.");
  metrics.value({{"kind", "capacity"}}, capacity.memory_bytes);
  metrics.value({{"kind", "reserved"}}, reserved.memory_bytes);
}

void write_feed_metrics(MetricsText& metrics, const Context& context) {
  const FeedPages::Counts& pages = context.pages.pages();
  const FeedPages::Counts& snapshots = context.pages.snapshots();
  metrics.counter("hearth_event_wakeups_total", "Times a stream was woken because there is news.",
                  context.hub.woken());
  metrics.histogram("hearth_event_page_seconds",
                    "Writing what is new once, for all streams that have seen the same.",
                    pages.time.snapshot());
  metrics.counter("hearth_event_page_bytes_total", "Bytes of those pages.", pages.bytes.load());
  metrics.counter("hearth_event_pages_told_total", "Times a stream was given such a page.",
                  pages.told.load());
  metrics.histogram("hearth_event_snapshot_seconds",
                    "Writing a snapshot once, for all streams that begin meanwhile.",
                    snapshots.time.snapshot());
  metrics.counter("hearth_event_snapshot_bytes_total", "Bytes of those snapshots.",
                  snapshots.bytes.load());
  metrics.counter("hearth_event_snapshots_told_total", "Times a stream was given such a snapshot.",
                  snapshots.told.load());
  metrics.histogram("hearth_figures_age_seconds",
                    "Age of an agent's figures, since they arrived, when they are written for "
                    "streams.",
                    context.pages.figures_age().snapshot());
}

void write_http_metrics(MetricsText& metrics, const net::HttpServerStats& stats) {
  static constexpr std::array<std::string_view, 5> kClasses = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  metrics.gauge("hearth_http_connections", "Open HTTP connections.", stats.connections);
  metrics.counter("hearth_http_connections_total", "HTTP connections taken.",
                  stats.connections_total);
  metrics.family("hearth_http_connections_refused_total", "counter",
                 "HTTP connections refused by that limit.");
  metrics.value({{"limit", "connections_max"}}, stats.connections_refused_total_bound);
  metrics.value({{"limit", "connections_per_address_max"}},
                stats.connections_refused_address_bound);
  metrics.counter("hearth_http_refusals_untold_total",
                  "Of those, closed without an answer at refusals_max.", stats.refusals_untold);
  metrics.gauge("hearth_http_tls_handshakes", "TLS handshakes under way.", stats.handshakes);
  metrics.counter("hearth_http_tls_handshakes_failed_total",
                  "TLS handshakes that failed, took too long or were dropped for others.",
                  stats.handshakes_failed);
  metrics.counter("hearth_http_tls_handshakes_dropped_total",
                  "Of those, dropped for others at tls_handshakes_max.", stats.handshakes_dropped);
  metrics.gauge("hearth_http_streams", "Answers that are being streamed.", stats.streams);
  metrics.family("hearth_http_responses_total", "counter", "HTTP answers by class of status.");
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    metrics.value({{"class", kClasses.at(i)}}, stats.responses.at(i));
  }
  metrics.family("hearth_http_too_slow_total", "counter",
                 "HTTP connections whose client took too long for that.");
  for (std::size_t i = 0; i < net::kHttpWaits.size(); ++i) {
    metrics.value({{"what", net::kHttpWaits.at(i)}}, stats.too_slow.at(i));
  }
  metrics.counter("hearth_http_sent_bytes_total", "Bytes sent over HTTP.", stats.bytes_sent);
  metrics.counter("hearth_http_received_bytes_total", "Bytes received over HTTP.",
                  stats.bytes_received);
}

}  // namespace

void get_health(Context& context, Call call) {
  std::string body;
  net::JsonWriter(body)
      .begin_object()
      .member("status", "ok")
      .member("version", context.options.version)
      .end_object();
  call.responder.send(json_response(200, std::move(body)));
}

void get_readiness(Context& context, Call call) {
  const api::Readiness readiness = context.api.readiness();
  std::string body;
  net::JsonWriter json(body);
  json.begin_object().member("ready", readiness.ready);
  if (readiness.ready) {
    json.member_null("why");
  } else {
    json.member("why", readiness.why);
  }
  json.end_object();
  call.responder.send(json_response(readiness.ready ? 200 : 503, std::move(body)));
}

void get_metrics(Context& context, Call call) {
  std::string body;
  MetricsText metrics(body);
  write_job_metrics(metrics, context.api);
  const std::vector<AgentView> agents = context.api.agents();
  write_agent_metrics(metrics, agents);
  append_telemetry_metrics(body, context.telemetry, agents);
  metrics.gauge("hearth_ready", "1 when /readyz answers 200.",
                context.api.readiness().ready ? 1 : 0);
  metrics.gauge("hearth_event_streams", "Open event streams and followed outputs.",
                context.hub.streams());
  metrics.gauge("hearth_event_ring_events", "Events kept for streams that read slowly.",
                context.hub.ring_events());
  metrics.counter("hearth_event_streams_lagged_total",
                  "Times an event stream fell behind what is kept and began anew.",
                  context.hub.lagged());
  write_feed_metrics(metrics, context);
  metrics.gauge("hearth_http_requests", "Requests being answered, without streams.",
                context.door.requests());
  context.times.write(metrics);
  if (context.options.http_stats) {
    write_http_metrics(metrics, context.options.http_stats());
  }
  if (context.options.more_metrics) {
    context.options.more_metrics(body);
  }
  call.responder.send(net::Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                    .headers = {{"Cache-Control", "no-store"}},
                                    .body = std::move(body)});
}

void get_contract(Context&, Call call) {
  call.responder.send(net::Response{.body = std::string(front::openapi_json())});
}

}  // namespace hearth::rest
