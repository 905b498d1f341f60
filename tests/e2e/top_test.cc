// `hearth top` on a terminal: what it shows against /proc and the cgroup files, what keys do, and
// that the terminal is left as it was.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/clock.h"
#include "tests/harness/cluster.h"
#include "tests/harness/pty_program.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::ClusterTest;
using harness::Exit;
using harness::number;
using harness::program_path;
using harness::PtyProgram;
using harness::PtyScreen;
using harness::text;
using harness::words;

namespace {

constexpr std::size_t kWide = 200;
constexpr std::size_t kHigh = 50;

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "1.5G" as bytes; what was rounded away is for the caller to allow.
double bytes_of(const std::string& text) {
  const std::size_t unit = std::string("KMGTP").find(text.back());
  const double amount = std::strtod(text.c_str(), nullptr);
  return unit == std::string::npos
             ? amount
             : amount * static_cast<double>(std::int64_t{1} << (10 * (unit + 1)));
}

// The first number that follows `name` in a file of lines "name number".
std::int64_t number_after(const std::string& text, const std::string& name) {
  const std::size_t at = ("\n" + text).find("\n" + name);
  return at == std::string::npos ? -1 : std::strtoll(text.c_str() + at + name.size(), nullptr, 10);
}

// Files of the group that holds `pid`, whichever hierarchy has the controller.
std::string group_file(pid_t pid, const std::string& controller, const std::string& v2_name,
                       const std::string& v1_name) {
  std::istringstream lines(read_text("/proc/" + std::to_string(pid) + "/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    std::string file;
    if (controllers.empty()) {
      file = "/sys/fs/cgroup" + path + "/" + v2_name;
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      file = "/sys/fs/cgroup/" + controllers + path + "/" + v1_name;
      if (::access(file.c_str(), R_OK) != 0) {
        file = "/sys/fs/cgroup/" + controller + path + "/" + v1_name;
      }
    }
    if (!file.empty() && ::access(file.c_str(), R_OK) == 0) {
      return read_text(file);
    }
  }
  return "";
}

// CPU time of a process, looked at again and again.
class CpuHistory {
 public:
  explicit CpuHistory(pid_t pid) : pid_(pid) {}

  void look() {
    const std::string stat = read_text("/proc/" + std::to_string(pid_) + "/stat");
    const auto fields = words(stat.substr(stat.rfind(')') + 1));
    ASSERT_GT(fields.size(), 12U) << stat;
    const double ticks =
        std::strtod(fields[11].c_str(), nullptr) + std::strtod(fields[12].c_str(), nullptr);
    looks_.push_back({SystemClock().monotonic_ns(),
                      ticks * kSecondNs / static_cast<double>(::sysconf(_SC_CLK_TCK))});
  }

  [[nodiscard]] bool has_second_like(double percent) const {
    for (const Look& to : looks_) {
      for (const Look& from : looks_) {
        const auto wall_ns = static_cast<double>(to.at_ns - from.at_ns);
        const double age_ns = static_cast<double>(looks_.back().at_ns - to.at_ns);
        if (wall_ns < 0.8 * kSecondNs || wall_ns > 1.5 * kSecondNs || age_ns > 3 * kSecondNs) {
          continue;
        }
        const double used = (to.cpu_ns - from.cpu_ns) / wall_ns * 100;
        if (used > 1 && std::abs(used - percent) < 2 + 0.1 * used) {
          return true;
        }
      }
    }
    return false;
  }

 private:
  static constexpr double kSecondNs = 1e9;
  struct Look {
    std::int64_t at_ns;
    double cpu_ns;
  };
  pid_t pid_;
  std::vector<Look> looks_;
};

bool same_mode(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
         a.c_lflag == b.c_lflag && std::memcmp(a.c_cc, b.c_cc, sizeof a.c_cc) == 0;
}

class TopTest : public ClusterTest {
 protected:
  std::unique_ptr<PtyProgram> top(const std::vector<std::string>& flags = {},
                                  std::size_t columns = kWide, std::size_t rows = kHigh) {
    std::vector<std::string> command = {program_path("hearth"), "top", "--interval", "200ms"};
    command.insert(command.end(), flags.begin(), flags.end());
    return std::make_unique<PtyProgram>(
        command, std::map<std::string, std::string>{{"HEARTH_URL", "http://" + http()}}, columns,
        rows);
  }

  // The terminal is as it was before, with what was on it.
  static void expect_given_back(const PtyProgram& top) {
    EXPECT_TRUE(same_mode(top.mode(), top.first_mode()));
    EXPECT_FALSE(top.screen().is_alternate());
    EXPECT_TRUE(top.screen().has_cursor());
    EXPECT_TRUE(top.screen().wraps());
    EXPECT_FALSE(top.screen().was_left());
  }

  // A job that writes its pid, and goes on.
  std::string start_job(const std::string& name, const std::string& script,
                        const json::object& more = {}) {
    json::object body{{"name", name},
                      {"command", {"sh", "-c", "echo $$ > " + scratch(name) + "; " + script}},
                      {"requiredCpu", 0.1},
                      {"requiredRamMb", 64}};
    for (const auto& [key, value] : more) {
      body[key] = value;
    }
    const std::string id = submit(body);
    wait_lines(scratch(name), 1);
    return id;
  }
  [[nodiscard]] pid_t pid_of(const std::string& name) const {
    return std::atoi(read_text(scratch(name)).c_str());
  }
};

// Columns of the part "workers" alone, by their titles.
std::map<std::string, std::string> worker_row(PtyProgram& top, const std::string& id) {
  const auto titles = top.wait_for_line("THROTTLED%");
  const auto cells = top.wait_for_line(id);
  std::map<std::string, std::string> row;
  for (std::size_t i = 0; i < titles.size() && i < cells.size(); ++i) {
    row[titles[i]] = cells[i];
  }
  return row;
}

TEST_F(TopTest, FiguresAreThoseOfProcAndOfTheGroups) {
  start_up();
  const std::string burner = start_job(
      "burner", "while :; do :; done",
      {{"requiredCpu", 0.05}, {"cpuLimit", 0.1}});  // little, so that it is held back on any host
  const std::string holder = start_job(
      "holder", "exec python3 -c 'import time; x = bytearray(100 * 2**20); time.sleep(600)'",
      {{"requiredRamMb", 256}});
  auto top = this->top();
  top->type("2");
  // Until the memory that the second job takes is there.
  ASSERT_TRUE(top->wait_for(
      [&](const PtyScreen&) {
        return number_after(read_text("/proc/" + std::to_string(pid_of("holder")) + "/status"),
                            "VmRSS:") > 100 * 1024;
      },
      "100 MiB in /proc"));
  const pid_t holding = pid_of("holder");
  ASSERT_TRUE(top->wait_for(
      [&](const PtyScreen&) {
        const auto row = worker_row(*top, holder);
        const std::string now =
            group_file(holding, "memory", "memory.current", "memory.usage_in_bytes");
        const double in_group = std::strtod(now.c_str(), nullptr);
        const double shown = bytes_of(row.contains("MEM") ? row.at("MEM") : "-");
        return in_group > 100e6 && std::abs(shown - in_group) < 0.05 * in_group;
      },
      "the memory that the group's file says"));
  EXPECT_GE(bytes_of(worker_row(*top, holder)["PEAK"]), 100e6);
  // What is shown is of a second that lies somewhere in the last few: one such second of /proc
  // has to be like it.
  CpuHistory history(pid_of("burner"));
  ASSERT_TRUE(top->wait_for(
      [&](const PtyScreen&) {
        history.look();
        const double shown = std::strtod(worker_row(*top, burner)["CPU%"].c_str(), nullptr);
        return shown > 1 && history.has_second_like(shown);
      },
      "the CPU that /proc says"));
  auto row = worker_row(*top, burner);
  EXPECT_EQ(row["PIDS"], "1");
  EXPECT_EQ(row["OOM"], "0");
  EXPECT_EQ(row["STATE"], "BUSY");
  ASSERT_TRUE(top->wait_for(
      [&](const PtyScreen&) {
        return std::strtod(worker_row(*top, burner)["THROTTLED%"].c_str(), nullptr) > 0;
      },
      "that the limit holds the burner back"));
  top->type("q");
  EXPECT_EQ(top->wait_ended(), 0);
  expect_given_back(*top);
}

TEST_F(TopTest, TheMachineIsTheOneInProc) {
  start_up();
  auto top = this->top();
  ASSERT_TRUE(top->wait_for(
      [&](const PtyScreen& screen) {
        const std::string meminfo = read_text("/proc/meminfo");
        const double total = static_cast<double>(number_after(meminfo, "MemTotal:")) * 1024;
        for (const std::string& line : screen.lines()) {
          const std::size_t slash = line.find('/');
          if (line.find("IDLE") == std::string::npos || slash == std::string::npos ||
              line.starts_with("agents")) {
            continue;
          }
          const double shown = bytes_of(words(line.substr(slash + 1)).at(0));
          return std::abs(shown - total) < 0.06 * total;
        }
        return false;
      },
      "the memory of /proc/meminfo"));
}

TEST_F(TopTest, KeysSortFilterChooseAndScroll) {
  start_up();
  const std::string small = start_job("small", "exec sleep 600");
  const std::string large = start_job(
      "large", "exec python3 -c 'import time; x = bytearray(50 * 2**20); time.sleep(600)'",
      {{"requiredRamMb", 256}});
  const std::string waits = submit({{"name", "toolarge"},
                                    {"command", {"true"}},
                                    {"requiredCpu", 64},
                                    {"queue", "big"},
                                    {"priority", 7}});
  const std::string fails = submit({{"command", {"sh", "-c", "exit 3"}}});
  wait_ended(fails);
  auto top = this->top();
  for (const std::string& shown :
       {small, large, std::string("big"), fails, std::string("exit_nonzero")}) {
    EXPECT_TRUE(top->wait_for_text(shown));
  }
  const auto is_above = [](const std::string& first, const std::string& second) {
    return [first, second](const PtyScreen& screen) {
      const std::string text = screen.text();
      const std::size_t at = text.find(first);
      return at != std::string::npos && at < text.find(second);
    };
  };
  top->type("2m");
  EXPECT_TRUE(top->wait_for(is_above(large, small), "the larger one above"));
  top->type("r");
  EXPECT_TRUE(top->wait_for(is_above(small, large), "the smaller one above"));
  top->type("0/LARGE\r");
  EXPECT_TRUE(top->wait_without_text(small));
  EXPECT_TRUE(top->wait_for_text(large));
  top->type("\x1b");
  EXPECT_TRUE(top->wait_for_text(small));
  top->type("4");
  EXPECT_TRUE(top->wait_for_text("PRIORITY"));
  EXPECT_TRUE(top->wait_without_text(small));
  const auto row = top->wait_for_line("big ");
  ASSERT_GE(row.size(), 6U);
  EXPECT_EQ(row[1], "7");
  EXPECT_EQ(row[2], "64.00");
  EXPECT_EQ(row[5], "1");
  top->type("?");
  EXPECT_TRUE(top->wait_for_text("the other way round"));
  top->type("x");
  EXPECT_TRUE(top->wait_for_text("PRIORITY"));
  top->type("\x03");  // Ctrl-C
  EXPECT_EQ(top->wait_ended(), 0);
  expect_given_back(*top);
}

TEST_F(TopTest, AKilledJobLeavesTheScreenAndComesAmongTheFailures) {
  start_up();
  const std::string id = start_job("victim", "exec sleep 600");
  auto top = this->top({"--filter", "victim"});
  EXPECT_TRUE(top->wait_for_text(id));
  EXPECT_TRUE(top->wait_for_text("1 of 1 with \"victim\""));
  ::kill(pid_of("victim"), SIGKILL);
  EXPECT_TRUE(top->wait_for_text("no worker runs"));
  EXPECT_TRUE(top->wait_for_text("signaled"));
  EXPECT_TRUE(top->wait_for_text("failed 1"));
}

TEST_F(TopTest, ResizingShowsAsMuchAsFits) {
  start_up();
  const std::string id = start_job("job", "exec sleep 600");
  auto top = this->top({}, 80, 24);
  EXPECT_TRUE(top->wait_for_text(id));
  EXPECT_TRUE(top->wait_without_text("THROTTLED%"));
  top->resize(kWide, kHigh);
  EXPECT_TRUE(top->wait_for_text("THROTTLED%"));
  top->resize(20, 6);
  EXPECT_TRUE(top->wait_for(
      [](const PtyScreen& screen) {
        const auto lines = screen.lines();
        return lines.size() == 6 && lines[0].starts_with("hearth top") &&
               lines[5].starts_with("q quit");
      },
      "a small picture"));
  top->resize(80, 24);
  EXPECT_TRUE(top->wait_for_text(id));
  EXPECT_FALSE(top->screen().was_left());
}

TEST_F(TopTest, PauseHoldsThePictureUntilItGoesOn) {
  start_up();
  auto top = this->top();
  EXPECT_TRUE(top->wait_for_text("no job runs"));
  top->type(" ");
  EXPECT_TRUE(top->wait_for_text("PAUSED"));
  const std::string id = start_job("later", "exec sleep 600");
  wait_state(id, "RUNNING");
  // Pictures go on being painted: the header of the next shows the key that is typed.
  top->type("m");
  EXPECT_TRUE(top->wait_for_text("by memory"));
  EXPECT_EQ(top->screen().text().find(id), std::string::npos);
  top->type(" ");
  EXPECT_TRUE(top->wait_for_text(id));
}

TEST_F(TopTest, ARestartOfTheControllerIsSaidAndSurvived) {
  start_controller();
  start_agent("a");
  auto top = this->top();
  EXPECT_TRUE(top->wait_for_text("IDLE"));
  stop_controller();
  EXPECT_TRUE(top->wait_for_text("controller away"));
  restart_controller();
  EXPECT_TRUE(top->wait_for_text("connected"));
  EXPECT_TRUE(top->wait_without_text("controller away"));
  const std::string id = submit({{"command", {"sleep", "600"}}});
  EXPECT_TRUE(top->wait_for_text(id));
  top->type("q");
  EXPECT_EQ(top->wait_ended(), 0);
}

TEST_F(TopTest, SignalsThatEndItGiveTheTerminalBack) {
  start_up();
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT, SIGINT}) {
    auto top = this->top();
    EXPECT_TRUE(top->wait_for_text("no job runs"));
    EXPECT_FALSE(same_mode(top->mode(), top->first_mode()));
    top->signal(number);
    const int status = top->wait_ended();
    ASSERT_TRUE(WIFEXITED(status)) << number;
    EXPECT_EQ(WEXITSTATUS(status), number == SIGINT ? 0 : 128 + number);
    expect_given_back(*top);
  }
}

TEST_F(TopTest, StoppingGivesTheTerminalBackUntilItIsContinued) {
  start_up();
  // A shell with job control, as a user has it.
  PtyProgram shell(
      {"sh", "-c",
       "set -m; " + program_path("hearth") + " top; echo is-stopped; read line; fg; echo is-over"},
      {{"HEARTH_URL", "http://" + http()}});
  EXPECT_TRUE(shell.wait_for_text("no job runs"));
  EXPECT_FALSE(same_mode(shell.mode(), shell.first_mode()));
  shell.type("\x1a");  // Ctrl-Z
  ASSERT_TRUE(shell.wait_for_text("is-stopped"));
  expect_given_back(shell);
  shell.type("\n");
  EXPECT_TRUE(shell.wait_for_text("no job runs"));
  EXPECT_TRUE(shell.screen().is_alternate());
  EXPECT_FALSE(same_mode(shell.mode(), shell.first_mode()));
  shell.type("q");
  EXPECT_TRUE(shell.wait_for_text("is-over"));
  EXPECT_EQ(shell.wait_ended(), 0);
  expect_given_back(shell);
}

TEST_F(TopTest, OnceIsPlainTextAndJsonIsOneObject) {
  start_up();
  const std::string id = start_job("job", "exec sleep 600");
  const Exit piped = hearth({"top"});  // stdout is no terminal
  EXPECT_EQ(piped.code, 0) << piped.err;
  EXPECT_EQ(piped.out.find('\x1b'), std::string::npos);
  EXPECT_NE(piped.out.find(id), std::string::npos) << piped.out;
  EXPECT_NE(piped.out.find("THROTTLED%"), std::string::npos) << piped.out;
  const Exit once = hearth({"top", "--once", "--filter", "nothing like that"});
  EXPECT_EQ(once.out.find(id), std::string::npos) << once.out;
  const Exit exit = hearth({"top", "--json"});
  const auto all = json::parse(exit.out).as_object();
  EXPECT_EQ(all.at("counts").at("RUNNING").to_number<int>(), 1);
  ASSERT_EQ(all.at("agents").as_array().size(), 1U);
  EXPECT_TRUE(all.at("agents").at(0).at("machine").at("memoryTotalBytes").is_number());
  EXPECT_TRUE(all.at("agents").at(0).at("machine").at("cpuPercent").is_number());
  EXPECT_TRUE(all.at("workers").at(0).at("cpuPercent").is_number());
  ASSERT_EQ(all.at("workers").as_array().size(), 1U);
  EXPECT_EQ(all.at("workers").at(0).at("jobs").at(0).as_string(), id);
  EXPECT_EQ(all.at("running").at(0).at("name").as_string(), "job");
  EXPECT_EQ(hearth({"top", "--interval", "1ms"}).code, 2);
}

TEST_F(TopTest, WithoutAControllerItSaysWhatToDo) {
  auto top = std::make_unique<PtyProgram>(
      std::vector<std::string>{program_path("hearth"), "top", "--url", "127.0.0.1:1"},
      std::map<std::string, std::string>{}, kWide, kHigh);
  EXPECT_TRUE(top->wait_for_text("hearth up"));
  const int status = top->wait_ended();
  EXPECT_EQ(WEXITSTATUS(status), 1);
  expect_given_back(*top);
}

}  // namespace
}  // namespace hearth::e2e
