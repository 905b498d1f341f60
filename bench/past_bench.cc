// What a long past costs: a store with 1,000,000 finished and 10,000 waiting jobs beside an empty
// one, in one run.
//
//   past_bench FOLDER    made there at the first run, which takes minutes, and kept
//
// Prints the time to open and recover both, finished jobs per second on both in turns, and how long
// one step of retention holds the writer. bench/past.py starts the controller on it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "core/retention.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/change_builder.h"
#include "wire/job_codec.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using testing::ChangeBuilder;

constexpr int kFinishedJobs = 1'000'000;
constexpr int kWaitingJobs = 10'000;
constexpr int kBatchJobs = 100;
constexpr int kBatchesARound = 200;
constexpr int kRounds = 3;

double seconds(const std::function<void()>& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "past_bench: %s\n", why.c_str());
  std::exit(1);
}

std::string spec() {
  JobSpec job;
  job.name = "past";
  job.execution.command = {"/bin/true"};
  return wire::encode_job_spec(job);
}

void append(Store& store, ChangeBuilder& build) {
  const ChangeSet changes = build.take();
  if (const AppendOutcome outcome = store.append({&changes});
      outcome.status != AppendStatus::Durable) {
    give_up(outcome.error.message);
  }
  build.forget_ended();
}

void run_jobs(Store& store, ChangeBuilder& build, int jobs, const std::string& spec) {
  std::vector<JobId> ids;
  for (int i = 0; i < jobs; ++i) {
    ids.push_back(build.submit({.queue = "default", .name = "past", .spec = spec}));
  }
  append(store, build);
  for (const JobId id : ids) {
    build.assign(id);
    build.start(id);
  }
  append(store, build);
  for (const JobId id : ids) {
    build.output(id, StreamKind::Stdout, "one line of output\n");
    build.wrote(id, 19, 0);
    build.end(id);
  }
  append(store, build);
}

// All of it ended within the last twenty hours, so that retention finds nothing to do.
void make_past(const std::string& folder) {
  const std::string making = folder + ".making";
  fs::remove_all(making);
  auto store = open_sqlite_store({.directory = making});
  if (!store || !(*store)->recover()) {
    give_up("make " + making);
  }
  SystemClock clock;
  ChangeBuilder build({}, {}, clock.now() - std::chrono::hours(20));
  const std::string bytes = spec();
  for (int done = 0; done < kFinishedJobs; done += 1'000) {
    run_jobs(**store, build, 1'000, bytes);
  }
  for (int i = 0; i < kWaitingJobs; ++i) {
    build.submit({.queue = "default", .name = "waiting", .spec = bytes});
  }
  append(**store, build);
  store->reset();
  fs::rename(making, folder);
}

struct Opened {
  std::unique_ptr<Store> store;
  ChangeBuilder build;
};

Opened open(const std::string& folder, const char* name) {
  Opened opened;
  Recovery recovery;
  const double took = seconds([&] {
    opened.store = open_sqlite_store({.directory = folder}).value();
    recovery = opened.store->recover().value();
    (void)opened.store->reader().value()->counts().value();
  });
  std::printf("%-6s open, recover, count: %7.1f ms, %zu live jobs\n", name, took * 1e3,
              recovery.jobs.size());
  SystemClock clock;
  opened.build = ChangeBuilder(recovery.last_seq, recovery.last_job_id, clock.now());
  return opened;
}

double jobs_per_second(Opened& on, const std::string& spec) {
  const double took = seconds([&] {
    for (int i = 0; i < kBatchesARound; ++i) {
      run_jobs(*on.store, on.build, kBatchJobs, spec);
    }
  });
  return kBatchesARound * kBatchJobs / took;
}

// Removes what the first rounds added, or as much of the past, in the steps of the program.
void measure_removal(Store& store) {
  auto reader = store.reader().value();
  std::vector<double> steps;
  for (int i = 0; i < 100; ++i) {
    const Past past =
        reader->past(limits::kRetentionStepJobs, limits::kRetentionStepEvents).value();
    const Removal removal{.jobs = past.jobs, .events_through = past.oldest_events.back().seq};
    steps.push_back(seconds([&] { (void)store.remove(removal); }));
  }
  std::sort(steps.begin(), steps.end());
  std::printf("remove %lld jobs and %lld events: median %.1f ms, longest %.1f ms\n",
              static_cast<long long>(limits::kRetentionStepJobs),
              static_cast<long long>(limits::kRetentionStepEvents), steps[50] * 1e3,
              steps.back() * 1e3);
  std::vector<double> pages;
  for (int i = 0; i < 10; ++i) {
    const Removal removal{.jobs = {}, .give_back_pages = limits::kRetentionStepPages};
    pages.push_back(seconds([&] { (void)store.remove(removal); }));
  }
  std::sort(pages.begin(), pages.end());
  std::printf("give back %lld pages: median %.1f ms, longest %.1f ms\n",
              static_cast<long long>(limits::kRetentionStepPages), pages[5] * 1e3,
              pages.back() * 1e3);
}

int measure(const std::string& folder) {
  if (!fs::exists(folder)) {
    std::printf("making %s\n", folder.c_str());
    std::printf("made in %.0f s\n", seconds([&] { make_past(folder); }));
  }
  const std::string copy = folder + ".copy";
  const std::string empty = folder + ".empty";
  fs::remove_all(copy);
  fs::remove_all(empty);
  fs::copy(folder, copy, fs::copy_options::recursive);
  {
    Opened full = open(copy, "full");
    Opened fresh = open(empty, "empty");
    const std::string bytes = spec();
    std::vector<double> ratios;
    for (int round = 0; round < kRounds; ++round) {
      const double on_empty = jobs_per_second(fresh, bytes);
      const double on_full = jobs_per_second(full, bytes);
      ratios.push_back(on_full / on_empty);
      std::printf("whole jobs/s: empty %.0f, full %.0f, ratio %.2f\n", on_empty, on_full,
                  ratios.back());
    }
    std::sort(ratios.begin(), ratios.end());
    std::printf("median ratio %.2f\n", ratios[kRounds / 2]);
    measure_removal(*full.store);
  }
  fs::remove_all(copy);
  fs::remove_all(empty);
  return 0;
}

}  // namespace
}  // namespace hearth::store

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: past_bench FOLDER\n");
    return 2;
  }
  return hearth::store::measure(argv[1]);
}
