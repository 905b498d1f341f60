#include "cli/top_view.h"

#include <algorithm>
#include <array>

#include "cli/cell_text.h"

namespace hearth::cli {

namespace {

constexpr std::array kAllParts = {TopPart::Machines, TopPart::Workers, TopPart::Running,
                                  TopPart::Queue, TopPart::Failures};
// A part's title and the heading of its columns.
constexpr std::size_t kOverhead = 2;

Span plain(std::string text) {
  return {Style::Plain, std::move(text)};
}
Span strong(std::string text) {
  return {Style::Strong, std::move(text)};
}
Span faint(std::string text) {
  return {Style::Faint, std::move(text)};
}

StyledLine first_line(const TopView& view, const TopStatus& status, const TopModel& model) {
  StyledLine line = {strong("hearth top"), plain("  " + status.url + "  ")};
  const TimePoint now = model.controller_time(status.now);
  line.push_back(plain(clock_time(now) + " UTC  "));
  if (status.away_since) {
    line.push_back({Style::Bad, "controller away for " +
                                    short_duration(status.now - *status.away_since) +
                                    ", connecting again"});
  } else {
    line.push_back({Style::Good, "connected"});
  }
  if (view.is_paused) {
    line.push_back({Style::Warning, "  PAUSED (space goes on)"});
  }
  return line;
}

Style style_of_count(std::string_view state, std::int64_t count) {
  if (count == 0) {
    return Style::Faint;
  }
  return state == "RUNNING"                          ? Style::Good
         : state == "FAILED" || state == "TIMED_OUT" ? Style::Bad
                                                     : Style::Plain;
}

std::string rate_text(const std::optional<double>& rate) {
  return rate ? short_number(rate, *rate >= 100 ? 0 : 1) + "/s" : "-";
}

StyledLine jobs_line(const TopModel& model, const TopStatus& status) {
  StyledLine line = {strong("jobs")};
  for (const std::string_view state : kTopStates) {
    const auto found = model.counts().find(std::string(state));
    const std::int64_t count = found == model.counts().end() ? 0 : found->second;
    // Nothing to say of states that are rare.
    if (count == 0 && (state == "SUBMITTED" || state == "ASSIGNED" || state == "TIMED_OUT" ||
                       state == "CANCELLED")) {
      continue;
    }
    const std::string name = state == "TIMED_OUT" ? "timed out" : std::string(state);
    std::string text = "  ";
    for (const char c : name) {
      text += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    line.push_back({style_of_count(state, count), text + " " + std::to_string(count)});
  }
  const TopRates rates = model.rates(status.now);
  line.push_back(plain("  | finished " + rate_text(rates.finished)));
  line.push_back({rates.failed.value_or(0) > 0 ? Style::Bad : Style::Plain,
                  "  failed " + rate_text(rates.failed)});
  return line;
}

StyledLine agents_line(const TopModel& model) {
  std::map<std::string, int> by_status;
  for (const auto& [id, agent] : model.agents()) {
    ++by_status[agent.status];
  }
  StyledLine line = {strong("agents")};
  for (const auto& [status, count] : by_status) {
    const bool is_bad = status == "DISCONNECTED" || status == "DEAD";
    line.push_back(
        {is_bad ? Style::Bad : Style::Plain, "  " + status + " " + std::to_string(count)});
  }
  if (by_status.empty()) {
    line.push_back(plain("  none"));
  }
  line.push_back(plain("  | workers " +
                       std::to_string(std::ssize(model.workers()) + model.workers_not_named())));
  return line;
}

StyledLine title_line(TopPart part, const TopSection& section, const TopOrder& order) {
  StyledLine line = {
      {Style::Title, std::to_string(static_cast<int>(part) + 1) + " " + section.title + " "}};
  if (section.total == 0) {
    line.push_back(faint(" " + section.empty));
    return line;
  }
  std::string about = std::to_string(section.total);
  if (!order.filter.empty()) {
    about = std::to_string(section.found) + " of " + about + " with \"" + order.filter + "\"";
  }
  if (part == TopPart::Machines || part == TopPart::Workers || part == TopPart::Running) {
    about += ", by " + std::string(to_string(order.sort)) + (order.reversed ? " reversed" : "");
  }
  if (!section.note.empty()) {
    about += ", " + section.note;
  }
  line.push_back(faint(" " + about));
  return line;
}

StyledLine last_line(const TopView& view) {
  if (view.is_editing) {
    return {strong("filter: "), plain(view.order.filter + "_"),
            faint("   Enter keeps it, Esc takes it away")};
  }
  return {
      faint("q quit  ? help  / filter  sort: c m i u n, r reverses  1-5 tab parts  space pause")};
}

std::vector<StyledLine> help_lines() {
  constexpr std::array<std::array<std::string_view, 2>, 13> kKeys = {
      {{"q, Ctrl-C", "leave"},
       {"c", "sort by CPU"},
       {"m", "sort by memory"},
       {"i", "sort by I/O (machines: network)"},
       {"u", "sort by uptime"},
       {"n", "sort by name"},
       {"r", "the other way round"},
       {"/", "show only what holds a text; Esc shows all again"},
       {"1 2 3 4 5", "only machines, workers, running jobs, the queue, failures"},
       {"tab, 0", "the next part alone; all parts"},
       {"arrows, page up and down, home, end", "scroll"},
       {"space", "stop, and go on with what is true then"},
       {"?", "this text; any key leaves it"}}};
  std::vector<StyledLine> lines = {{strong("Keys")}};
  for (const auto& [key, meaning] : kKeys) {
    lines.push_back({strong("  " + pad_right(key, 37)), plain(std::string(meaning))});
  }
  lines.push_back({});
  lines.push_back(
      {plain("CPU% of a worker: 100 is one core; of a machine: of all its cores. "
             "PRESSURE: percent of the last")});
  lines.push_back(
      {plain("ten seconds in which something waited for CPU/memory/disk. "
             "THROTTLED%: of the time, held back by its")});
  lines.push_back(
      {plain("CPU limit. Rates are of the last ten seconds. - means not known. "
             "Times are UTC, by the controller.")});
  return lines;
}

void add_table(std::vector<StyledLine>& lines, const TopSection& section, std::size_t first,
               std::size_t count, std::size_t columns) {
  if (section.found == 0) {
    return;
  }
  auto rows = section.table.lines(first, count, columns);
  std::move(rows.begin(), rows.end(), std::back_inserter(lines));
}

// How many rows each part gets of `room` lines: all get some, those that need less leave it to the
// others.
std::array<std::size_t, kTopParts> share_out(const std::array<TopSection, kTopParts>& sections,
                                             std::size_t room) {
  std::array<std::size_t, kTopParts> rows{};
  std::size_t taken = 0;
  for (const TopSection& section : sections) {
    taken += section.found == 0 ? 1 : kOverhead;
  }
  for (bool moved = true; moved && taken < room;) {
    moved = false;
    for (std::size_t i = 0; i < kTopParts && taken < room; ++i) {
      if (rows.at(i) < sections.at(i).table.rows.size()) {
        ++rows.at(i);
        ++taken;
        moved = true;
      }
    }
  }
  return rows;
}

std::size_t clamp_scroll(std::size_t scroll, std::size_t rows, std::size_t page) {
  return std::min(scroll, rows > page ? rows - page : 0);
}

void add_all_parts(TopFrame& frame, const TopModel& model, const TopView& view, TimePoint now,
                   ScreenSize size, std::size_t room) {
  std::array<TopSection, kTopParts> sections;
  for (const TopPart part : kAllParts) {
    sections.at(static_cast<std::size_t>(part)) = make_section(part, model, view.order, now);
  }
  const auto rows = share_out(sections, room);
  for (const TopPart part : kAllParts) {
    const auto i = static_cast<std::size_t>(part);
    const TopSection& section = sections.at(i);
    std::size_t first = 0;
    if (part == TopPart::Workers) {
      frame.page = std::max<std::size_t>(rows.at(i), 1);
      frame.scroll = clamp_scroll(view.scroll, section.table.rows.size(), rows.at(i));
      first = frame.scroll;
    }
    frame.lines.push_back(title_line(part, section, view.order));
    add_table(frame.lines, section, first, rows.at(i), size.columns);
  }
}

void add_one_part(TopFrame& frame, const TopModel& model, const TopView& view, TimePoint now,
                  ScreenSize size, std::size_t room) {
  const TopSection section = make_section(*view.part, model, view.order, now);
  const std::size_t page = room > kOverhead ? room - kOverhead : 0;
  frame.page = std::max<std::size_t>(page, 1);
  frame.scroll = clamp_scroll(view.scroll, section.table.rows.size(), page);
  frame.lines.push_back(title_line(*view.part, section, view.order));
  add_table(frame.lines, section, frame.scroll, page, size.columns);
}

}  // namespace

TopFrame render(const TopModel& model, const TopView& view, const TopStatus& status,
                ScreenSize size) {
  TopFrame frame;
  frame.lines = {first_line(view, status, model), jobs_line(model, status), agents_line(model)};
  const std::size_t taken = frame.lines.size() + 1;  // with the last line
  const std::size_t room = size.rows > taken ? size.rows - taken : 0;
  const TimePoint now = model.controller_time(status.now);
  if (view.is_help) {
    auto help = help_lines();
    std::move(help.begin(), help.end(), std::back_inserter(frame.lines));
  } else if (!model.has_snapshot()) {
    frame.lines.push_back({faint("waiting for the controller's first answer")});
  } else if (view.part) {
    add_one_part(frame, model, view, now, size, room);
  } else {
    add_all_parts(frame, model, view, now, size, room);
  }
  const std::size_t above = size.rows > 0 ? size.rows - 1 : 0;
  frame.lines.resize(above);
  frame.lines.push_back(last_line(view));
  frame.lines.resize(std::min(frame.lines.size(), size.rows));
  for (StyledLine& line : frame.lines) {
    line = fit_line(line, size.columns);
  }
  return frame;
}

std::vector<StyledLine> render_once(const TopModel& model, const TopOrder& order,
                                    const TopStatus& status, std::size_t columns) {
  TopView view;
  view.order = order;
  std::vector<StyledLine> lines = {first_line(view, status, model), jobs_line(model, status),
                                   agents_line(model)};
  for (const TopPart part : kAllParts) {
    const TopSection section = make_section(part, model, order, model.controller_time(status.now));
    lines.push_back({});
    lines.push_back(title_line(part, section, order));
    add_table(lines, section, 0, section.table.rows.size(), columns);
  }
  for (StyledLine& line : lines) {
    line = fit_line(line, columns);
  }
  return lines;
}

}  // namespace hearth::cli
