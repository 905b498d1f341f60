// One whole agent: its data directory, launcher, cgroups, runtime, core, spool and link, put
// together and run on one loop.
//
// `hearth agent` runs it with a link over gRPC, `hearth up` on a thread of its own with a link to
// the controller beside it. create() starts the launcher's helper process, so it is called before
// other threads are started. Destroying the host, or its process's death in any way, ends every
// job: the helper sees its socket close and kills their groups.
//
// Results of ended attempts are held in memory until the controller acknowledges them. Writing them
// to disk would buy nothing: an agent that restarts has another incarnation, the controller has
// requeued its attempts, and what an old one reports is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/host/capacity.h"
#include "agent/host/output_spool.h"
#include "agent/host/sandboxes.h"
#include "agent/link/grpc_link.h"
#include "agent/probe/gpu_probe.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "base/telemetry_limits.h"
#include "model/agent.h"
#include "tls/context.h"

namespace hearth::agent {

struct AgentOptions {
  std::string controller;               // HOST:PORT, for a link over the network
  std::optional<tls::ClientFiles> tls;  // of that link; none: plain
  std::string token;                    // a join token, another, or none (see credential.h)
  std::string id;                       // empty: default_agent_id()
  std::string type;                     // also the label "type", unless labels has one
  std::string version;
  std::string data_dir;
  Labels labels;
  CapacityWish capacity;
  std::int64_t max_parallel_jobs = limits::kParallelJobsDefault;
  std::string cgroup_root;  // empty: below the agent's own group
  bool no_cgroups = false;
  std::string run_as;  // a user's name; empty: the agent's own
  SandboxOptions sandbox;
  std::string launcher_path;  // of hearth-launcher
  Duration drain_deadline = limits::kDrainDeadlineAgent;
  SpoolLimits spool;
  std::int64_t telemetry_bytes_max = limits::kTelemetryBytesMax;
  GpuSourceOptions gpus;
};

using LinkFactory =
    std::function<std::unique_ptr<ControllerLink>(const GrpcLinkDeps&, GrpcLinkOptions)>;

struct AgentHostDeps {
  Clock& clock;
  Log& log;
  LinkFactory make_link = make_grpc_link;
  // On the loop thread, once: the controller has registered this agent.
  std::function<void(const AgentInfo&)> on_ready = {};
};

// Of the host's name, whose characters an id may not have become '-'.
std::string default_agent_id();

class AgentHost {
 public:
  // InvalidArgument for options that make no sense, FailedPrecondition when the data directory is
  // in use, and what the launcher or the cgroups report.
  static Result<std::unique_ptr<AgentHost>> create(AgentOptions options, AgentHostDeps deps);
  ~AgentHost();
  AgentHost(const AgentHost&) = delete;
  AgentHost& operator=(const AgentHost&) = delete;

  [[nodiscard]] const AgentInfo& info() const;
  // Its figures as Prometheus' text. Any thread.
  void append_metrics(std::string& text);

  // Blocks until drained, ended, or refused: the error is the controller's refusal of the first
  // hello. Once.
  Result<> run();

  // Any thread. The first call drains: no more work is taken, what runs may end until the deadline,
  // results are delivered, then run() returns. The second ends at once: every group is killed.
  void request_drain();

 private:
  class Impl;
  explicit AgentHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::agent
