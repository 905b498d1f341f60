// Durable transitions a second by how many share a commit, beside what the disk does alone: a
// store that writes one row at a time cannot pass the rate of BM_WriteAndSync.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "base/testing/temp_dir.h"
#include "base/unique_fd.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/change_builder.h"

namespace hearth::store {
namespace {

// Waves of jobs, each through submit (2 transitions), assign, start and end with its output: what a
// busy controller appends.
class Workload {
 public:
  void step(testing::ChangeBuilder& build) {
    static constexpr std::size_t kWave = 512;
    const std::size_t index = next_ % kWave;
    switch (next_ / kWave % 4) {
      case 0:
        wave_.resize(kWave);
        wave_[index] = build.submit({.name = "bench", .spec = std::string(400, 's')});
        break;
      case 1:
        build.assign(wave_[index]);
        break;
      case 2:
        build.start(wave_[index]);
        break;
      default:
        build.output(wave_[index], StreamKind::Stdout, "hello\n");
        build.output(wave_[index], StreamKind::Stderr, "");
        build.end(wave_[index]);
        ++ended_;
    }
    ++next_;
  }
  [[nodiscard]] std::int64_t ended() const { return ended_; }

 private:
  std::vector<JobId> wave_;
  std::size_t next_ = 0;
  std::int64_t ended_ = 0;
};

void BM_SqliteAppend(benchmark::State& state) {
  const hearth::testing::TempDir directory;
  auto store = open_sqlite_store({.directory = directory.path()});
  HEARTH_CHECK(store && (*store)->recover(), "open the store");
  testing::ChangeBuilder build;
  Workload workload;
  std::int64_t transitions = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      workload.step(build);
    }
    const ChangeSet changes = build.take();
    transitions += static_cast<std::int64_t>(changes.events.size());
    state.ResumeTiming();
    const AppendOutcome outcome = (*store)->append({&changes});
    HEARTH_CHECK(outcome.status == AppendStatus::Durable, outcome.error.message);
  }
  state.SetItemsProcessed(transitions);
  state.counters["jobs"] =
      benchmark::Counter(static_cast<double>(workload.ended()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_SqliteAppend)->Arg(1)->Arg(8)->Arg(32)->Arg(128)->Arg(512)->UseRealTime();

// The look-up that precedes a keyed batch, on the core's thread: 10,000 keys of which every second
// is known, among 200,000 others.
void BM_SqliteFindKeys(benchmark::State& state) {
  constexpr int kStored = 200'000;
  constexpr int kPerAppend = 10'000;
  const hearth::testing::TempDir directory;
  auto store = open_sqlite_store({.directory = directory.path()});
  HEARTH_CHECK(store && (*store)->recover(), "open the store");
  testing::ChangeBuilder build;
  for (int i = 1; i <= kStored; ++i) {
    build.submit({.idempotency_key = "stored-key-of-a-user-" + std::to_string(i), .spec = "s"});
    if (i % kPerAppend == 0) {
      const ChangeSet changes = build.take();
      HEARTH_CHECK((*store)->append({&changes}).status == AppendStatus::Durable, "append");
    }
  }
  auto reader = (*store)->reader();
  HEARTH_CHECK(reader.has_value(), "open a reader");
  std::vector<std::string> keys;
  for (int i = 0; i < state.range(0); ++i) {
    const std::string known = i % 2 == 0 ? "" : "-not";
    keys.push_back("stored-key-of-a-user-" + std::to_string(i * 17 + 1) + known);
  }
  for (auto _ : state) {
    const auto found = (*reader)->find_idempotency_keys(keys);
    HEARTH_CHECK(found && !found->empty(), "find the keys");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SqliteFindKeys)->Arg(10'000)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_WriteAndSync(benchmark::State& state) {
  const hearth::testing::TempDir directory;
  const UniqueFd file(::open(directory.file("f").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  const std::string page(8192, 'x');
  for (auto _ : state) {
    HEARTH_CHECK(::write(file.get(), page.data(), page.size()) > 0, "write");
    HEARTH_CHECK(::fdatasync(file.get()) == 0, "sync");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_WriteAndSync)->UseRealTime();

// A million queued jobs, as a controller finds them after a restart.
void BM_SqliteRecover(benchmark::State& state) {
  const hearth::testing::TempDir directory;
  testing::ChangeBuilder build;
  for (auto _ : state) {
    state.PauseTiming();
    auto store = open_sqlite_store({.directory = directory.path()});
    HEARTH_CHECK(store, "open the store");
    if (build.last_seq().empty()) {
      HEARTH_CHECK((*store)->recover(), "recover nothing");
      for (std::int64_t i = 0; i < state.range(0); ++i) {
        build.submit({.spec = std::string(300, 's')});
        if (i % 1'000 == 999) {
          const ChangeSet changes = build.take();
          HEARTH_CHECK((*store)->append({&changes}).status == AppendStatus::Durable, "append");
        }
      }
    }
    state.ResumeTiming();
    const auto recovery = (*store)->recover();
    HEARTH_CHECK(recovery && recovery->jobs.size() == static_cast<std::size_t>(state.range(0)),
                 "recover all");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SqliteRecover)->Arg(100'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hearth::store
