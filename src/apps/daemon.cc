#include "apps/daemon.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "agent/host/agent_host.h"
#include "agent/link/grpc_life.h"
#include "apps/agent_door.h"
#include "apps/agent_options.h"
#include "apps/config_view.h"
#include "apps/controller_process.h"
#include "apps/signals.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/session.h"
#include "config/settings.h"
#include "local/local_link.h"
#include "wire/protobuf_log.h"

namespace hearth::apps {

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// What every daemon has before its first part.
struct Ground {
  config::Settings settings;
  SystemClock clock;
  std::unique_ptr<Log> log;
  bool json = false;
  std::string token;  // of an agent
};

LogLevel log_level(const std::string& name) {
  if (name == "warning") {
    return LogLevel::Warn;
  }
  for (const LogLevel level : {LogLevel::Debug, LogLevel::Error, LogLevel::Off}) {
    if (to_string(level) == name) {
      return level;
    }
  }
  return LogLevel::Info;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int fail(const Error& error) {
  std::fprintf(stderr, "hearth: %s\n", error.message.c_str());
  return kExitFailed;
}

void say_ready(const Ground& ground, const ControllerProcess& controller) {
  const std::string http = controller.http_address();
  const std::string grpc = controller.grpc_address();
  if (ground.json) {
    std::printf("{\"event\":\"ready\",\"http\":\"%s\",\"grpc\":\"%s\"}\n", http.c_str(),
                grpc.c_str());
  } else {
    std::printf("hearth ready http=%s grpc=%s\n", http.c_str(), grpc.c_str());
  }
  std::fflush(stdout);
}

// `metrics`: where the agent tells its figures, empty: nowhere.
void say_agent_ready(const Ground& ground, const AgentId& id, const std::string& controller,
                     const std::string& metrics) {
  const char* format = ground.json
                           ? "{\"event\":\"agent ready\",\"id\":\"%s\",\"controller\":\"%s\""
                           : "hearth agent ready id=%s controller=%s";
  std::printf(format, id.value().c_str(), controller.c_str());
  if (!metrics.empty()) {
    std::printf(ground.json ? ",\"metrics\":\"%s\"" : " metrics=%s", metrics.c_str());
  }
  std::fputs(ground.json ? "}\n" : "\n", stdout);
  std::fflush(stdout);
}

// The truth can no longer be trusted: nothing more may be promised, so leave at once and recover at
// the next start. Jobs of an agent in this process die with it (its launcher sees to that).
void leave_at_once(Log& log, const Error& error) {
  log.error("the store failed; leaving to recover at the next start", {{"error", error.message}});
  std::_Exit(kExitFailed);
}

ControllerProcess::Deps controller_deps(Ground& ground) {
  return {.clock = ground.clock, .log = *ground.log, .on_fatal = [&ground](const Error& error) {
            leave_at_once(*ground.log, error);
          }};
}

int run_controller(Ground& ground, const SignalFd& signals) {
  auto controller = ControllerProcess::start(ground.settings, data_directory(ground.settings, ""),
                                             controller_deps(ground));
  if (!controller) {
    return fail(controller.error());
  }
  say_ready(ground, **controller);
  while (signals.wait() == SIGHUP) {
    (*controller)->reload_certificates();
  }
  (*controller)->stop();
  return 0;
}

// Runs the agent on a thread of its own; the calling thread passes signals on: the first drains,
// the second ends everything at once.
int run_until_stopped(Ground& ground, const SignalFd& signals, agent::AgentHost& host,
                      const std::function<void()>& on_hangup) {
  Result<> ended;
  const UniqueFd done(::eventfd(0, EFD_CLOEXEC));
  std::thread thread([&] {
    ended = host.run();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(done.get(), &one, sizeof(one));
  });
  bool draining = false;
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{signals.get(), POLLIN, 0}, pollfd{done.get(), POLLIN, 0}};
    ::poll(fds.data(), fds.size(), -1);
    if (fds[1].revents != 0) {
      break;
    }
    if (fds[0].revents != 0 && signals.wait() == SIGHUP) {
      on_hangup();
    } else if (fds[0].revents != 0) {
      ground.log->info(
          draining ? "stopping at once" : "draining; a second signal ends everything at once",
          {{"agent", host.info().id.value()}});
      draining = true;
      host.request_drain();
    }
  }
  thread.join();
  return ended ? 0 : fail(ended.error());
}

Result<std::unique_ptr<agent::AgentHost>> make_agent(Ground& ground, const std::string& data,
                                                     Duration drain_deadline,
                                                     agent::LinkFactory make_link,
                                                     std::function<void(const AgentInfo&)> ready) {
  HEARTH_ASSIGN(auto options, agent_options(ground.settings, data, drain_deadline));
  options.controller = ground.settings.text("controller");
  options.token = ground.token;
  return agent::AgentHost::create(std::move(options), {.clock = ground.clock,
                                                       .log = *ground.log,
                                                       .make_link = std::move(make_link),
                                                       .on_ready = std::move(ready)});
}

// Who may submit runs commands as the agent's user.
void warn_of_root(Ground& ground, bool is_open) {
  if (is_open && ::geteuid() == 0 && ground.settings.text("run_as").empty()) {
    ground.log->warn("everybody on this machine may run commands as root here",
                     {{"do", "set --run-as USER, or ask for tokens with --auth required"}});
  }
}

int run_agent(Ground& ground, const SignalFd& signals) {
  const std::string data = data_directory(ground.settings, "agent-" + agent_id(ground.settings));
  const std::string controller = ground.settings.text("controller");
  warn_of_root(ground, ground.token.empty() &&
                           (controller.starts_with("127.") || controller.starts_with("localhost")));
  const auto make_link = [](const agent::GrpcLinkDeps& deps, const agent::GrpcLinkOptions& how) {
    agent::keep_grpc_running();
    return agent::make_grpc_link(deps, how);
  };
  std::string metrics;
  auto host = make_agent(
      ground, data, limits::kDrainDeadlineAgent, make_link,
      [&](const AgentInfo& info) { say_agent_ready(ground, info.id, controller, metrics); });
  if (!host) {
    return fail(host.error());
  }
  std::unique_ptr<AgentDoor> door;  // goes before the host
  if (const std::string address = ground.settings.text("metrics"); !address.empty()) {
    auto opened = AgentDoor::open(address, ground.clock,
                                  [&host](std::string& text) { (*host)->append_metrics(text); });
    if (!opened) {
      return fail(opened.error());
    }
    door = std::move(*opened);
    metrics = door->address();
  }
  return run_until_stopped(ground, signals, **host, [] {});
}

int run_up(Ground& ground, const SignalFd& signals) {
  const std::string data = data_directory(ground.settings, "");
  std::unique_ptr<ControllerProcess> controller;
  // The agent first: its helper process is forked while this one is small and has one thread.
  const auto make_link = [&](const agent::GrpcLinkDeps& deps, const agent::GrpcLinkOptions& how) {
    return make_local_link(
        {deps.loop, deps.log, deps.usage, deps.output, controller->agent_api()},
        {.heartbeat_interval = ground.settings.duration("heartbeat_interval"), .seed = how.seed});
  };
  auto host = make_agent(ground, data + "/agent", limits::kDrainDeadlineUp, make_link,
                         [&](const AgentInfo&) { say_ready(ground, *controller); });
  if (!host) {
    return fail(host.error());
  }
  auto deps = controller_deps(ground);
  deps.more_metrics = [&host](std::string& text) { (*host)->append_metrics(text); };
  auto started = ControllerProcess::start(ground.settings, data, std::move(deps));
  if (!started) {
    return fail(started.error());
  }
  controller = std::move(*started);
  if (const auto doors = decide_doors(ground.settings)) {
    warn_of_root(ground, doors->http_open);
  }
  const int exit_code = run_until_stopped(ground, signals, **host,
                                          [&controller] { controller->reload_certificates(); });
  controller->stop();
  return exit_code;
}

}  // namespace

int run_daemon(const cli::DaemonCommand& command,
               const std::map<std::string, std::string>& environment) {
  auto settings = config::Settings::load(
      {.flags = command.flags, .environment = environment, .file = command.config_file});
  if (!settings) {
    std::fprintf(stderr, "hearth: %s\n", settings.error().message.c_str());
    return kExitUsage;
  }
  if (command.kind == cli::DaemonKind::Config) {
    std::fputs(config_text(*settings, command.json).c_str(), stdout);
    return 0;
  }
  // Without certificates to reload, SIGHUP ends a daemon whose terminal is closed, as ever.
  const bool reloads = !settings->text("tls_cert").empty();
  auto signals =
      reloads ? SignalFd::block({SIGINT, SIGTERM, SIGHUP}) : SignalFd::block({SIGINT, SIGTERM});
  if (!signals) {
    return fail(signals.error());
  }
  raise_descriptor_limit();
  Ground ground{
      .settings = std::move(*settings), .clock = {}, .log = nullptr, .json = command.json};
  ground.log = make_stderr_log(
      log_level(ground.settings.text("log_level")),
      ground.settings.text("log_format") == "json" ? LogFormat::Json : LogFormat::Text);
  const wire::ProtobufLog protobuf_log(*ground.log);
  if (command.kind == cli::DaemonKind::Agent) {
    auto token = cli::find_token(ground.settings.text("token_file"), environment);
    if (!token) {
      return fail(token.error());
    }
    ground.token = std::move(*token);
  }
  switch (command.kind) {
    case cli::DaemonKind::Controller:
      return run_controller(ground, *signals);
    case cli::DaemonKind::Agent:
      return run_agent(ground, *signals);
    default:
      return run_up(ground, *signals);
  }
}

}  // namespace hearth::apps
