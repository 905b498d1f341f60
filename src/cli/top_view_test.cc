#include "cli/top_view.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/cell_text.h"
#include "cli/testing/top_events.h"

namespace hearth::cli::testing {
namespace {

const TopStatus kStatus{.url = "http://127.0.0.1:7070", .now = kNow, .away_since = {}};

std::string text_of_frame(const TopFrame& frame) {
  std::string text;
  for (const StyledLine& line : frame.lines) {
    text += plain_text(line) + "\n";
  }
  return text;
}

std::string shown(const TopModel& model, const TopView& view = {}, ScreenSize size = {200, 60}) {
  return text_of_frame(render(model, view, kStatus, size));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The first line that holds `part`, with one blank where there are several.
std::string line_with(const std::string& text, const std::string& part) {
  std::istringstream lines(text);
  for (std::string raw; std::getline(lines, raw);) {
    std::istringstream in(raw);
    std::string line;
    for (std::string word; in >> word;) {
      line += (line.empty() ? "" : " ") + word;
    }
    if (line.find(part) != std::string::npos) {
      return line;
    }
  }
  return "";
}

void fill(TopModel& model) {
  take(model, "snapshot",
       snapshot({{"QUEUED", 2}, {"RUNNING", 2}, {"COMPLETED", 40}, {"FAILED", 1}},
                {agent("a", "BUSY"), agent("b", "DISCONNECTED")},
                {worker("6h01-1", "a", {{"jobs", {"6h01"}}, {"startedAt", "2026-11-22T02:26:04Z"}}),
                 worker("6h02-1", "a", {{"jobs", {"6h02"}}}), worker("old-1", "b")}));
  take(model, "telemetry",
       telemetry("a", machine(),
                 {{{"id", "6h01-1"},
                   {"cpuPercent", 50.5},
                   {"memoryBytes", 104857600},
                   {"memoryPeakBytes", 209715200},
                   {"ioReadBytesPerSec", 4096},
                   {"ioWriteBytesPerSec", 0},
                   {"pids", 3},
                   {"throttledPercent", 81.5},
                   {"oomKills", 1},
                   {"pressure", {{"cpu", 12.4}, {"memory", 0}, {"io", nullptr}}}},
                  {{"id", "6h02-1"}, {"cpuPercent", 99}, {"memoryBytes", 1024}}}));
  model.take_running(
      page({with(job("6h01", "RUNNING"), {{"name", "build"}}), job("6h02", "RUNNING")}));
  model.take_waiting(page({job("6h03", "QUEUED"), job("6h04", "QUEUED")}));
  model.take_failures(
      page({with(job("6h00", "FAILED"), {{"reason", "exit_nonzero"},
                                         {"exitCode", 3},
                                         {"message", "The command ended with exit code 3."},
                                         {"completedAt", "2026-11-22T02:27:00Z"}})}));
}

TEST(TopViewTest, TheHeaderSaysWhereAndHowMuch) {
  TopModel model;
  fill(model);
  const std::string text = shown(model);
  EXPECT_EQ(line_with(text, "hearth top"),
            "hearth top http://127.0.0.1:7070 02:28:24 UTC connected");
  EXPECT_EQ(line_with(text, "jobs"),
            "jobs queued 2 running 2 completed 40 failed 1 | finished - failed -");
  EXPECT_EQ(line_with(text, "agents"), "agents BUSY 1 DISCONNECTED 1 | workers 3");
}

TEST(TopViewTest, MachinesShowWhatTheyUseOfWhatTheyHave) {
  TopModel model;
  fill(model);
  const std::string text = shown(model);
  EXPECT_EQ(line_with(text, "a BUSY"),
            "a BUSY [|||| ] 38% 2.0G/8.0G 1.25 100G 2.0K - 1 12 3 - host-a");
  // Of one that cannot be heard nothing is known now.
  EXPECT_EQ(line_with(text, "b DISCONNECTED"), "b DISCONNECTED [ ] - -/- - - - - 1 12 3 - host-b");
}

TEST(TopViewTest, GpusStandBelowTheirMachineWithWhatIsWrong) {
  TopModel model;
  take(model, "snapshot", snapshot({}, {agent("a", "BUSY")}));
  take(model, "telemetry",
       telemetry("a",
                 machine({{"gpuProblem", "nvidia-smi does not answer"},
                          {"gpus",
                           {{{"index", 0},
                             {"name", "RTX 4090"},
                             {"utilPercent", 40},
                             {"memoryUsedBytes", std::int64_t{4} << 30},
                             {"memoryTotalBytes", std::int64_t{24} << 30},
                             {"temperatureCelsius", 61},
                             {"staleSince", "2026-11-22T02:27:13Z"}},
                            {{"index", 1}, {"name", "RTX 4090"}, {"utilPercent", nullptr}}}}})));
  const std::string text = shown(model);
  EXPECT_EQ(line_with(text, "gpu0"), "gpu0 RTX 4090 40% 4.0G/24G 61C stale since 02:27:13");
  EXPECT_EQ(line_with(text, "gpu1"), "gpu1 RTX 4090 - -/- -");
  EXPECT_EQ(line_with(text, "gpu:"), "gpu: nvidia-smi does not answer");
}

TEST(TopViewTest, WorkersShowEveryFigureAndDashesForUnknownOnes) {
  TopModel model;
  fill(model);
  TopView view;
  view.part = TopPart::Workers;
  const std::string text = shown(model, view);
  EXPECT_EQ(line_with(text, "WORKER AGENT"),
            "WORKER AGENT STATE CPU% MEM PEAK READ/s WRITE/s PIDS THROTTLED% OOM PRESSURE GPU "
            "UPTIME WORK");
  EXPECT_EQ(line_with(text, "6h01-1"),
            "6h01-1 a BUSY 50.5 100M 200M 4.0K 0 3 81.5 1 12/0/- - 2m20s build");
  EXPECT_EQ(line_with(text, "6h02-1"), "6h02-1 a BUSY 99.0 1.0K - - - - - - - - - sleep 60");
  EXPECT_EQ(line_with(text, "old-1"), "old-1 b BUSY - - - - - - - - - - - command");
}

TEST(TopViewTest, RunningJobsQueueAndFailures) {
  TopModel model;
  fill(model);
  const std::string text = shown(model);
  EXPECT_EQ(line_with(text, "6h01 "), "6h01 build a RUNNING 14.0s 50.5 100M - 1 sleep 60");
  EXPECT_EQ(line_with(text, "default"), "default 0 1.00 512M 0 2 24.0s 02:28:00 sleep 60");
  EXPECT_EQ(line_with(text, "6h00"),
            "02:27:00 6h00 exit_nonzero exit 3 a sleep 60 The command ended with exit code 3.");
}

TEST(TopViewTest, WhatIsEmptySaysSoInOneLine) {
  TopModel model;
  EXPECT_TRUE(contains(shown(model), "waiting for the controller's first answer"));
  take(model, "snapshot", snapshot({}));
  const std::string text = shown(model);
  for (const char* said :
       {"no agents", "no worker runs", "no job runs", "no job waits", "no job failed lately"}) {
    EXPECT_TRUE(contains(text, said)) << text;
  }
}

std::vector<std::string> order_of(const TopModel& model, TopSort sort, bool reversed) {
  TopView view;
  view.part = TopPart::Workers;
  view.order = {.sort = sort, .reversed = reversed, .filter = {}};
  const TopFrame frame = render(model, view, kStatus, {200, 60});
  std::vector<std::string> ids;
  for (const StyledLine& line : frame.lines) {
    const std::string text = plain_text(line);
    if (text.starts_with("w-")) {
      ids.push_back(text.substr(2, 1));
    }
  }
  return ids;
}

TEST(TopViewTest, WorkersAreSortedByEachFigureAndUnknownOnesComeLast) {
  TopModel model;
  take(model, "snapshot",
       snapshot(
           {}, {},
           {worker("w-a", "x",
                   {{"cpuPercent", 1}, {"memoryBytes", 30}, {"startedAt", "2026-11-22T02:00:00Z"}}),
            worker("w-b", "x", {{"cpuPercent", 3}, {"memoryBytes", 10}, {"ioReadBytesPerSec", 5}}),
            worker("w-c", "x",
                   {{"cpuPercent", 2},
                    {"ioWriteBytesPerSec", 7},
                    {"startedAt", "2026-11-22T01:00:00Z"}})}));
  using Ids = std::vector<std::string>;
  EXPECT_EQ(order_of(model, TopSort::Cpu, false), (Ids{"b", "c", "a"}));
  EXPECT_EQ(order_of(model, TopSort::Cpu, true), (Ids{"a", "c", "b"}));
  EXPECT_EQ(order_of(model, TopSort::Memory, false), (Ids{"a", "b", "c"}));
  EXPECT_EQ(order_of(model, TopSort::Memory, true), (Ids{"b", "a", "c"}));
  EXPECT_EQ(order_of(model, TopSort::Io, false), (Ids{"c", "b", "a"}));
  EXPECT_EQ(order_of(model, TopSort::Uptime, false), (Ids{"c", "a", "b"}));
  EXPECT_EQ(order_of(model, TopSort::Name, false), (Ids{"a", "b", "c"}));
  EXPECT_EQ(order_of(model, TopSort::Name, true), (Ids{"c", "b", "a"}));
}

TEST(TopViewTest, AFilterKeepsWhatHoldsItsText) {
  TopModel model;
  fill(model);
  TopView view;
  view.order.filter = "BUILD";
  const std::string text = shown(model, view);
  EXPECT_TRUE(contains(text, "6h01-1"));
  EXPECT_FALSE(contains(text, "6h02"));
  EXPECT_FALSE(contains(text, "6h00"));
  EXPECT_TRUE(contains(text, "1 of 3 with \"BUILD\"")) << text;
}

TEST(TopViewTest, NothingIsWiderOrHigherThanTheTerminal) {
  TopModel model;
  fill(model);
  for (int i = 0; i < 1'000; ++i) {
    take(model, "worker", worker("worker-" + std::to_string(i), "a", {{"cpuPercent", i % 100}}));
  }
  for (const ScreenSize size : {ScreenSize{80, 24}, ScreenSize{20, 5}, ScreenSize{1, 1},
                                ScreenSize{40, 10}, ScreenSize{132, 43}, ScreenSize{300, 100}}) {
    for (int part = -1; part < 5; ++part) {
      TopView view;
      if (part >= 0) {
        view.part = static_cast<TopPart>(part);
      }
      for (const bool help : {false, true}) {
        view.is_help = help;
        const TopFrame frame = render(model, view, kStatus, size);
        EXPECT_LE(frame.lines.size(), size.rows);
        for (const StyledLine& line : frame.lines) {
          EXPECT_LE(display_width(plain_text(line)), size.columns) << plain_text(line);
        }
      }
    }
  }
}

TEST(TopViewTest, In80ColumnsTheFiguresThatMatterMostAreThere) {
  TopModel model;
  fill(model);
  const std::string text = shown(model, {}, {80, 24});
  EXPECT_TRUE(contains(text, "[||||      ] 38%")) << text;
  EXPECT_EQ(line_with(text, "6h01-1"), "6h01-1 a BUSY 50.5 100M 200M 4.0K 0 3 1 2m20s build");
  EXPECT_EQ(line_with(text, "default"), "default 0 1.00 512M 0 2 24.0s 02:28:00 sleep 60");
  EXPECT_TRUE(contains(text, "exit_nonzero")) << text;
}

TEST(TopViewTest, AThousandWorkersLeaveRoomForTheOtherParts) {
  TopModel model;
  fill(model);
  for (int i = 0; i < 1'000; ++i) {
    take(model, "worker", worker("worker-" + std::to_string(i), "a", {{"cpuPercent", i % 100}}));
  }
  const std::string text = shown(model, {}, {80, 24});
  EXPECT_TRUE(contains(text, "default")) << text;
  EXPECT_TRUE(contains(text, "6h00")) << text;
  EXPECT_TRUE(contains(text, "WORKERS  1003")) << text;
}

TEST(TopViewTest, ScrollingStopsAtTheEnd) {
  TopModel model;
  take(model, "snapshot", snapshot({}));
  for (int i = 0; i < 100; ++i) {
    take(model, "worker", worker("w-" + std::to_string(1000 + i), "a"));
  }
  TopView view;
  view.part = TopPart::Workers;
  view.order.sort = TopSort::Name;
  view.scroll = 1'000'000;
  const TopFrame frame = render(model, view, kStatus, {80, 24});
  // 24 lines less header, last line, title and headings.
  EXPECT_EQ(frame.page, 18U);
  EXPECT_EQ(frame.scroll, 82U);
  EXPECT_TRUE(contains(text_of_frame(frame), "w-1099"));
  EXPECT_FALSE(contains(text_of_frame(frame), "w-1081"));
}

TEST(TopViewTest, TheHeaderSaysThatTheControllerIsAwayAndThatItIsPaused) {
  TopModel model;
  fill(model);
  TopView view;
  view.is_paused = true;
  TopStatus status = kStatus;
  status.away_since = kNow - Duration(12'000);
  const std::string text = text_of_frame(render(model, view, status, {200, 60}));
  EXPECT_TRUE(contains(text, "controller away for 12.0s, connecting again")) << text;
  EXPECT_TRUE(contains(text, "PAUSED")) << text;
}

TEST(TopViewTest, TheFilterThatIsTypedIsSeen) {
  TopModel model;
  fill(model);
  TopView view;
  view.is_editing = true;
  view.order.filter = "bui";
  EXPECT_TRUE(contains(shown(model, view), "filter: bui_"));
}

TEST(TopViewTest, OnceShowsAllOfIt) {
  TopModel model;
  fill(model);
  for (int i = 0; i < 100; ++i) {
    take(model, "worker", worker("w-" + std::to_string(1000 + i), "a"));
  }
  std::string text;
  for (const StyledLine& line : render_once(model, {}, kStatus, kAnyWidth)) {
    text += plain_text(line) + "\n";
  }
  EXPECT_TRUE(contains(text, "w-1099"));
  EXPECT_TRUE(contains(text, "The command ended with exit code 3."));
  EXPECT_FALSE(contains(text, "\x1b"));
}

}  // namespace
}  // namespace hearth::cli::testing
