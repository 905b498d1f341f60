// What a simulated job asks for and how its processes will behave: fixed when the job is planned,
// so that the checker knows what must come out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/agent.h"
#include "model/job_spec.h"
#include "random.h"

namespace hearth::sim {

enum class RunEnd : std::uint8_t { Exit, Signal, Oom, SpawnFailure, OutputFlood, Forever };

// One attempt's process, left alone.
struct RunPlan {
  Duration spawn{};
  Duration runs{};
  RunEnd end = RunEnd::Exit;
  std::int32_t code = 0;  // exit code or signal
  bool ignores_term = false;
  bool exits_zero_on_term = false;
  std::int64_t kills_needed = 1;
};

struct JobPlan {
  SchedulingSpec scheduling;
  Duration timeout{};
  Duration grace{};
  bool kill_on_output_limit = false;
  // No agent will ever fit it: somebody has to cancel it.
  bool hopeless = false;
  std::uint64_t behaviour = 0;  // seed of its runs
  double failure_share = 0;
  std::int64_t run_ms_max = 5'000;
  // Of runs that never end by themselves and of spawns that take seconds.
  double hang_share = 0.03;
};

// The same for the same plan and attempt number, however often it is asked.
RunPlan run_plan(const JobPlan& plan, std::uint32_t attempt);

// `agents` are those a job may be planned for; it fits at least one of them.
JobPlan draw_plan(Random& random, const std::vector<AgentInfo>& agents, TimePoint now);

AgentInfo draw_agent(Random& random, std::size_t index);

// The cap of a simulated group, the same for all its jobs.
std::int64_t group_limit_of(const std::string& group);

}  // namespace hearth::sim
