#include "apps/controller_process.h"

#include <utility>

#include "apps/loop_metrics.h"
#include "apps/version.h"
#include "net/listen_address.h"
#include "output/file_output_store.h"
#include "store/sqlite/sqlite_store.h"

namespace hearth::apps {

namespace {

core::Options core_options(const config::Settings& settings) {
  core::Options options;
  options.heartbeat_timeout = settings.duration("heartbeat_timeout");
  options.sweep_interval = settings.duration("sweep_interval");
  options.starvation_after = settings.duration("starvation_after");
  options.queue_jobs_max = settings.integer("queue_jobs_max");
  return options;
}

std::vector<std::string> comma_separated(const std::string& text) {
  std::vector<std::string> items;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    if (end > start) {
      items.push_back(text.substr(start, end - start));
    }
    start = end + 1;
  }
  return items;
}

// Over TLS nobody reaches this server under a name that its certificate does not have, so a
// foreign DNS name made to point here gets no further than the handshake.
std::vector<std::string> allowed_hosts(const config::Settings& settings,
                                       const tls::ServerIdentity* identity) {
  std::vector<std::string> hosts = comma_separated(settings.text("allowed_hosts"));
  if (identity != nullptr) {
    const auto current = identity->current();
    hosts.insert(hosts.end(), current->facts.names.begin(), current->facts.names.end());
  }
  return hosts;
}

}  // namespace

ControllerProcess::~ControllerProcess() {
  stop();
}

Result<std::unique_ptr<ControllerProcess>> ControllerProcess::start(
    const config::Settings& settings, const std::string& data, Deps deps) {
  std::unique_ptr<ControllerProcess> process(new ControllerProcess());
  HEARTH_ASSIGN(process->certificates_, CertificateKeeper::start(settings, deps.clock, deps.log));
  HEARTH_ASSIGN(process->store_, store::open_sqlite_store({.directory = data}));
  HEARTH_ASSIGN(process->outputs_, output::open_file_output_store(data + "/output"));
  HEARTH_ASSIGN(process->loop_, api::ControllerLoop::start({.store = *process->store_,
                                                            .outputs = *process->outputs_,
                                                            .clock = deps.clock,
                                                            .log = deps.log,
                                                            .on_fatal = deps.on_fatal},
                                                           {.core = core_options(settings)}));
  HEARTH_TRY(process->open_doors(settings, deps));
  deps.log.info(
      "controller is up",
      {{"http", process->http_address()}, {"grpc", process->grpc_address()}, {"data", data}});
  return process;
}

Result<> ControllerProcess::open_doors(const config::Settings& settings, Deps& deps) {
  HEARTH_ASSIGN(const auto http_address, net::parse_listen_address(settings.text("http")));
  HEARTH_ASSIGN(const auto grpc_address, net::parse_listen_address(settings.text("grpc")));
  grpc_host_ = grpc_address.host;
  const tls::ServerIdentity* identity =
      certificates_ == nullptr ? nullptr : &certificates_->identity();
  HEARTH_ASSIGN(link_,
                front::agentlink::AgentLinkServer::start(
                    *loop_, {.address = settings.text("grpc"),
                             .tls = identity,
                             .heartbeat_interval = settings.duration("heartbeat_interval")}));
  HEARTH_ASSIGN(
      rest_, rest::RestService::create(
                 *loop_, deps.clock,
                 {.origins = {.hosts = allowed_hosts(settings, identity), .origins = {}},
                  .version = kVersion,
                  .http_stats =
                      [this] { return http_ == nullptr ? net::HttpServerStats{} : http_->stats(); },
                  .more_metrics =
                      [this](std::string& text) { append_loop_metrics(loop_->metrics(), text); }}));
  HEARTH_ASSIGN(http_, net::HttpServer::start(http_address, "--http ADDR or HEARTH_HTTP", *rest_,
                                              deps.clock, {.tls = identity}));
  return {};
}

std::string ControllerProcess::http_address() const {
  return http_->address().to_string();
}

std::string ControllerProcess::grpc_address() const {
  return net::ListenAddress{.host = grpc_host_, .port = static_cast<std::uint16_t>(link_->port())}
      .to_string();
}

void ControllerProcess::reload_certificates() {
  if (certificates_ != nullptr) {
    certificates_->reload_now();
  }
}

void ControllerProcess::stop() {
  if (http_ != nullptr) {
    http_->stop();
  }
  if (link_ != nullptr) {
    link_->stop();
  }
  if (loop_ != nullptr) {
    loop_->stop();
  }
}

}  // namespace hearth::apps
