#include "wire/telemetry_codec.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "base/telemetry_limits.h"
#include "base/text.h"
#include "wire/proto_convert.h"

namespace hearth::wire {
namespace {

constexpr double kHundredths = 100;
constexpr std::uint64_t kIntegerMax =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::int64_t to_int64(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min(value, kIntegerMax));
}

// Amounts and shares on the wire. What a reader of /proc made of garbage is not sent as a huge one.
std::uint64_t to_wire(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}
std::uint64_t to_wire(double value) {
  constexpr double kMax = 1e15;
  return value > 0 ? static_cast<std::uint64_t>(std::min(value, kMax) * kHundredths + 0.5) : 0;
}
void from_wire(std::uint64_t value, std::optional<std::int64_t>& out) {
  out = to_int64(value);
}
void from_wire(std::uint64_t value, std::optional<double>& out) {
  out = static_cast<double>(value) / kHundredths;
}

// At most 100 years, so that adding to a time never overflows.
Duration ms_of(std::uint64_t value) {
  constexpr std::int64_t kMax = 100 * limits::kQueueTimeMax.count();
  return Duration(std::min(to_int64(value), kMax));
}

std::int32_t to_int32(std::uint64_t value) {
  return static_cast<std::int32_t>(std::min<std::uint64_t>(value, 0x7fff'ffffU));
}

std::string cut(const std::string& text) {
  return cut_text(text, static_cast<std::size_t>(limits::kWorkerTextBytesMax));
}

// One figure of a model and the field that carries it.
template <class Model, class Value, class Message>
struct Figure {
  std::optional<Value> Model::*member;
  bool (Message::*has)() const;
  std::uint64_t (Message::*get)() const;
  void (Message::*set)(std::uint64_t);

  void write(const Model& in, Message& out) const {
    if (const auto& value = in.*member) {
      (out.*set)(to_wire(*value));
    }
  }
  void read(const Message& in, Model& out) const {
    if ((in.*has)()) {
      from_wire((in.*get)(), out.*member);
    }
  }
};

// A row of the tables below: the model's member and the message's field.
#define HEARTH_FIGURE(Model, Message, member, field)                                          \
  Figure {                                                                                    \
    &Model::member, &v1::Message::has_##field, &v1::Message::field, &v1::Message::set_##field \
  }

constexpr std::tuple kPressure{HEARTH_FIGURE(PressureSample, PressureFigures, cpu, cpu),
                               HEARTH_FIGURE(PressureSample, PressureFigures, memory, memory),
                               HEARTH_FIGURE(PressureSample, PressureFigures, io, io)};

constexpr std::tuple kWorkerGpu{HEARTH_FIGURE(WorkerGpu, WorkerGpu, util_percent, util),
                                HEARTH_FIGURE(WorkerGpu, WorkerGpu, memory_bytes, memory_bytes)};

#define HEARTH_WORKER(member, field) HEARTH_FIGURE(WorkerSample, WorkerFigures, member, field)
constexpr std::tuple kWorker{HEARTH_WORKER(cpu_percent, cpu),
                             HEARTH_WORKER(cpu_ms, cpu_ms),
                             HEARTH_WORKER(memory_bytes, memory_bytes),
                             HEARTH_WORKER(memory_peak_bytes, memory_peak_bytes),
                             HEARTH_WORKER(memory_anon_bytes, memory_anon_bytes),
                             HEARTH_WORKER(memory_file_bytes, memory_file_bytes),
                             HEARTH_WORKER(io_read_bytes_per_sec, io_read_bytes_per_sec),
                             HEARTH_WORKER(io_write_bytes_per_sec, io_write_bytes_per_sec),
                             HEARTH_WORKER(pids, pids),
                             HEARTH_WORKER(throttled_percent, throttled),
                             HEARTH_WORKER(oom_kills, oom_kills)};
#undef HEARTH_WORKER

constexpr std::tuple kMachineGpu{
    HEARTH_FIGURE(MachineGpu, MachineGpu, util_percent, util),
    HEARTH_FIGURE(MachineGpu, MachineGpu, memory_used_bytes, memory_used_bytes),
    HEARTH_FIGURE(MachineGpu, MachineGpu, memory_total_bytes, memory_total_bytes)};

#define HEARTH_MACHINE(member, field) HEARTH_FIGURE(MachineSample, MachineFigures, member, field)
constexpr std::tuple kMachine{HEARTH_MACHINE(cpu_percent, cpu),
                              HEARTH_MACHINE(cpu_milli, cpu_milli),
                              HEARTH_MACHINE(load_1m, load_1m),
                              HEARTH_MACHINE(load_5m, load_5m),
                              HEARTH_MACHINE(load_15m, load_15m),
                              HEARTH_MACHINE(memory_total_bytes, memory_total_bytes),
                              HEARTH_MACHINE(memory_used_bytes, memory_used_bytes),
                              HEARTH_MACHINE(memory_available_bytes, memory_available_bytes),
                              HEARTH_MACHINE(disk_total_bytes, disk_total_bytes),
                              HEARTH_MACHINE(disk_free_bytes, disk_free_bytes),
                              HEARTH_MACHINE(disk_read_bytes_per_sec, disk_read_bytes_per_sec),
                              HEARTH_MACHINE(disk_write_bytes_per_sec, disk_write_bytes_per_sec),
                              HEARTH_MACHINE(net_rx_bytes_per_sec, net_rx_bytes_per_sec),
                              HEARTH_MACHINE(net_tx_bytes_per_sec, net_tx_bytes_per_sec)};
#undef HEARTH_MACHINE
#undef HEARTH_FIGURE

template <class Table, class Model, class Message>
void write_figures(const Table& table, const Model& in, Message& out) {
  std::apply([&](const auto&... figure) { (figure.write(in, out), ...); }, table);
}
template <class Table, class Message, class Model>
void read_figures(const Table& table, const Message& in, Model& out) {
  std::apply([&](const auto&... figure) { (figure.read(in, out), ...); }, table);
}

template <class Message>
void write_pressure(const PressureSample& in, Message& out) {
  if (in != PressureSample{}) {
    write_figures(kPressure, in, *out.mutable_pressure());
  }
}

void write(const WorkerSample& in, v1::WorkerFigures& out) {
  if (in.pid) {
    out.set_pid(to_wire(std::int64_t{*in.pid}));
  }
  if (in.uptime) {
    out.set_uptime_ms(to_wire(in.uptime->count()));
  }
  if (in.model) {
    out.set_model(cut(*in.model));
  }
  write_figures(kWorker, in, out);
  write_pressure(in.pressure, out);
  for (const WorkerGpu& gpu : in.gpus) {
    v1::WorkerGpu& entry = *out.add_gpus();
    entry.set_index(static_cast<std::uint32_t>(gpu.index));
    entry.set_stale(gpu.stale);
    write_figures(kWorkerGpu, gpu, entry);
  }
}

Result<WorkerSample> read(const v1::WorkerFigures& in) {
  if (in.gpus_size() > limits::kGpusReportedMax) {
    return bad_field("gpus", std::to_string(in.gpus_size()));
  }
  WorkerSample out;
  if (in.has_pid()) {
    out.pid = to_int32(in.pid());
  }
  if (in.has_uptime_ms()) {
    out.uptime = ms_of(in.uptime_ms());
  }
  if (in.has_model()) {
    out.model = cut(in.model());
  }
  read_figures(kWorker, in, out);
  read_figures(kPressure, in.pressure(), out.pressure);
  for (const v1::WorkerGpu& entry : in.gpus()) {
    WorkerGpu& gpu = out.gpus.emplace_back();
    gpu.index = to_int32(entry.index());
    gpu.stale = entry.stale();
    read_figures(kWorkerGpu, entry, gpu);
  }
  return out;
}

void write(const MachineSample& in, v1::MachineFigures& out) {
  write_figures(kMachine, in, out);
  write_pressure(in.pressure, out);
  out.set_gpu_problem(cut(in.gpu_problem));
  for (const MachineGpu& gpu : in.gpus) {
    v1::MachineGpu& entry = *out.add_gpus();
    entry.set_index(static_cast<std::uint32_t>(gpu.index));
    entry.set_name(cut(gpu.name));
    write_figures(kMachineGpu, gpu, entry);
    if (gpu.temperature_celsius) {
      entry.set_temperature_celsius(*gpu.temperature_celsius);
    }
    if (gpu.stale_since) {
      entry.set_stale_since_ms(to_ms(*gpu.stale_since));
    }
  }
}

Result<MachineSample> read(const v1::MachineFigures& in) {
  if (in.gpus_size() > limits::kGpusReportedMax) {
    return bad_field("gpus", std::to_string(in.gpus_size()));
  }
  MachineSample out;
  read_figures(kMachine, in, out);
  read_figures(kPressure, in.pressure(), out.pressure);
  out.gpu_problem = cut(in.gpu_problem());
  for (const v1::MachineGpu& entry : in.gpus()) {
    MachineGpu& gpu = out.gpus.emplace_back();
    gpu.index = to_int32(entry.index());
    gpu.name = cut(entry.name());
    read_figures(kMachineGpu, entry, gpu);
    if (entry.has_temperature_celsius()) {
      gpu.temperature_celsius = entry.temperature_celsius();
    }
    if (entry.has_stale_since_ms()) {
      gpu.stale_since = time_from_ms(entry.stale_since_ms());
    }
  }
  return out;
}

void write(const WorkerReport& in, v1::WorkerReport& out) {
  out.set_id(in.info.id.value());
  out.set_runtime(in.info.runtime);
  out.set_key(cut(in.info.key));
  out.set_state(static_cast<std::uint32_t>(in.info.state));
  for (const JobId job : in.info.jobs) {
    out.add_jobs(job.value());
  }
  write(in.sample, *out.mutable_figures());
}

Result<WorkerReport> read(const v1::WorkerReport& in) {
  if (!is_valid_name_id(in.id())) {
    return bad_field("workers.id", in.id().substr(0, 80));
  }
  if (in.jobs_size() > limits::kWorkerJobsMax) {
    return bad_field("workers.jobs", std::to_string(in.jobs_size()));
  }
  WorkerReport out;
  out.info.id = WorkerId(in.id());
  out.info.runtime = cut(in.runtime());
  out.info.key = cut(in.key());
  HEARTH_ASSIGN(out.info.state, read_enum("workers.state", in.state(), WorkerState::Stopped));
  for (const std::uint64_t job : in.jobs()) {
    out.info.jobs.emplace_back(job);
  }
  HEARTH_ASSIGN(out.sample, read(in.figures()));
  return out;
}

}  // namespace

void to_proto(const TelemetryReport& report, v1::TelemetryReport& out) {
  out.set_whole(report.whole);
  for (const WorkerReport& worker : report.workers) {
    write(worker, *out.add_workers());
  }
  for (const WorkerId& worker : report.gone) {
    out.add_gone(worker.value());
  }
  if (report.machine) {
    write(*report.machine, *out.mutable_machine());
  }
}

Result<TelemetryReport> to_model(const v1::TelemetryReport& report) {
  if (report.workers_size() > limits::kWorkersPerAgentMax ||
      report.gone_size() > limits::kWorkersPerAgentMax) {
    return limit_exceeded("kWorkersPerAgentMax", limits::kWorkersPerAgentMax,
                          "a telemetry report names more than " +
                              std::to_string(limits::kWorkersPerAgentMax) + " workers");
  }
  TelemetryReport out;
  out.whole = report.whole();
  out.workers.reserve(static_cast<std::size_t>(report.workers_size()));
  for (const v1::WorkerReport& worker : report.workers()) {
    HEARTH_ASSIGN(WorkerReport read_worker, read(worker));
    out.workers.push_back(std::move(read_worker));
  }
  for (const std::string& worker : report.gone()) {
    if (!is_valid_name_id(worker)) {
      return bad_field("gone", worker.substr(0, 80));
    }
    out.gone.emplace_back(worker);
  }
  if (report.has_machine()) {
    HEARTH_ASSIGN(out.machine, read(report.machine()));
  }
  return out;
}

Duration interval_of(const v1::TelemetryWanted& wanted) {
  const Duration interval = ms_of(wanted.interval_ms());
  return interval == Duration(0) ? interval : std::max(interval, limits::kTelemetryInterval);
}

void to_proto(const TelemetryQuery& query, v1::TelemetryQuery& out) {
  if (query.worker) {
    out.set_worker(query.worker->value());
  }
  out.set_from_ago_ms(to_wire(query.from_ago.count()));
  out.set_step_ms(to_wire(query.step.count()));
  out.set_points_max(to_wire(query.points_max));
}

TelemetryQuery to_model(const v1::TelemetryQuery& query) {
  TelemetryQuery out;
  if (query.has_worker()) {
    out.worker = WorkerId(query.worker());
  }
  out.from_ago = std::min(ms_of(query.from_ago_ms()), limits::kTelemetryKeptFor);
  out.step = std::min(ms_of(query.step_ms()), limits::kTelemetryKeptFor);
  out.points_max = std::min(to_int64(query.points_max()), limits::kTelemetryPointsMax);
  return out;
}

void to_proto(const Result<TelemetrySeries>& series, v1::TelemetryAnswer& out) {
  if (!series) {
    out.set_error_code(std::string(to_string(series.error().code)));
    out.set_error(series.error().message);
    return;
  }
  for (const Duration age : series->ages) {
    out.add_ages_ms(static_cast<std::uint32_t>(to_wire(age.count())));
  }
  for (std::size_t c = 0; c < series->columns.size(); ++c) {
    v1::TelemetryColumn& column = *out.add_columns();
    column.set_name(series->columns[c]);
    for (const std::optional<double>& value : series->values[c]) {
      column.add_values(value ? static_cast<float>(*value)
                              : std::numeric_limits<float>::quiet_NaN());
    }
  }
}

Result<TelemetrySeries> to_model(const v1::TelemetryAnswer& answer) {
  if (!answer.error_code().empty()) {
    return Error{.code = answer.error_code() == to_string(ErrorCode::NotFound)
                             ? ErrorCode::NotFound
                             : ErrorCode::Unavailable,
                 .message = cut(answer.error())};
  }
  TelemetrySeries out;
  for (const std::uint32_t age : answer.ages_ms()) {
    out.ages.emplace_back(age);
  }
  for (const v1::TelemetryColumn& column : answer.columns()) {
    if (column.values_size() != answer.ages_ms_size()) {
      return bad_field("columns." + column.name(),
                       std::to_string(column.values_size()) + " values");
    }
    out.columns.push_back(column.name());
    std::vector<std::optional<double>>& values = out.values.emplace_back();
    for (const float value : column.values()) {
      values.push_back(std::isfinite(value) ? std::optional<double>(value) : std::nullopt);
    }
  }
  return out;
}

}  // namespace hearth::wire
