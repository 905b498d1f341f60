#include "apps/controller_process.h"

#include <algorithm>
#include <utility>

#include "agent/link/grpc_life.h"
#include "apps/loop_metrics.h"
#include "apps/version.h"
#include "archive/archive.h"
#include "base/random.h"
#include "config/door_rule.h"
#include "net/listen_address.h"
#include "output/file_output_store.h"
#include "store/sqlite/sqlite_store.h"
#include "uploads/disk_upload_store.h"

namespace hearth::apps {

namespace {

constexpr std::string_view kMoreDescriptors =
    "raise the limit of open files (ulimit -n, or LimitNOFILE of the service)";

core::Options core_options(const config::Settings& settings) {
  core::Options options;
  options.heartbeats = {.interval = settings.duration("heartbeat_interval"),
                        .per_second_max = settings.integer("heartbeats_per_second_max")};
  options.heartbeat_timeout = settings.duration("heartbeat_timeout");
  options.sweep_interval = settings.duration("sweep_interval");
  options.starvation_after = settings.duration("starvation_after");
  options.queue_jobs_max = settings.integer("queue_jobs_max");
  return options;
}

core::RetentionLimits retention_limits(const config::Settings& settings) {
  core::RetentionLimits limits;
  limits.age = settings.duration("retention_age");
  limits.jobs = settings.integer("retention_jobs");
  limits.output_bytes = settings.memory_bytes("retention_output").value_or(limits.output_bytes);
  limits.events_age = settings.duration("retention_events_age");
  limits.events = settings.integer("retention_events");
  return limits;
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
net::OriginPolicy origin_policy(const config::Settings& settings, const Doors& doors,
                                const tls::ServerIdentity* identity) {
  net::OriginPolicy policy{.hosts = comma_separated(settings.text("allowed_hosts")),
                           .knows_host = {},
                           .origins = {},
                           .any_address = doors.http_beyond()};
  if (identity != nullptr) {
    policy.knows_host = [identity](std::string_view host) {
      return tls::is_for_host(identity->current()->facts, host);
    };
  }
  return policy;
}

Result<uploads::Content> check_upload(int fd) {
  HEARTH_ASSIGN(const archive::ArchiveSummary summary, archive::check_archive(fd));
  return uploads::Content{.files = summary.files, .bytes = summary.bytes};
}

}  // namespace

ControllerProcess::~ControllerProcess() {
  stop();
}

Result<std::unique_ptr<ControllerProcess>> ControllerProcess::start(
    const config::Settings& settings, const std::string& data, Deps deps) {
  // Before anything is made: what may not be listened on leaves nothing behind.
  HEARTH_TRY(decide_doors(settings));
  auto callback_policy = callbacks::CallbackPolicy::parse(settings.text("callback_hosts"));
  if (!callback_policy) {
    return callback_policy.error().with_context("setting callback_hosts");
  }
  std::unique_ptr<ControllerProcess> process(new ControllerProcess());
  process->callback_policy_ = std::move(*callback_policy);
  HEARTH_ASSIGN(process->certificates_, CertificateKeeper::start(settings, deps.clock, deps.log));
  HEARTH_ASSIGN(process->store_, store::open_sqlite_store({.directory = data}));
  HEARTH_ASSIGN(process->outputs_, output::open_file_output_store(data + "/output"));
  HEARTH_ASSIGN(process->uploads_, uploads::open_disk_upload_store(data + "/uploads", check_upload,
                                                                   deps.clock, deps.log));
  HEARTH_ASSIGN(auto tokens, process->store_->tokens());
  HEARTH_ASSIGN(
      process->keeper_,
      api::Doorkeeper::start(std::move(tokens),
                             {.clock = deps.clock, .log = deps.log, .on_fatal = deps.on_fatal}));
  HEARTH_ASSIGN(process->loop_, api::ControllerLoop::start(
                                    {.store = *process->store_,
                                     .outputs = *process->outputs_,
                                     .clock = deps.clock,
                                     .log = deps.log,
                                     .on_fatal = deps.on_fatal,
                                     .uploads = process->uploads_.get()},
                                    {.core = core_options(settings),
                                     .retention = retention_limits(settings),
                                     .worker_timeout = settings.duration("worker_timeout")}));
  HEARTH_TRY(process->open_doors(settings, deps));
  HEARTH_TRY(process->start_callbacks(deps));
  deps.log.info(
      "controller is up",
      {{"http", process->http_address()}, {"grpc", process->grpc_address()}, {"data", data}});
  return process;
}

Result<Doors> decide_doors(const config::Settings& settings) {
  Doors doors;
  HEARTH_ASSIGN(doors.http, net::parse_listen_address(settings.text("http")));
  HEARTH_ASSIGN(doors.grpc, net::parse_listen_address(settings.text("grpc")));
  HEARTH_ASSIGN(const config::AuthRule auth, config::parse_auth_rule(settings.text("auth")));
  config::DoorFacts facts{
      .has_tls = !settings.text("tls_cert").empty(),
      .auth = auth,
      .may_be_insecure = settings.boolean("insecure_listen_without_tls_and_tokens")};
  facts.address = doors.http.to_string();
  facts.flag = "--http";
  facts.is_loopback = !doors.http_beyond();
  HEARTH_ASSIGN(doors.http_open, config::decide_is_open(facts));
  facts.address = doors.grpc.to_string();
  facts.flag = "--grpc";
  facts.is_loopback = !doors.grpc_beyond();
  HEARTH_ASSIGN(doors.grpc_open, config::decide_is_open(facts));
  return doors;
}

void ControllerProcess::warn_of_doors(const Doors& doors, Log& log) {
  const bool is_plain = certificates_ == nullptr && (doors.http_beyond() || doors.grpc_beyond());
  const bool is_open =
      (doors.http_beyond() && doors.http_open) || (doors.grpc_beyond() && doors.grpc_open);
  if (is_plain || is_open) {
    log.warn("listening beyond loopback, as told, without what secures it",
             {{"http", doors.http.to_string()},
              {"grpc", doors.grpc.to_string()},
              {"tls", is_plain ? "no" : "yes"},
              {"tokens", is_open ? "not needed" : "needed"}});
  }
  if (!doors.http_open && !keeper_->has_admin()) {
    log.warn("no token may make others yet",
             {{"do", "stop the controller and run: hearth token create --scope admin --data DIR"}});
  }
}

Result<> ControllerProcess::open_doors(const config::Settings& settings, Deps& deps) {
  HEARTH_ASSIGN(const Doors doors, decide_doors(settings));
  grpc_host_ = doors.grpc.host;
  const tls::ServerIdentity* identity =
      certificates_ == nullptr ? nullptr : &certificates_->identity();
  warn_of_doors(doors, deps.log);
  more_metrics_ = std::move(deps.more_metrics);
  grpc_log_ = std::make_unique<front::agentlink::GrpcLog>(deps.log, deps.clock);
  agent::keep_grpc_running();
  HEARTH_ASSIGN(link_, front::agentlink::AgentLinkServer::start(
                           *loop_, *keeper_,
                           {.address = settings.text("grpc"),
                            .tls = identity,
                            .heartbeat_interval = settings.duration("heartbeat_interval"),
                            .version = kVersion,
                            .on_descriptors_short =
                                [&log = deps.log] {
                                  log.warn("agents cannot connect now: no file descriptor is left",
                                           {{"do", kMoreDescriptors}});
                                },
                            .is_open = doors.grpc_open,
                            .beyond_loopback = doors.grpc_beyond()}));
  service_ = std::make_unique<front::Service>(
      *keeper_, deps.clock,
      front::ServiceOptions{.origins = origin_policy(settings, doors, identity),
                            .door = {.is_open = doors.http_open,
                                     .is_tls = identity != nullptr,
                                     .submits_per_second_max = std::max<std::int64_t>(
                                         1, settings.integer("submit_rate_max"))}});
  HEARTH_ASSIGN(
      rest_, rest::RestService::create(
                 *loop_, loop_->telemetry(), *service_, deps.clock,
                 {.version = kVersion,
                  .uploads = uploads_.get(),
                  .http_stats =
                      [this] { return http_ == nullptr ? net::HttpServerStats{} : http_->stats(); },
                  .more_metrics = [this](std::string& text) { append_metrics(text); }}));
  HEARTH_ASSIGN(tasks_, tasks::TasksService::create(*loop_, *service_, callback_policy_));
  HEARTH_ASSIGN(
      http_, net::HttpServer::start(
                 doors.http, "--http ADDR or HEARTH_HTTP", *service_, deps.clock,
                 {.tls = identity,
                  .on_descriptors_short =
                      [&log = deps.log](std::int64_t most) {
                        log.warn("HTTP connections are refused: too few file descriptors are left",
                                 {{"limit", most}, {"do", kMoreDescriptors}});
                      },
                  .beyond_loopback = doors.http_beyond()}));
  return {};
}

Result<> ControllerProcess::start_callbacks(Deps& deps) {
  poster_ = std::make_unique<callbacks::SocketPoster>(callback_policy_, deps.clock,
                                                      callbacks::SocketPoster::Options{});
  HEARTH_ASSIGN(callbacks_, tasks::TaskCallbacks::create({.api = *loop_,
                                                          .poster = *poster_,
                                                          .policy = callback_policy_,
                                                          .clock = deps.clock,
                                                          .log = deps.log,
                                                          .chance = random_u64}));
  callbacks_->start();
  return {};
}

void ControllerProcess::append_metrics(std::string& text) const {
  MetricsText out(text);
  const api::MetricsSnapshot loop = loop_->metrics();
  write_loop_metrics(loop, out);
  write_store_metrics(store_->stats(), loop.past, out);
  write_output_metrics(outputs_->stats(), out);
  write_upload_metrics(uploads_->stats(), out);
  const front::agentlink::LinkStats link = link_->stats();
  write_link_metrics(link, out);
  write_telemetry_metrics(loop, link, out);
  out.counter("hearth_link_tls_handshakes_failed_total",
              "TLS handshakes of agents that were refused.", grpc_log_->handshakes_failed());
  out.counter("hearth_refused_total", "Calls refused for want of a good token.",
              keeper_->refused());
  out.gauge("hearth_task_waits", "Requests that wait for the end of tasks.", tasks_->waiting());
  write_callback_metrics(callbacks_ == nullptr ? tasks::CallbackStats{} : callbacks_->stats(), out);
  out.gauge("hearth_tokens", "Tokens, credentials and sessions that are known.", keeper_->tokens());
  out.gauge("hearth_token_changes_waiting", "Changes of tokens that wait.", keeper_->waiting());
  if (more_metrics_) {
    more_metrics_(text);
  }
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
  if (tasks_ != nullptr) {
    tasks_->stop();
  }
  if (http_ != nullptr) {
    http_->stop();
  }
  if (callbacks_ != nullptr) {
    callbacks_->stop();
  }
  if (link_ != nullptr) {
    link_->stop();
  }
  if (keeper_ != nullptr) {
    keeper_->stop();
  }
  if (loop_ != nullptr) {
    loop_->stop();
  }
}

}  // namespace hearth::apps
