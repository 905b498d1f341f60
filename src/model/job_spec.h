// What a client asks for: the body of POST /v1/jobs as a value, defaults filled in (spec §4).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/time.h"
#include "model/ids.h"
#include "model/job_state.h"
#include "model/resources.h"

namespace hearth {

using Labels = std::map<std::string, std::string>;

enum class DependencyCondition : std::uint8_t { Ok, Any, NotOk };
std::string_view to_string(DependencyCondition condition);

// Names of features (SchedulingSpec::features).
std::string lang_feature(std::string_view language);
std::string image_feature(std::string_view image);

struct Dependency {
  JobId job;
  DependencyCondition condition = DependencyCondition::Ok;
  friend bool operator==(const Dependency&, const Dependency&) = default;
};

struct Backoff {
  Duration initial{1'000};
  double factor = 2.0;
  Duration max{60'000};
  friend bool operator==(const Backoff&, const Backoff&) = default;
};

// Empty lists: retry on every failure of the job's own.
struct RetryOn {
  std::vector<std::int32_t> exit_codes;
  std::vector<Reason> reasons;
  friend bool operator==(const RetryOn&, const RetryOn&) = default;
};

enum class OnInfeasible : std::uint8_t { Wait, Reject };
enum class OnOutputLimit : std::uint8_t { Truncate, Kill };
enum class SandboxLevel : std::uint8_t { None, Process, Image };
std::string_view to_string(SandboxLevel level);
std::string_view to_string(OnInfeasible choice);
std::string_view to_string(OnOutputLimit choice);

// The part that the scheduler needs; the core keeps it (interned by class) for every live job.
struct SchedulingSpec {
  std::string queue = "default";
  ResourceVector request{.cpu_milli = limits::kCpuMilliDefault,
                         .memory_bytes = limits::kMemoryBytesDefault,
                         .gpus = 0,
                         .named = {}};
  Labels requires_labels;
  SandboxLevel sandbox = SandboxLevel::None;
  // What an agent must offer by name: see lang_feature, image_feature.
  std::vector<std::string> features;
  std::int32_t priority = 0;
  std::string group;
  std::int64_t group_limit = 0;  // 0: no cap
  std::int64_t max_retries = 0;
  std::int64_t max_lost = limits::kMaxLostDefault;
  Backoff backoff;
  RetryOn retry_on;
  std::vector<Dependency> after;
  std::optional<TimePoint> not_before;
  std::optional<Duration> max_queue;
  OnInfeasible on_infeasible = OnInfeasible::Wait;

  friend bool operator==(const SchedulingSpec&, const SchedulingSpec&) = default;
};

// A snippet for an interpreter of the agent's, found by its language's name.
struct ScriptSpec {
  std::string language;  // [a-z0-9+#_.-]+
  std::string code;      // bytes, NUL allowed
  std::vector<std::string> args;

  friend bool operator==(const ScriptSpec&, const ScriptSpec&) = default;
};

// What an agent needs to run it, beside the request.
struct ExecutionSpec {
  std::vector<std::string> command;  // empty exactly when there is a script; no element holds NUL
  std::optional<ScriptSpec> script;
  std::string image;                 // of sandbox level image: its name on the agent
  std::string upload;                // id of an upload whose files are in the working directory
  std::vector<std::string> results;  // paths below the working directory, kept after the end
  std::map<std::string, std::string> env;
  std::map<std::string, std::string> secret_env;  // kept until the end, never shown or logged
  bool has_secrets = false;                       // of a stored spec: there was a secret_env
  std::string cwd;                                // empty: the attempt's own directory
  std::string stdin_bytes;
  std::int64_t cpu_limit_milli = limits::kCpuLimitMilliDefault;
  Duration timeout = limits::kTimeoutDefault;
  Duration grace = limits::kGraceDefault;
  OnOutputLimit on_output_limit = OnOutputLimit::Truncate;

  friend bool operator==(const ExecutionSpec&, const ExecutionSpec&) = default;
};

struct JobSpec {
  std::string name;
  std::string prompt;        // of a task: what its submitter was asked for; only shown
  std::string callback_url;  // told of the end by a POST; empty: nobody
  Labels labels;
  SchedulingSpec scheduling;
  ExecutionSpec execution;
  std::string idempotency_key;
  std::optional<std::int64_t> array_index;  // set on each element of an array
  JobId retry_of;                           // empty unless made by retry

  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};

}  // namespace hearth
