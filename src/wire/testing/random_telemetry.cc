#include <optional>

#include "wire/testing/random_model.h"

namespace hearth::wire::testing {

std::optional<std::int64_t> RandomModel::maybe_amount() {
  return coin() ? std::optional(amount()) : std::nullopt;
}

std::optional<double> RandomModel::maybe_share() {
  constexpr std::int64_t kMax = 10'000'000;
  return coin() ? std::optional(static_cast<double>(number(0, kMax)) / 100) : std::nullopt;
}

PressureSample RandomModel::pressure() {
  return {.cpu = maybe_share(), .memory = maybe_share(), .io = maybe_share()};
}

WorkerReport RandomModel::worker_report(std::int64_t number_of) {
  WorkerReport report;
  report.info.id = WorkerId("w-" + std::to_string(number_of));
  report.info.runtime = coin() ? "command" : "inference";
  report.info.key = bytes(20);
  report.info.state = static_cast<WorkerState>(number(0, kWorkerStateCount - 1));
  for (std::int64_t jobs = number(0, 3); jobs > 0; --jobs) {
    report.info.jobs.emplace_back(engine_());
  }
  WorkerSample& sample = report.sample;
  if (coin()) {
    sample.pid = static_cast<std::int32_t>(number(1, 4'000'000));
    sample.uptime = Duration(number(0, 1'000'000'000));
    sample.model = bytes(30);
  }
  sample.cpu_percent = maybe_share();
  sample.cpu_ms = maybe_amount();
  sample.memory_bytes = maybe_amount();
  sample.memory_peak_bytes = maybe_amount();
  sample.memory_anon_bytes = maybe_amount();
  sample.memory_file_bytes = maybe_amount();
  sample.io_read_bytes_per_sec = maybe_amount();
  sample.io_write_bytes_per_sec = maybe_amount();
  sample.pids = maybe_amount();
  sample.throttled_percent = maybe_share();
  sample.oom_kills = maybe_amount();
  sample.pressure = pressure();
  for (std::int64_t gpus = number(0, 2); gpus > 0; --gpus) {
    sample.gpus.push_back({.index = static_cast<std::int32_t>(number(0, 15)),
                           .util_percent = maybe_share(),
                           .memory_bytes = maybe_amount(),
                           .stale = coin()});
  }
  return report;
}

MachineSample RandomModel::machine_sample() {
  MachineSample sample{.cpu_percent = maybe_share(),
                       .cpu_milli = maybe_amount(),
                       .load_1m = maybe_share(),
                       .load_5m = maybe_share(),
                       .load_15m = maybe_share(),
                       .memory_total_bytes = maybe_amount(),
                       .memory_used_bytes = maybe_amount(),
                       .memory_available_bytes = maybe_amount(),
                       .disk_total_bytes = maybe_amount(),
                       .disk_free_bytes = maybe_amount(),
                       .disk_read_bytes_per_sec = maybe_amount(),
                       .disk_write_bytes_per_sec = maybe_amount(),
                       .net_rx_bytes_per_sec = maybe_amount(),
                       .net_tx_bytes_per_sec = maybe_amount(),
                       .pressure = pressure(),
                       .gpus = {},
                       .gpu_problem = bytes(20)};
  for (std::int64_t gpus = number(0, 2); gpus > 0; --gpus) {
    sample.gpus.push_back(
        {.index = static_cast<std::int32_t>(number(0, 15)),
         .name = bytes(10),
         .util_percent = maybe_share(),
         .memory_used_bytes = maybe_amount(),
         .memory_total_bytes = maybe_amount(),
         .temperature_celsius =
             coin() ? std::optional(static_cast<double>(number(0, 100)) / 2) : std::nullopt,
         .stale_since = maybe_time()});
  }
  return sample;
}

TelemetryReport RandomModel::telemetry_report() {
  TelemetryReport report;
  report.whole = coin();
  for (std::int64_t workers = number(0, 5); workers > 0; --workers) {
    report.workers.push_back(worker_report(workers));
  }
  for (std::int64_t gone = number(0, 3); gone > 0; --gone) {
    report.gone.emplace_back("gone_" + std::to_string(gone));
  }
  if (coin()) {
    report.machine = machine_sample();
  }
  return report;
}

}  // namespace hearth::wire::testing
