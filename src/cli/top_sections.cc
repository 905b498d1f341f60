#include "cli/top_sections.h"

#include <algorithm>
#include <cctype>
#include <tuple>

#include "base/limits.h"
#include "cli/cell_text.h"

namespace hearth::cli {

namespace {

constexpr std::size_t kBarWidth = 12;
constexpr double kBusyShare = 0.7;
constexpr double kFullShare = 0.9;
constexpr double kPressing = 10;  // percent of ten seconds

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// A row with what it is sorted by. Lines below it stay below it.
struct Entry {
  TopRow row;
  std::vector<TopRow> below;
  std::string name;
  std::optional<double> figure;  // by the order that was asked for
  std::size_t at = 0;            // among all, so that equal ones keep their places
};

bool holds(const Entry& entry, const std::string& wanted) {
  const auto in = [&wanted](const TopCell& cell) {
    return lower(cell.text).find(wanted) != std::string::npos;
  };
  return std::any_of(entry.row.cells.begin(), entry.row.cells.end(), in) ||
         std::any_of(entry.below.begin(), entry.below.end(),
                     [&in](const TopRow& row) { return in(row.note); });
}

void filter(std::vector<Entry>& entries, const std::string& text) {
  const std::string wanted = lower(text);
  if (!wanted.empty()) {
    std::erase_if(entries, [&wanted](const Entry& entry) { return !holds(entry, wanted); });
  }
}

// Figures from the largest on, names from the first on; `reversed` turns that. What is not known
// comes last either way.
void sort(std::vector<Entry>& entries, const TopOrder& order) {
  const auto by_figure = [&order](const Entry& a, const Entry& b) {
    if (a.figure.has_value() != b.figure.has_value()) {
      return a.figure.has_value();
    }
    if (a.figure != b.figure) {
      return order.reversed ? *a.figure < *b.figure : *a.figure > *b.figure;
    }
    return std::tie(a.name, a.at) < std::tie(b.name, b.at);
  };
  const auto by_name = [&order](const Entry& a, const Entry& b) {
    return order.reversed ? std::tie(b.name, b.at) < std::tie(a.name, a.at)
                          : std::tie(a.name, a.at) < std::tie(b.name, b.at);
  };
  if (order.sort == TopSort::Name) {
    std::sort(entries.begin(), entries.end(), by_name);
  } else {
    std::sort(entries.begin(), entries.end(), by_figure);
  }
}

void finish(TopSection& section, std::vector<Entry> entries, const TopOrder& order,
            bool is_sorted = true) {
  section.total = entries.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].at = i;
  }
  filter(entries, order.filter);
  if (is_sorted) {
    sort(entries, order);
  }
  section.found = entries.size();
  for (Entry& entry : entries) {
    section.table.rows.push_back(std::move(entry.row));
    std::move(entry.below.begin(), entry.below.end(), std::back_inserter(section.table.rows));
  }
}

std::optional<double> as_number(const std::optional<std::int64_t>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

std::optional<double> share_of(const std::optional<std::int64_t>& part,
                               const std::optional<std::int64_t>& whole) {
  return part && whole && *whole > 0
             ? std::optional(static_cast<double>(*part) / static_cast<double>(*whole))
             : std::nullopt;
}

Style style_of_share(const std::optional<double>& share) {
  if (!share) {
    return Style::Faint;
  }
  return *share >= kFullShare ? Style::Bad : *share >= kBusyShare ? Style::Warning : Style::Good;
}

Style style_of_state(const std::string& state) {
  if (state == "DISCONNECTED" || state == "DEAD") {
    return Style::Bad;
  }
  if (state == "BUSY" || state == "RUNNING") {
    return Style::Good;
  }
  return state == "DRAINING" || state == "STOPPING" ? Style::Warning : Style::Plain;
}

// Processor, memory and disk, in percent: "0/3/12".
TopCell pressure_cell(const TopPressure& pressure) {
  if (!pressure.cpu && !pressure.memory && !pressure.io) {
    return {"-", Style::Plain};
  }
  const double worst =
      std::max({pressure.cpu.value_or(0), pressure.memory.value_or(0), pressure.io.value_or(0)});
  return {short_number(pressure.cpu, 0) + "/" + short_number(pressure.memory, 0) + "/" +
              short_number(pressure.io, 0),
          worst >= kPressing ? Style::Warning : Style::Plain};
}

std::string percent_text(const std::optional<double>& share) {
  return share ? short_number(*share * 100, 0) + "%" : "-";
}

TopRow gpu_row(const TopGpu& gpu) {
  std::string text = "  gpu" + std::to_string(gpu.index) + " " + gpu.name;
  text += "  " + (gpu.util_percent ? short_number(gpu.util_percent, 0) + "%" : "-");
  text += "  " + short_bytes(gpu.memory_used) + "/" + short_bytes(gpu.memory_total);
  text += "  " + (gpu.celsius ? short_number(gpu.celsius, 0) + "C" : "-");
  if (gpu.stale_since) {
    text += "  stale since " + clock_time(gpu.stale_since);
  }
  return {.cells = {}, .note = {text, gpu.stale_since ? Style::Warning : Style::Plain}};
}

std::optional<double> machine_figure(const TopMachine& machine, TopSort by) {
  switch (by) {
    case TopSort::Cpu:
      return machine.cpu_share();
    case TopSort::Memory:
      return share_of(machine.memory_used, machine.memory_total);
    case TopSort::Io:
      return machine.net_rx || machine.net_tx
                 ? std::optional(static_cast<double>(machine.net_rx.value_or(0)) +
                                 static_cast<double>(machine.net_tx.value_or(0)))
                 : std::nullopt;
    case TopSort::Uptime:
    case TopSort::Name:
      return std::nullopt;
  }
  return std::nullopt;
}

TopSection machines(const TopModel& model, const TopOrder& order) {
  TopSection section{.title = "MACHINES", .empty = "no agents; start one with: hearth agent"};
  section.table.columns = {{.title = "AGENT", .width_max = 24},
                           {.title = "STATUS", .rank = 1},
                           {.title = "CPU", .width_min = kBarWidth + 5},
                           {.title = "MEMORY", .is_right = true, .width_min = 11},
                           {.title = "LOAD", .is_right = true, .rank = 3, .width_min = 5},
                           {.title = "DISK FREE", .is_right = true, .rank = 5},
                           {.title = "RX/s", .is_right = true, .rank = 6, .width_min = 5},
                           {.title = "TX/s", .is_right = true, .rank = 6, .width_min = 5},
                           {.title = "RUN", .is_right = true, .rank = 2},
                           {.title = "DONE", .is_right = true, .rank = 4},
                           {.title = "FAILED", .is_right = true, .rank = 4},
                           {.title = "PRESSURE", .is_right = true, .rank = 7},
                           {.title = "HOST", .rank = 8}};
  std::vector<Entry> entries;
  for (const auto& [id, agent] : model.agents()) {
    const TopMachine machine =
        agent.is_heard() ? agent.machine.value_or(TopMachine{}) : TopMachine{};
    const auto cpu = machine.cpu_share();
    const auto memory = share_of(machine.memory_used, machine.memory_total);
    Entry entry{.name = id, .figure = machine_figure(machine, order.sort)};
    entry.row.cells = {{id, Style::Strong},
                       {agent.status, style_of_state(agent.status)},
                       {bar(cpu, kBarWidth) + " " + percent_text(cpu), style_of_share(cpu)},
                       {short_bytes(machine.memory_used) + "/" + short_bytes(machine.memory_total),
                        memory && *memory >= kFullShare ? Style::Bad : Style::Plain},
                       {short_number(machine.load, 2)},
                       {short_bytes(machine.disk_free)},
                       {short_bytes(machine.net_rx)},
                       {short_bytes(machine.net_tx)},
                       {std::to_string(agent.running)},
                       {std::to_string(agent.done)},
                       {std::to_string(agent.failed)},
                       pressure_cell(machine.pressure),
                       {agent.host, Style::Faint}};
    for (const TopGpu& gpu : machine.gpus) {
      entry.below.push_back(gpu_row(gpu));
    }
    if (!machine.gpu_problem.empty()) {
      entry.below.push_back({.note = {"  gpu: " + machine.gpu_problem, Style::Warning}});
    }
    entries.push_back(std::move(entry));
  }
  finish(section, std::move(entries), order);
  return section;
}

// What is known of a worker now; nothing while its agent cannot be heard.
TopFigures figures_of(const TopModel& model, const TopWorker& worker) {
  const auto agent = model.agents().find(worker.agent);
  const bool is_heard = agent == model.agents().end() || agent->second.is_heard();
  return is_heard ? worker.figures : TopFigures{};
}

std::optional<double> figure_of(const TopFigures& figures, const std::optional<Duration>& uptime,
                                TopSort by) {
  switch (by) {
    case TopSort::Cpu:
      return figures.cpu_percent;
    case TopSort::Memory:
      return as_number(figures.memory);
    case TopSort::Io:
      return figures.io();
    case TopSort::Uptime:
      return uptime ? std::optional(static_cast<double>(uptime->count())) : std::nullopt;
    case TopSort::Name:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string gpus_text(const std::vector<TopGpu>& gpus) {
  std::string text;
  for (const TopGpu& gpu : gpus) {
    text += (text.empty() ? "" : " ") + std::to_string(gpu.index) + ":" +
            (gpu.util_percent ? short_number(gpu.util_percent, 0) + "%" : "-") + "," +
            short_bytes(gpu.memory_used);
  }
  return text.empty() ? "-" : text;
}

// The model it has loaded, its key, or what it runs.
std::string work_of(const TopModel& model, const TopWorker& worker) {
  if (!worker.model.empty()) {
    return worker.model;
  }
  if (!worker.jobs.empty()) {
    const TopJob* job = model.find_running(worker.jobs.front());
    const std::string first = job == nullptr ? worker.jobs.front() : job->label();
    const std::size_t more = worker.jobs.size() - 1;
    return more == 0 ? first : first + " and " + std::to_string(more) + " more";
  }
  return worker.key.empty() ? worker.runtime : worker.key;
}

TopSection workers(const TopModel& model, const TopOrder& order, TimePoint now) {
  TopSection section{.title = "WORKERS", .empty = "no worker runs"};
  if (model.workers_not_named() > 0) {
    section.note = "and " + std::to_string(model.workers_not_named()) + " more";
  }
  section.table.columns = {{.title = "WORKER", .width_max = 24},
                           {.title = "AGENT", .rank = 4, .width_max = 16},
                           {.title = "STATE", .rank = 3},
                           {.title = "CPU%", .is_right = true, .width_min = 6},
                           {.title = "MEM", .is_right = true, .width_min = 5},
                           {.title = "PEAK", .is_right = true, .rank = 5, .width_min = 5},
                           {.title = "READ/s", .is_right = true, .rank = 6},
                           {.title = "WRITE/s", .is_right = true, .rank = 6},
                           {.title = "PIDS", .is_right = true, .rank = 8},
                           {.title = "THROTTLED%", .is_right = true, .rank = 9},
                           {.title = "OOM", .is_right = true, .rank = 7},
                           {.title = "PRESSURE", .is_right = true, .rank = 10},
                           {.title = "GPU", .rank = 11},
                           {.title = "UPTIME", .is_right = true, .rank = 2, .width_min = 6},
                           {.title = "WORK", .rank = 1}};
  std::vector<Entry> entries;
  entries.reserve(model.workers().size());
  for (const auto& [key, worker] : model.workers()) {
    const TopFigures figures = figures_of(model, worker);
    const auto uptime = worker.started_at ? std::optional(now - *worker.started_at) : std::nullopt;
    const bool is_killed = figures.oom_kills.value_or(0) > 0;
    Entry entry{.name = worker.id, .figure = figure_of(figures, uptime, order.sort)};
    entry.row.cells = {{worker.id, Style::Strong},
                       {worker.agent.empty() ? "-" : worker.agent},
                       {worker.state, style_of_state(worker.state)},
                       {short_number(figures.cpu_percent)},
                       {short_bytes(figures.memory)},
                       {short_bytes(figures.memory_peak)},
                       {short_bytes(figures.io_read)},
                       {short_bytes(figures.io_write)},
                       {short_count(figures.pids)},
                       {short_number(figures.throttled_percent),
                        figures.throttled_percent.value_or(0) > 0 ? Style::Warning : Style::Plain},
                       {short_count(figures.oom_kills), is_killed ? Style::Bad : Style::Plain},
                       pressure_cell(figures.pressure),
                       {gpus_text(figures.gpus)},
                       {short_duration(uptime)},
                       {work_of(model, worker)}};
    entries.push_back(std::move(entry));
  }
  finish(section, std::move(entries), order);
  return section;
}

TopSection running(const TopModel& model, const TopOrder& order, TimePoint now) {
  TopSection section{.title = "RUNNING", .empty = "no job runs"};
  section.note = model.running_is_cut() ? "newest only" : "";
  section.table.columns = {{.title = "JOB", .width_max = 24},
                           {.title = "NAME", .rank = 4, .width_max = 24},
                           {.title = "AGENT", .rank = 3, .width_max = 16},
                           {.title = "STATE", .rank = 5},
                           {.title = "TIME", .is_right = true, .width_min = 6},
                           {.title = "CPU%", .is_right = true, .rank = 2, .width_min = 6},
                           {.title = "MEM", .is_right = true, .rank = 2, .width_min = 5},
                           {.title = "DONE", .is_right = true, .rank = 6},
                           {.title = "TRY", .is_right = true, .rank = 7},
                           {.title = "COMMAND", .rank = 1}};
  std::map<std::string, const TopWorker*> worker_of;
  for (const auto& [key, worker] : model.workers()) {
    for (const std::string& job : worker.jobs) {
      worker_of[job] = &worker;
    }
  }
  std::vector<Entry> entries;
  for (const auto& [id, job] : model.running()) {
    const auto worker = worker_of.find(id);
    const TopFigures figures =
        worker == worker_of.end() ? TopFigures{} : figures_of(model, *worker->second);
    const auto since = job.started_at ? job.started_at : job.assigned_at;
    const auto time = since ? std::optional(now - *since) : std::nullopt;
    Entry entry{.name = job.label(), .figure = figure_of(figures, time, order.sort)};
    entry.row.cells = {{id, Style::Strong},
                       {job.name.empty() ? "-" : job.name},
                       {job.agent.empty() ? "-" : job.agent},
                       {job.state, style_of_state(job.state)},
                       {short_duration(time)},
                       {short_number(figures.cpu_percent)},
                       {short_bytes(figures.memory)},
                       {job.percent ? std::to_string(*job.percent) + "%" : "-"},
                       {std::to_string(job.attempt)},
                       {job.command}};
    entries.push_back(std::move(entry));
  }
  finish(section, std::move(entries), order);
  return section;
}

TopSection queue(const TopModel& model, const TopOrder& order, TimePoint now) {
  TopSection section{.title = "QUEUE", .empty = "no job waits"};
  section.note = model.waiting_is_cut() ? "the newest jobs only: more wait" : "";
  section.table.columns = {{.title = "QUEUE", .width_max = 24},
                           {.title = "PRIORITY", .is_right = true, .rank = 2},
                           {.title = "CPU", .is_right = true},
                           {.title = "MEM", .is_right = true, .width_min = 5},
                           {.title = "GPUS", .is_right = true, .rank = 5},
                           {.title = "WAITING", .is_right = true},
                           {.title = "OLDEST", .is_right = true, .width_min = 6},
                           {.title = "SINCE", .is_right = true, .rank = 3},
                           {.title = "ITS WORK", .rank = 4}};
  std::vector<Entry> entries;
  for (const TopClass& one : model.classes()) {
    const auto age = one.oldest ? std::optional(now - *one.oldest) : std::nullopt;
    Entry entry{.name = one.queue, .figure = {}};
    entry.row.cells = {{one.queue, Style::Strong},
                       {std::to_string(one.priority)},
                       {short_number(one.cpu, 2)},
                       {short_bytes(one.ram_mb * limits::kMiB)},
                       {std::to_string(one.gpus)},
                       {std::to_string(one.waiting)},
                       {short_duration(age)},
                       {clock_time(one.oldest)},
                       {one.example}};
    entries.push_back(std::move(entry));
  }
  finish(section, std::move(entries), order, /*is_sorted=*/false);
  return section;
}

std::string exit_text(const TopJob& job) {
  if (job.exit_code) {
    return "exit " + std::to_string(*job.exit_code);
  }
  return job.signal ? "signal " + std::to_string(*job.signal) : "-";
}

TopSection failures(const TopModel& model, const TopOrder& order) {
  TopSection section{.title = "FAILURES", .empty = "no job failed lately"};
  section.table.columns = {{.title = "AT", .rank = 2},
                           {.title = "JOB", .width_max = 24},
                           {.title = "REASON"},
                           {.title = "ENDED", .rank = 3},
                           {.title = "AGENT", .rank = 5, .width_max = 16},
                           {.title = "WORK", .rank = 4, .width_max = 32},
                           {.title = "MESSAGE", .rank = 1}};
  std::vector<Entry> entries;
  for (const TopJob& job : model.failures()) {
    Entry entry{.name = job.id, .figure = {}};
    entry.row.cells = {{clock_time(job.completed_at)},
                       {job.id, Style::Strong},
                       {job.reason.empty() ? lower(job.state) : job.reason, Style::Bad},
                       {exit_text(job)},
                       {job.agent.empty() ? "-" : job.agent},
                       {job.label()},
                       {job.message}};
    entries.push_back(std::move(entry));
  }
  finish(section, std::move(entries), order, /*is_sorted=*/false);
  return section;
}

constexpr std::array<std::string_view, 5> kSortNames = {"cpu", "memory", "io", "uptime", "name"};

}  // namespace

std::string_view to_string(TopSort sort) {
  return kSortNames.at(static_cast<std::size_t>(sort));
}

std::optional<TopSort> parse_top_sort(std::string_view text) {
  for (std::size_t i = 0; i < kSortNames.size(); ++i) {
    if (kSortNames.at(i) == text) {
      return static_cast<TopSort>(i);
    }
  }
  return std::nullopt;
}

TopSection make_section(TopPart part, const TopModel& model, const TopOrder& order, TimePoint now) {
  switch (part) {
    case TopPart::Machines:
      return machines(model, order);
    case TopPart::Workers:
      return workers(model, order, now);
    case TopPart::Running:
      return running(model, order, now);
    case TopPart::Queue:
      return queue(model, order, now);
    case TopPart::Failures:
      return failures(model, order);
  }
  return {};
}

}  // namespace hearth::cli
