#include "agent/host/agent_host.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/host/agent_shell.h"
#include "agent/host/credential.h"
#include "agent/host/data_dir.h"
#include "agent/launcher/real_launcher.h"
#include "agent/link/machine_usage.h"
#include "agent/loop/event_loop.h"
#include "agent/probe/collector.h"
#include "agent/runtimes/command_runtime.h"
#include "agent/telemetry/telemetry_pump.h"
#include "agent/uploads/upload_cache.h"
#include "base/metrics_text.h"
#include "base/random.h"

namespace hearth::agent {
namespace {

constexpr std::size_t kIncarnationBytes = 8;
constexpr std::size_t kHostNameBytesMax = 64;

std::string host_name() {
  std::array<char, kHostNameBytesMax + 1> name{};
  return gethostname(name.data(), kHostNameBytesMax) == 0 ? name.data() : "localhost";
}

struct User {
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
};

Result<User> find_user(const std::string& name) {
  if (name.empty()) {
    return User{};
  }
  constexpr std::size_t kBufferBytes = 16'384;
  std::vector<char> buffer(kBufferBytes);
  passwd entry{};
  passwd* found = nullptr;
  getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return invalid_field("run_as", "there is no user \"" + name +
                                       "\" on this machine; make it or choose another with "
                                       "--run-as");
  }
  if (geteuid() != 0 && geteuid() != found->pw_uid) {
    return invalid_field("run_as",
                         "only root may run jobs as another user; start the agent as "
                         "root or leave out --run-as " +
                             name);
  }
  return User{found->pw_uid, found->pw_gid};
}

Result<AgentInfo> describe(const AgentOptions& options, const std::string& instance) {
  AgentInfo info;
  info.hostname = host_name();
  info.id = AgentId(options.id.empty() ? default_agent_id() : options.id);
  if (!is_valid_name_id(info.id.value())) {
    return invalid_field("id", "the agent's id \"" + info.id.value() +
                                   "\" must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'; "
                                   "choose another with --id");
  }
  info.type = options.type;
  info.version = options.version;
  info.instance = instance;
  info.incarnation = random_hex(kIncarnationBytes);
  info.labels = options.labels;
  if (!options.type.empty()) {
    info.labels.try_emplace("type", options.type);
  }
  info.max_parallel_jobs = options.max_parallel_jobs;
  HEARTH_ASSIGN(info.capacity,
                decide_capacity(host_limits(), own_cgroup_limits(), options.capacity));
  return info;
}

}  // namespace

std::string default_agent_id() {
  std::string name = host_name();
  for (char& c : name) {
    if (!is_valid_name_id({&c, 1})) {
      c = '-';
    }
  }
  return name.empty() ? "agent" : name;
}

class AgentHost::Impl {
 public:
  Impl(AgentOptions options, AgentHostDeps deps, DataDir data, AgentInfo info)
      : options_(std::move(options)),
        deps_(std::move(deps)),
        data_(std::move(data)),
        info_(std::move(info)),
        log_(deps_.log, {{"agent", info_.id.value()}}),
        spool_(data_.spool(), options_.spool, log_) {}
  ~Impl();

  Result<> prepare();
  Result<> run();
  void request_drain();

  [[nodiscard]] const AgentInfo& info() const { return info_; }
  void append_metrics(std::string& text);

 private:
  Result<> prepare_groups();
  Result<> prepare_telemetry();
  void drain();

  AgentOptions options_;
  const AgentHostDeps deps_;
  DataDir data_;
  AgentInfo info_;
  ContextLog log_;
  ProcMachineUsage usage_;
  AgentMetrics metrics_;
  TelemetryMetrics telemetry_metrics_;
  UploadMetrics upload_metrics_;
  OutputSpool spool_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<RealLauncher> launcher_;
  std::unique_ptr<CgroupDriver> groups_;
  std::unique_ptr<UidRanges> ids_;
  std::unique_ptr<UploadCache> uploads_;
  std::unique_ptr<CommandRuntime> runtime_;
  std::unique_ptr<ControllerLink> link_;
  std::unique_ptr<GpuProbe> gpus_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<TelemetryPump> telemetry_;
  std::unique_ptr<AgentShell> shell_;
  bool draining_ = false;
  Result<> outcome_;
};

Result<> AgentHost::Impl::prepare() {
  HEARTH_ASSIGN(loop_, EventLoop::create(deps_.clock));
  // Groups first: on v2 this process moves to a leaf, and the launcher has to be born there. Left
  // behind, it would keep the group above from having limits for the jobs'.
  HEARTH_TRY(prepare_groups());
  HEARTH_ASSIGN(launcher_, RealLauncher::start({.helper_path = options_.launcher_path}));
  HEARTH_TRY(data_.remove_leftovers());
  HEARTH_ASSIGN(uploads_, UploadCache::create({*loop_, deps_.clock, log_, upload_metrics_},
                                              {.folder = data_.uploads(), .seed = random_u64()}));
  HEARTH_ASSIGN(const User user, find_user(options_.run_as));
  CommandRuntime::Options options{
      .attempts_dir = data_.attempts(), .uid = user.uid, .gid = user.gid};
  HEARTH_ASSIGN(Sandboxes sandboxes,
                prepare_sandboxes(options_.sandbox, {.launcher = *launcher_,
                                                     .clock = deps_.clock,
                                                     .log = log_,
                                                     .path = options.path,
                                                     .images_dir = data_.path() + "/images",
                                                     .memory_bytes = info_.capacity.memory_bytes}));
  ids_ = std::move(sandboxes.ids);
  CapacityWish wish = options_.capacity;
  wish.reserve_memory_bytes += sandboxes.warm.slots_max * limits::kWarmSlotReserveBytes;
  HEARTH_ASSIGN(info_.capacity, decide_capacity(host_limits(), own_cgroup_limits(), wish));
  announce(sandboxes.offer, info_);
  options.offer = std::move(sandboxes.offer);
  options.warm = std::move(sandboxes.warm);
  runtime_ = std::make_unique<CommandRuntime>(CommandRuntime::Deps{.loop = *loop_,
                                                                   .clock = deps_.clock,
                                                                   .log = log_,
                                                                   .launcher = *launcher_,
                                                                   .groups = *groups_,
                                                                   .metrics = metrics_,
                                                                   .ids = ids_.get(),
                                                                   .uploads = uploads_.get()},
                                              std::move(options));
  return {};
}

Result<> AgentHost::Impl::prepare_groups() {
  HEARTH_ASSIGN(ProbedDriver probed, probe_cgroup_driver({.cgroup_root = options_.cgroup_root,
                                                          .instance = info_.instance,
                                                          .force_none = options_.no_cgroups}));
  groups_ = std::move(probed.driver);
  info_.enforcement = groups_->enforcement();
  if (!probed.why_not.empty()) {
    const bool none = info_.enforcement == Enforcement::None;
    log_.log(none ? LogLevel::Warn : LogLevel::Info,
             none ? "no limits are enforced" : "limits are enforced, not by cgroup v2",
             {{"enforcement", to_string(info_.enforcement)}, {"why", probed.why_not}});
  }
  HEARTH_ASSIGN(const int swept, groups_->sweep());
  if (swept > 0) {
    log_.warn("ended what an earlier agent of this data directory left running",
              {{"groups", swept}});
  }
  return {};
}

Result<> AgentHost::Impl::prepare_telemetry() {
  HEARTH_ASSIGN(auto sources, system_gpu_sources(deps_.clock, options_.gpus));
  gpus_ = std::make_unique<GpuProbe>(deps_.clock, std::move(sources), GpuProbeOptions{});
  Collector::Options options;
  options.machine.data_dir = data_.path();
  options.machine.cpu_milli = info_.capacity.cpu_milli;
  collector_ = std::make_unique<Collector>(
      Collector::Deps{.clock = deps_.clock, .gpus = gpus_.get()}, std::move(options));
  HEARTH_ASSIGN(
      telemetry_,
      TelemetryPump::create({*loop_, deps_.clock, log_, *collector_, *link_, telemetry_metrics_},
                            {.history = {.bytes_max = options_.telemetry_bytes_max}}));
  return {};
}

Result<> AgentHost::Impl::run() {
  HEARTH_ASSIGN(LinkCredential credential, choose_credential(data_.path(), options_.token));
  link_ = deps_.make_link({*loop_, log_, usage_, spool_}, {.controller = options_.controller,
                                                           .tls = options_.tls,
                                                           .seed = random_u64(),
                                                           .credential = std::move(credential)});
  uploads_->use(*link_);
  HEARTH_TRY(prepare_telemetry());
  shell_ = std::make_unique<AgentShell>(
      AgentShell::Deps{*loop_, deps_.clock, log_, *runtime_, spool_, *link_, *telemetry_, metrics_},
      info_,
      AgentShell::Events{.on_ready =
                             [this] {
                               if (deps_.on_ready) {
                                 deps_.on_ready(info_);
                               }
                             },
                         .on_refused =
                             [this](const Error& error) {
                               outcome_ = error;
                               loop_->stop();
                             },
                         .on_drained = [this] { loop_->stop(); }});
  telemetry_->start();
  shell_->start();
  runtime_->start_slots();
  loop_->run();
  link_->close();
  return outcome_;
}

void AgentHost::Impl::append_metrics(std::string& text) {
  agent::append_metrics(metrics_, text);
  MetricsText out(text);
  out.gauge("hearth_agent_loop_posted", "Calls that wait for the agent's loop.", loop_->posted());
  out.gauge("hearth_agent_file_tasks_waiting", "Folders of ended attempts that wait for removal.",
            runtime_->files_waiting());
  upload_metrics_.write(out);
  telemetry_metrics_.write(out);
}

void AgentHost::Impl::request_drain() {
  (void)loop_->post([this] { drain(); });
}

void AgentHost::Impl::drain() {
  if (!std::exchange(draining_, true)) {
    log_.info("draining: no more work is taken",
              {{"deadline_ms", options_.drain_deadline.count()}});
    shell_->begin_drain(options_.drain_deadline);
    return;
  }
  outcome_ = Error{.code = ErrorCode::Cancelled,
                   .message = "ended at once, as asked twice; running jobs were killed"};
  loop_->stop();
}

// The launcher's end takes every group with it; what is left of the groups is swept then.
AgentHost::Impl::~Impl() {
  shell_.reset();
  telemetry_.reset();
  link_.reset();
  runtime_.reset();
  launcher_.reset();
  if (groups_) {
    if (const Result<int> swept = groups_->sweep(); !swept) {
      log_.warn("could not remove all groups", {{"why", swept.error().message}});
    }
  }
}

Result<std::unique_ptr<AgentHost>> AgentHost::create(AgentOptions options, AgentHostDeps deps) {
  HEARTH_ASSIGN(DataDir data, DataDir::open(options.data_dir));
  HEARTH_ASSIGN(AgentInfo info, describe(options, data.instance()));
  auto impl =
      std::make_unique<Impl>(std::move(options), std::move(deps), std::move(data), std::move(info));
  HEARTH_TRY(impl->prepare());
  return std::unique_ptr<AgentHost>(new AgentHost(std::move(impl)));
}

AgentHost::AgentHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentHost::~AgentHost() = default;

const AgentInfo& AgentHost::info() const {
  return impl_->info();
}

void AgentHost::append_metrics(std::string& text) {
  impl_->append_metrics(text);
}

Result<> AgentHost::run() {
  return impl_->run();
}

void AgentHost::request_drain() {
  impl_->request_drain();
}

}  // namespace hearth::agent
