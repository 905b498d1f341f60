#include "plan.h"

#include <algorithm>

namespace hearth::sim {
namespace {

constexpr std::int64_t kGiB = limits::kGiB;

void draw_failure(RunPlan& run, const JobPlan& plan, Random& random) {
  switch (random.index(plan.kill_on_output_limit ? 6 : 5)) {
    case 0:
    case 1:
      run.code = static_cast<std::int32_t>(random.between(1, 3));
      break;
    case 2:
      run.end = RunEnd::Signal;
      run.code = 11;
      break;
    case 3:
      run.end = RunEnd::Oom;
      run.code = static_cast<std::int32_t>(random.between(0, 1)) * 137;
      break;
    case 4:
      run.end = RunEnd::SpawnFailure;
      break;
    default:
      run.end = RunEnd::OutputFlood;
      break;
  }
}

void draw_request(JobPlan& plan, Random& random, const AgentInfo& fits) {
  ResourceVector& request = plan.scheduling.request;
  request = {};
  const auto part = [&random](std::int64_t whole, std::int64_t unit) {
    const std::int64_t units = std::max<std::int64_t>(whole / unit, 1);
    const bool big = random.chance(0.2);
    return random.between(1, big ? units : std::max<std::int64_t>(units / 3, 1)) * unit;
  };
  request.cpu_milli = part(fits.capacity.cpu_milli, 250);
  request.memory_bytes = part(fits.capacity.memory_bytes, kGiB / 4);
  if (fits.capacity.gpus > 0 && random.chance(0.2)) {
    request.gpus = random.between(1, fits.capacity.gpus);
  }
  if (!fits.capacity.named.empty() && random.chance(0.2)) {
    request.named = {{"disk", random.between(1, fits.capacity.named[0].second)}};
  }
  if (random.chance(0.3)) {
    plan.scheduling.requires_labels = fits.labels;
  }
}

void draw_limits(JobPlan& plan, Random& random, TimePoint now) {
  SchedulingSpec& spec = plan.scheduling;
  if (random.chance(0.3)) {
    spec.priority = static_cast<std::int32_t>(random.between(-2, 2));
  }
  if (random.chance(0.3)) {
    spec.group = "g" + std::to_string(random.between(1, 3));
    spec.group_limit = group_limit_of(spec.group);
  }
  if (random.chance(0.4)) {
    spec.max_retries = random.between(1, 3);
    spec.backoff = {random.duration(10, 2'000), 1.0 + random.unit() * 2, Duration(5'000)};
    if (random.chance(0.3)) {
      spec.retry_on.exit_codes = {1};
      spec.retry_on.reasons = {Reason::Oom, Reason::TimedOut};
    }
  }
  if (random.chance(0.2)) {
    spec.max_lost = random.between(0, 2);
  }
  if (random.chance(0.15)) {
    spec.not_before = now + random.duration(-1'000, 20'000);
  }
  if (random.chance(0.15)) {
    spec.max_queue = random.duration(500, 30'000);
  }
}

}  // namespace

std::int64_t group_limit_of(const std::string& group) {
  return group.empty() ? 0 : group.back() - '0';
}

RunPlan run_plan(const JobPlan& plan, std::uint32_t attempt) {
  Random random(plan.behaviour + attempt);
  RunPlan run;
  run.spawn = random.chance(plan.hang_share) ? random.duration(500, 8'000) : random.duration(0, 20);
  run.runs = random.duration(0, plan.run_ms_max);
  run.ignores_term = random.chance(0.2);
  run.exits_zero_on_term = random.chance(0.2);
  run.kills_needed = random.chance(0.1) ? random.between(2, 4) : 1;
  const double fate = random.unit();
  if (fate < plan.failure_share) {
    draw_failure(run, plan, random);
  } else if (fate >= 1 - plan.hang_share) {
    run.end = RunEnd::Forever;
  }
  return run;
}

JobPlan draw_plan(Random& random, const std::vector<AgentInfo>& agents, TimePoint now) {
  JobPlan plan;
  draw_request(plan, random, random.pick(agents));
  draw_limits(plan, random, now);
  const bool is_long = random.chance(0.2);
  plan.timeout = is_long ? random.duration(30'000, 120'000) : random.duration(500, 20'000);
  plan.grace = random.chance(0.2) ? Duration(0) : random.duration(100, 3'000);
  plan.kill_on_output_limit = random.chance(0.1);
  plan.behaviour = random.next();
  plan.failure_share = random.chance(0.5) ? random.unit() * 0.6 : 0;
  plan.run_ms_max = is_long ? 60'000 : random.between(1, 6'000);
  if (random.chance(0.02)) {
    plan.hopeless = true;
    plan.scheduling.request.cpu_milli = 900'000;
    plan.scheduling.on_infeasible = random.chance(0.5) ? OnInfeasible::Reject : OnInfeasible::Wait;
  }
  return plan;
}

AgentInfo draw_agent(Random& random, std::size_t index) {
  AgentInfo info;
  info.id = AgentId("agent-" + std::to_string(index));
  info.instance = "instance-" + std::to_string(index);
  info.labels = {{"zone", random.chance(0.5) ? "a" : "b"}};
  info.capacity.cpu_milli = random.between(1, 8) * 1'000;
  info.capacity.memory_bytes = random.between(1, 16) * kGiB;
  info.capacity.gpus = random.chance(0.3) ? random.between(1, 2) : 0;
  if (random.chance(0.3)) {
    info.capacity.named = {{"disk", random.between(1, 4)}};
  }
  info.max_parallel_jobs = random.chance(0.2) ? random.between(1, 3) : 256;
  info.enforcement = Enforcement::V2;
  info.sandboxes = {SandboxLevel::None};
  return info;
}

}  // namespace hearth::sim
