// Routes about the controller itself.
#include <array>

#include "front/rest/job_json.h"
#include "front/rest/openapi_json.h"
#include "front/rest/routes.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

// Prometheus' text format 0.0.4, in which label values escape \, " and line ends.
class MetricsText {
 public:
  explicit MetricsText(std::string& out) : out_(out) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " +
            std::string(type) + "\n";
  }
  void value(std::int64_t number) { out_ += name_ + " " + std::to_string(number) + "\n"; }
  void value(std::string_view label, std::string_view label_value, std::int64_t number) {
    out_ += name_ + "{" + std::string(label) + "=\"";
    for (const char c : label_value) {
      if (c == '\\' || c == '"') {
        out_ += '\\';
      }
      out_ += c == '\n' ? ' ' : c;
    }
    out_ += "\"} " + std::to_string(number) + "\n";
  }

 private:
  std::string& out_;
  std::string name_;
};

void write_job_metrics(MetricsText& metrics, api::ControllerApi& api) {
  const auto counts = api.counts();
  metrics.family("hearth_jobs", "gauge", "Jobs in the store by state.");
  for (int i = 0; i < kJobStateCount; ++i) {
    const auto state = static_cast<JobState>(i);
    const auto found = counts.find(state);
    metrics.value("state", to_string(state), found == counts.end() ? 0 : found->second);
  }
  metrics.family("hearth_event_seq", "counter", "Changes of jobs made durable, ever.");
  metrics.value(static_cast<std::int64_t>(api.last_event().value()));
}

void write_agent_metrics(MetricsText& metrics, api::ControllerApi& api) {
  const std::vector<AgentView> agents = api.agents();
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
    metrics.value("status", to_string(static_cast<AgentStatus>(i)), by_status.at(i));
  }
  metrics.family("hearth_attempts_running", "gauge", "Attempts that agents hold.");
  metrics.value(running);
  metrics.family("hearth_cpu_milli", "gauge", "Thousandths of a core of all agents not dead.");
  metrics.value("kind", "capacity", capacity.cpu_milli);
  metrics.value("kind", "reserved", reserved.cpu_milli);
  metrics.family("hearth_memory_bytes", "gauge", "Memory of all agents not dead.");
  metrics.value("kind", "capacity", capacity.memory_bytes);
  metrics.value("kind", "reserved", reserved.memory_bytes);
}

void write_http_metrics(MetricsText& metrics, const net::HttpServerStats& stats) {
  static constexpr std::array<std::string_view, 5> kClasses = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  metrics.family("hearth_http_connections", "gauge", "Open HTTP connections.");
  metrics.value(stats.connections);
  metrics.family("hearth_http_connections_total", "counter", "HTTP connections taken.");
  metrics.value(stats.connections_total);
  metrics.family("hearth_http_connections_refused_total", "counter",
                 "HTTP connections refused at connections_max or connections_per_address_max.");
  metrics.value(stats.connections_refused);
  metrics.family("hearth_http_tls_handshakes_failed_total", "counter",
                 "TLS handshakes that failed, took too long or were dropped for others.");
  metrics.value(stats.handshakes_failed);
  metrics.family("hearth_http_responses_total", "counter", "HTTP answers by class of status.");
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    metrics.value("class", kClasses.at(i), stats.responses.at(i));
  }
  metrics.family("hearth_http_sent_bytes_total", "counter", "Bytes sent over HTTP.");
  metrics.value(stats.bytes_sent);
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
  write_agent_metrics(metrics, context.api);
  metrics.family("hearth_ready", "gauge", "1 when /readyz answers 200.");
  metrics.value(context.api.readiness().ready ? 1 : 0);
  metrics.family("hearth_event_streams", "gauge", "Open event streams and followed outputs.");
  metrics.value(context.hub.streams());
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
  call.responder.send(net::Response{.body = std::string(openapi_json())});
}

}  // namespace hearth::rest
