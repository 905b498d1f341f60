// A controller put together: store, output, loop, HTTP and gRPC servers. The only place that names
// the concrete classes of the controller's side.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/controller_loop.h"
#include "api/doorkeeper.h"
#include "apps/certificate_keeper.h"
#include "base/clock.h"
#include "base/ip_text.h"
#include "base/log.h"
#include "base/result.h"
#include "callbacks/callback_policy.h"
#include "callbacks/socket_poster.h"
#include "config/settings.h"
#include "front/agentlink/agent_link_server.h"
#include "front/agentlink/grpc_log.h"
#include "front/http/service.h"
#include "front/rest/rest_service.h"
#include "front/tasks/task_callbacks.h"
#include "front/tasks/tasks_service.h"
#include "net/http_server.h"
#include "uploads/upload_store.h"

namespace hearth::apps {

// What the addresses and settings come to.
struct Doors {
  net::ListenAddress http;
  net::ListenAddress grpc;
  bool http_open = false;
  bool grpc_open = false;

  [[nodiscard]] bool http_beyond() const { return !is_loopback_ip(http.host); }
  [[nodiscard]] bool grpc_beyond() const { return !is_loopback_ip(grpc.host); }
};
// InvalidArgument for what may not be listened on.
Result<Doors> decide_doors(const config::Settings& settings);

class ControllerProcess {
 public:
  struct Deps {
    Clock& clock;
    Log& log;
    std::function<void(const Error&)> on_fatal;  // see api::LoopDeps
    // Figures of others in this process, for /metrics. Any thread.
    std::function<void(std::string&)> more_metrics = {};
  };
  static Result<std::unique_ptr<ControllerProcess>> start(const config::Settings& settings,
                                                          const std::string& data, Deps deps);
  ~ControllerProcess();
  ControllerProcess(const ControllerProcess&) = delete;
  ControllerProcess& operator=(const ControllerProcess&) = delete;

  [[nodiscard]] std::string http_address() const;  // HOST:PORT, as really taken
  [[nodiscard]] std::string grpc_address() const;
  // For an agent of this process.
  [[nodiscard]] api::AgentApi& agent_api() { return *loop_; }
  // The certificate files may have changed. Without TLS nothing happens.
  void reload_certificates();
  // Front doors first, so that nobody new comes in; then what was decided is committed.
  void stop();

 private:
  ControllerProcess() = default;
  Result<> open_doors(const config::Settings& settings, Deps& deps);
  Result<> start_callbacks(Deps& deps);
  void warn_of_doors(const Doors& doors, Log& log);
  void append_metrics(std::string& text) const;

  std::unique_ptr<store::Store> store_;
  std::unique_ptr<output::OutputStore> outputs_;
  std::unique_ptr<uploads::UploadStore> uploads_;
  std::unique_ptr<api::Doorkeeper> keeper_;
  std::unique_ptr<api::ControllerLoop> loop_;
  std::unique_ptr<CertificateKeeper> certificates_;  // null: no TLS
  std::unique_ptr<front::Service> service_;
  std::unique_ptr<rest::RestService> rest_;
  callbacks::CallbackPolicy callback_policy_;
  std::unique_ptr<tasks::TasksService> tasks_;
  std::unique_ptr<callbacks::SocketPoster> poster_;
  std::unique_ptr<tasks::TaskCallbacks> callbacks_;
  std::unique_ptr<net::HttpServer> http_;
  std::unique_ptr<front::agentlink::GrpcLog> grpc_log_;
  std::unique_ptr<front::agentlink::AgentLinkServer> link_;
  std::function<void(std::string&)> more_metrics_;
  std::string grpc_host_;
};

}  // namespace hearth::apps
