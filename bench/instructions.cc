// One deterministic piece of work, for counting its instructions: bench/instructions.py runs this
// under callgrind, which counts inside of hearth_measured only.
//
//   hearth_instructions NAME    does NAME and prints how many operations that was
//   hearth_instructions         lists the names
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/testing/temp_dir.h"
#include "core/controller.h"
#include "sched/scheduler.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/change_builder.h"
#include "wire/job_codec.h"

// By this name callgrind knows where to count: neither inlined nor cloned.
extern "C" __attribute__((noipa)) void hearth_measured(const std::function<void()>& work) {
  work();
  asm volatile("" ::: "memory");  // no tail call: callgrind would see the function end before it
}

namespace hearth {
namespace {

constexpr std::int64_t kMib = 1'024 * 1'024;
constexpr int kClasses = 20;

// Everything before `work` is set-up.
struct Piece {
  std::string_view name;
  std::int64_t (*run)();  // operations
};

AgentInfo agent_info(int number) {
  AgentInfo info;
  info.id = AgentId("agent-" + std::to_string(number));
  info.instance = "instance-" + std::to_string(number);
  info.incarnation = "incarnation-" + std::to_string(number);
  info.hostname = "host";
  info.capacity = {.cpu_milli = 16'000, .memory_bytes = 64 * 1'024 * kMib, .gpus = 0, .named = {}};
  return info;
}

SchedulingSpec class_spec(int number) {
  SchedulingSpec spec;
  spec.request.cpu_milli = 500 + 50 * number;
  spec.request.memory_bytes = (256 + 64 * (number % 7)) * kMib;
  spec.priority = number % 3;
  return spec;
}

// A job of each kind through the core: submitted, placed, started, ended, forgotten.
std::int64_t decide_apply() {
  constexpr int kAgents = 100;
  constexpr int kJobs = 1'000;
  constexpr int kRounds = 3;
  core::Controller controller{core::Options{}};
  TimePoint now = time_from_ms(1'700'000'000'000);
  core::Decision setup;
  for (int i = 0; i < kAgents; ++i) {
    controller.decide(core::AgentHello{static_cast<std::uint64_t>(i) + 1, agent_info(i), {}}, now,
                      setup);
  }
  AttemptResult result;
  result.state = JobState::Completed;
  result.exit_code = 0;
  std::int64_t ended = 0;
  const auto round = [&] {
    now += Duration(10);
    core::Submit submit;
    for (int i = 0; i < kJobs; ++i) {
      submit.items.emplace_back();
      submit.items.back().spec = class_spec(i % kClasses);
    }
    core::Decision decision;
    controller.decide(submit, now, decision);
    controller.schedule(now, decision);
    core::Decision reports;
    std::vector<JobId> gone;
    for (const core::Effect& effect : decision.effects) {
      if (const auto* assign = std::get_if<core::AssignAttempt>(&effect)) {
        controller.decide(core::AttemptStarted{assign->link, assign->agent, assign->key}, now,
                          reports);
        controller.decide(
            core::AttemptFinished{assign->link, assign->agent, assign->key, result, {}}, now,
            reports);
        gone.push_back(assign->key.job);
      }
    }
    controller.forget_ended(gone);
    ended += static_cast<std::int64_t>(gone.size());
  };
  round();  // classes, tables and lanes are made once
  ended = 0;
  hearth_measured([&] {
    for (int i = 0; i < kRounds; ++i) {
      round();
    }
  });
  HEARTH_CHECK(ended == std::int64_t{kJobs} * kRounds, "every job must have been placed");
  return ended;
}

// The scheduler alone over a full fleet: places get free and are filled again.
std::int64_t placement() {
  constexpr int kAgents = 200;
  constexpr int kTurns = 20;
  constexpr std::size_t kFreed = 100;
  sched::Scheduler scheduler{std::chrono::hours(1'000)};
  std::vector<sched::ClassId> classes;
  for (int i = 0; i < kAgents; ++i) {
    scheduler.add_agent(agent_info(i), true);
  }
  for (int i = 0; i < kClasses; ++i) {
    classes.push_back(scheduler.acquire(sched::class_key_of(class_spec(i)), 0));
  }
  TimePoint now{};
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    now += Duration(1);
    scheduler.enqueue(classes[i * 7 % classes.size()], JobId(i), now, 0);
  }
  std::deque<std::pair<sched::ClassId, sched::AgentSlot>> running;
  std::int64_t placed = 0;
  const auto place = [&] {
    while (const auto placement = scheduler.next()) {
      const sched::ClassId id = scheduler.queue().at(placement->node).class_id;
      scheduler.dequeue(placement->node);
      scheduler.reserve(id, placement->agent, now);
      running.emplace_back(id, placement->agent);
      ++placed;
    }
  };
  place();
  placed = 0;
  hearth_measured([&] {
    for (int turn = 0; turn < kTurns; ++turn) {
      for (std::size_t i = 0; i < kFreed; ++i) {
        std::swap(running.front(), running[(i * 7'919) % running.size()]);
        scheduler.release(running.front().first, running.front().second);
        running.pop_front();
      }
      place();
    }
  });
  HEARTH_CHECK(placed > 0, "places that got free must have been filled");
  return placed;
}

std::vector<JobSpec> codec_specs() {
  std::vector<JobSpec> specs(3);
  specs[0].execution.command = {"/bin/true"};
  specs[1].name = "nightly-report";
  specs[1].labels = {{"team", "data"}, {"env", "production"}};
  specs[1].scheduling = class_spec(3);
  specs[1].execution.command = {"python3", "-m", "report", "--day", "2026-11-22"};
  specs[1].execution.env = {{"REGION", "eu-central"}, {"LOG_LEVEL", "info"}};
  specs[2] = specs[1];
  specs[2].scheduling.requires_labels = {{"ssd", "yes"}, {"zone", "b"}};
  specs[2].scheduling.request.named = {{"licence", 2}};
  specs[2].scheduling.group = "reports";
  specs[2].scheduling.group_limit = 4;
  specs[2].scheduling.retry_on.exit_codes = {1, 2, 75};
  specs[2].scheduling.after = {{.job = JobId(1'234'567), .condition = DependencyCondition::Any}};
  specs[2].execution.stdin_bytes = std::string(2'000, 'i');
  specs[2].idempotency_key = "report-2026-11-22";
  return specs;
}

// A job's row, its spec and its attempt, to bytes and back.
std::int64_t job_codec() {
  constexpr int kTimes = 200;
  const std::vector<JobSpec> specs = codec_specs();
  const TimePoint now = time_from_ms(1'700'000'000'000);
  JobRecord record{.id = JobId(77),
                   .state = JobState::Completed,
                   .exit_code = 0,
                   .attempt = 1,
                   .epoch = 9,
                   .agent = AgentId("agent-12"),
                   .created_at = now};
  record.queued_at = record.assigned_at = record.started_at = record.completed_at = now;
  Attempt attempt{.number = 1, .agent = record.agent, .epoch = 9, .state = JobState::Completed};
  attempt.started_at = attempt.ended_at = now;
  attempt.result.exit_code = 0;
  attempt.result.stdout_bytes = 1'234;
  std::int64_t done = 0;
  const auto once = [&] {
    for (const JobSpec& spec : specs) {
      const auto spec_again = wire::decode_job_spec(wire::encode_job_spec(spec));
      const auto record_again = wire::decode_job_record(wire::encode_job_record(record));
      const auto attempt_again = wire::decode_attempt(wire::encode_attempt(attempt));
      HEARTH_CHECK(spec_again && record_again && attempt_again && *record_again == record,
                   "what was encoded must come back");
      ++done;
    }
  };
  once();
  done = 0;
  hearth_measured([&] {
    for (int i = 0; i < kTimes; ++i) {
      once();
    }
  });
  return done;
}

// Jobs from submission to their end, with output, in batches of one wave's transitions.
std::int64_t store_batch() {
  constexpr int kWave = 64;
  constexpr int kWaves = 4;
  const testing::TempDir directory;
  auto store = store::open_sqlite_store({.directory = directory.path()});
  HEARTH_CHECK(store && (*store)->recover(), "open the store");
  store::testing::ChangeBuilder build;
  std::vector<ChangeSet> batches;
  for (int wave = 0; wave <= kWaves; ++wave) {
    std::vector<JobId> jobs;
    for (int i = 0; i < kWave; ++i) {
      jobs.push_back(build.submit({.name = "bench", .spec = std::string(400, 's')}));
    }
    batches.push_back(build.take());
    for (const JobId job : jobs) {
      build.assign(job);
    }
    batches.push_back(build.take());
    for (const JobId job : jobs) {
      build.start(job);
    }
    batches.push_back(build.take());
    for (const JobId job : jobs) {
      build.output(job, StreamKind::Stdout, "hello\n");
      build.output(job, StreamKind::Stderr, "");
      build.end(job);
    }
    batches.push_back(build.take());
  }
  std::int64_t events = 0;
  const auto append = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      HEARTH_CHECK((*store)->append({&batches[i]}).status == store::AppendStatus::Durable,
                   "append");
      events += static_cast<std::int64_t>(batches[i].events.size());
    }
  };
  append(0, 4);
  events = 0;
  hearth_measured([&] { append(4, batches.size()); });
  return events;
}

constexpr Piece kPieces[] = {{"decide_apply", decide_apply},
                             {"placement", placement},
                             {"job_codec", job_codec},
                             {"store_batch", store_batch}};

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  for (const hearth::Piece& piece : hearth::kPieces) {
    if (argc < 2) {
      std::printf("%s\n", std::string(piece.name).c_str());
    } else if (piece.name == argv[1]) {
      std::printf("%lld\n", static_cast<long long>(piece.run()));
      return 0;
    }
  }
  return argc < 2 ? 0 : 2;
}
