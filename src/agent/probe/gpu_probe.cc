#include "agent/probe/gpu_probe.h"

#include <algorithm>
#include <utility>

#include "agent/probe/nvml_source.h"
#include "agent/probe/smi_source.h"
#include "base/mutex.h"
#include "base/thread_annotations.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kMsPerSecond = 1'000;
constexpr Duration kStopPatience{3'000};

// The first answer; else why there is none, which an error tells better than that there is no
// driver.
Result<GpuReading> ask(const std::vector<std::unique_ptr<GpuSource>>& sources) {
  Error failed = not_found("no GPU");
  for (const auto& source : sources) {
    auto reading = source->read();
    if (reading) {
      return reading;
    }
    if (reading.error().code != ErrorCode::NotFound || failed.code == ErrorCode::NotFound) {
      failed = std::move(reading).error();
    }
  }
  return failed;
}

}  // namespace

struct GpuProbe::State {
  State(Clock& own_clock, std::vector<std::unique_ptr<GpuSource>> own_sources,
        GpuProbeOptions own_options)
      : clock(own_clock), options(own_options), sources(std::move(own_sources)) {}

  // False when it is time to stop.
  bool begin_asking() HEARTH_EXCLUDES(mutex);
  // Returns when it is time to ask again.
  void finish_asking(Result<GpuReading> answer, Duration wait) HEARTH_EXCLUDES(mutex);
  void publish(Result<GpuReading> answer) HEARTH_REQUIRES(mutex);
  void say_stopped() HEARTH_EXCLUDES(mutex);

  Clock& clock;
  const GpuProbeOptions options;
  const std::vector<std::unique_ptr<GpuSource>> sources;

  Mutex mutex;
  Condition wake;
  Condition done;
  bool is_stopping HEARTH_GUARDED_BY(mutex) = false;
  bool has_stopped HEARTH_GUARDED_BY(mutex) = false;
  std::shared_ptr<const GpuReading> reading HEARTH_GUARDED_BY(mutex);
  TimePoint read_at HEARTH_GUARDED_BY(mutex){};
  bool is_stale HEARTH_GUARDED_BY(mutex) = false;
  std::string problem HEARTH_GUARDED_BY(mutex);
  std::optional<std::int64_t> asked_ns HEARTH_GUARDED_BY(mutex);  // while an answer is awaited
};

bool GpuProbe::State::begin_asking() {
  const MutexLock lock(mutex);
  if (is_stopping) {
    return false;
  }
  asked_ns = clock.monotonic_ns();
  return true;
}

void GpuProbe::State::finish_asking(Result<GpuReading> answer, Duration wait) {
  const MutexLock lock(mutex);
  if (is_stopping) {
    return;
  }
  publish(std::move(answer));
  const std::int64_t until_ns = SystemClock().monotonic_ns() + wait.count() * kNsPerMs;
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(until_ns)};
  while (!is_stopping && SystemClock().monotonic_ns() < until_ns) {
    wake.wait_until(mutex, until);
  }
}

void GpuProbe::State::say_stopped() {
  const MutexLock lock(mutex);
  has_stopped = true;
  done.notify_all();
}

void GpuProbe::State::publish(Result<GpuReading> answer) {
  asked_ns.reset();
  if (answer) {
    problem = answer->problem;
    reading = std::make_shared<const GpuReading>(std::move(*answer));
    read_at = clock.now();
    is_stale = false;
    return;
  }
  is_stale = true;
  // That there is none is worth a word only where there was one.
  const bool is_plain = answer.error().code == ErrorCode::NotFound && reading == nullptr;
  problem = is_plain ? "" : answer.error().message;
}

GpuProbe::GpuProbe(Clock& clock, std::vector<std::unique_ptr<GpuSource>> sources,
                   GpuProbeOptions options)
    : state_(std::make_shared<State>(clock, std::move(sources), options)),
      thread_([state = state_] { serve(state); }) {}

GpuProbe::~GpuProbe() {
  for (const auto& source : state_->sources) {
    source->cancel();
  }
  bool has_stopped = false;
  {
    const MutexLock lock(state_->mutex);
    state_->is_stopping = true;
    state_->wake.notify_all();
    const auto until = std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(SystemClock().monotonic_ns()) + kStopPatience);
    while (!state_->has_stopped &&
           SystemClock().monotonic_ns() < until.time_since_epoch().count()) {
      state_->done.wait_until(state_->mutex, until);
    }
    has_stopped = state_->has_stopped;
  }
  if (has_stopped) {
    thread_.join();
  } else {
    thread_.detach();  // it hangs within the driver; what it uses is its own
  }
}

void GpuProbe::serve(const std::shared_ptr<State>& state) {
  const GpuProbeOptions& options = state->options;
  Duration wait = options.interval;
  while (state->begin_asking()) {
    Result<GpuReading> answer = ask(state->sources);
    wait = answer ? options.interval : std::min(wait * 2, options.interval_max);
    state->finish_asking(std::move(answer), wait);
  }
  state->say_stopped();
}

GpuSnapshot GpuProbe::latest() const {
  const MutexLock lock(state_->mutex);
  GpuSnapshot snapshot{.reading = state_->reading, .stale_since = {}, .problem = state_->problem};
  bool is_stale = state_->is_stale;
  if (state_->asked_ns) {
    const std::int64_t waiting_ms = (state_->clock.monotonic_ns() - *state_->asked_ns) / kNsPerMs;
    if (waiting_ms > state_->options.deadline.count()) {
      is_stale = true;
      snapshot.problem =
          "the GPU driver has not answered for " + std::to_string(waiting_ms / kMsPerSecond) + " s";
    }
  }
  if (is_stale && snapshot.reading) {
    snapshot.stale_since = state_->read_at;
  }
  return snapshot;
}

Result<std::vector<std::unique_ptr<GpuSource>>> system_gpu_sources(
    Clock& clock, const GpuSourceOptions& options) {
  std::vector<std::unique_ptr<GpuSource>> sources;
  sources.push_back(std::make_unique<NvmlSource>(
      options.nvml_library.empty() ? kNvmlLibrary : options.nvml_library));
  HEARTH_ASSIGN(auto smi, SmiSource::create(clock, options.smi_command, options.smi_deadline));
  sources.push_back(std::move(smi));
  return sources;
}

}  // namespace hearth::agent
