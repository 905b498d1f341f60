#include "runner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hearth::sim {
namespace {

// Where a handler of SIGABRT finds out which run it was; it has no other way.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
std::array<char, 256> replay_line{};

extern "C" void say_replay(int) {
  const auto ignored = ::write(STDOUT_FILENO, replay_line.data(), std::strlen(replay_line.data()));
  static_cast<void>(ignored);
  std::_Exit(1);
}

void remember(const std::string& line) {
  std::snprintf(replay_line.data(), replay_line.size(), "%s\n", line.c_str());
}

struct Child {
  pid_t pid = 0;
  int output = -1;
};

Child start_child(const SeedRange& range, const RunSettings& settings, std::uint64_t step) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    std::perror("hearth_sim: pipe");
    std::abort();
  }
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    std::perror("hearth_sim: fork");
    std::abort();
  }
  if (pid > 0) {
    ::close(ends[1]);
    return {pid, ends[0]};
  }
  ::close(ends[0]);
  ::dup2(ends[1], STDOUT_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  const RunReport report = run_seeds(range, settings, step);
  std::printf("%s\n", report.failure.c_str());
  std::fflush(nullptr);
  std::_Exit(report.failure.empty() ? 0 : 1);
}

ChildReport finish_child(const Child& child) {
  ChildReport report;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = ::read(child.output, buffer.data(), buffer.size());
    if (got <= 0) {
      break;
    }
    report.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(child.output);
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  report.failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  return report;
}

}  // namespace

std::string replay_command(const SimOptions& options, const RunSettings& settings) {
  const std::string program = settings.mutation.empty() ? "hearth_sim" : "hearth_sim_mutated";
  std::string command = program + " --seed=" + std::to_string(options.seed) +
                        " --scenario=" + std::string(to_string(options.scenario));
  if (!settings.mutation.empty()) {
    command += " --mutation=" + settings.mutation;
  }
  return command;
}

RunReport run_seeds(const SeedRange& range, const RunSettings& settings, std::uint64_t step) {
  std::signal(SIGABRT, say_replay);
  set_mutation(settings.mutation);
  RunReport total;
  for (std::uint64_t seed = range.first; seed <= range.last; seed += step) {
    const SimOptions options = options_from_seed(seed, range.scenario);
    remember("replay: " + replay_command(options, settings));
    const RunReport report = run_simulation(options, settings);
    add(total, report);
    if (!report.failure.empty()) {
      total.failure = to_string(options) + "\nFAILED: " + report.failure +
                      "\nreplay: " + replay_command(options, settings);
      break;
    }
  }
  std::signal(SIGABRT, SIG_DFL);
  return total;
}

std::vector<ChildReport> run_seeds_in_children(const SeedRange& range, const RunSettings& settings,
                                               std::uint64_t jobs) {
  std::vector<Child> children;
  for (std::uint64_t job = 0; job < jobs; ++job) {
    SeedRange part = range;
    part.first += job;
    children.push_back(start_child(part, settings, jobs));
  }
  std::vector<ChildReport> reports;
  for (const Child& child : children) {
    reports.push_back(finish_child(child));
  }
  return reports;
}

}  // namespace hearth::sim
