// The same attacks under bubblewrap, started by a user who is not root: what each of the two stops.
// docs/attacks.md is the table of it, and this test holds it to what comes of the attacks.
//
//   HEARTH_UPDATE_DOCS=1 attack_bubblewrap_test     writes the file anew
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"
#include "tests/attack/attack_fixture.h"
#include "tests/attack/probe_rows.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

namespace {

using Outcomes = std::map<std::string, std::string>;

// As its manual has it for a program that is not trusted, and as scripts around it commonly do.
constexpr const char* kBubblewrap[] = {"setpriv",
                                       "--reuid=65534",
                                       "--regid=65534",
                                       "--clear-groups",
                                       "bwrap",
                                       "--unshare-all",
                                       "--die-with-parent",
                                       "--new-session",
                                       "--cap-drop",
                                       "ALL",
                                       "--ro-bind",
                                       "/usr",
                                       "/usr",
                                       "--symlink",
                                       "usr/bin",
                                       "/bin",
                                       "--symlink",
                                       "usr/lib",
                                       "/lib",
                                       "--symlink",
                                       "usr/lib64",
                                       "/lib64",
                                       "--ro-bind",
                                       "/etc/passwd",
                                       "/etc/passwd",
                                       "--ro-bind",
                                       "/etc/ld.so.cache",
                                       "/etc/ld.so.cache",
                                       "--proc",
                                       "/proc",
                                       "--dev",
                                       "/dev",
                                       "--tmpfs",
                                       "/tmp",
                                       "--tmpfs",
                                       "/work",
                                       "--chdir",
                                       "/work",
                                       "--clearenv",
                                       "--setenv",
                                       "PATH",
                                       "/usr/bin:/bin"};

bool is_stopped(const std::string& outcome) {
  return !outcome.starts_with("allowed");
}

std::string first_line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

class BubblewrapTest : public AttackTest {
 protected:
  std::vector<std::string> inside_bubblewrap(const std::vector<std::string>& words) {
    std::vector<std::string> command(std::begin(kBubblewrap), std::end(kBubblewrap));
    command.insert(command.end(), {"--ro-bind", Pen::shown(), Pen::shown()});
    const std::vector<std::string> own = tool(words);
    command.insert(command.end(), own.begin(), own.end());
    return command;
  }

  Outcomes under_bubblewrap(const std::vector<std::string>& words) {
    harness::Program program(scratch(), inside_bubblewrap(words), {.stdin_bytes = "abc"});
    const harness::Exit ended = program.wait();
    EXPECT_EQ(ended.code, 0) << ended.err;
    return parse_outcomes(ended.out);
  }

  pid_t pid_of_victim() {
    for (const pid_t pid : pen().processes()) {
      const std::string command = harness::contents("/proc/" + std::to_string(pid) + "/cmdline");
      if (command.starts_with(Pen::shown())) {
        return pid;
      }
    }
    return 0;
  }

  Outcomes neighbours_under_bubblewrap() {
    harness::Program victim(scratch(), inside_bubblewrap({"do", "victim"}), {});
    victim.wait_for_line("victim ");
    const auto outcomes = under_bubblewrap({"neighbours", std::to_string(pid_of_victim())});
    victim.signal(SIGKILL);
    victim.wait();
    wait_until([this] { return pid_of_victim() == 0; }, "the victim to be gone");
    return outcomes;
  }

  Outcomes neighbours_under_hearth() {
    const std::string victim = submit(job_of(tool({"do", "victim"})));
    wait_until([&] { return output(victim).starts_with("victim "); }, "the victim");
    auto outcomes = run_group({"neighbours", std::to_string(pid_of_victim())});
    EXPECT_EQ(post("/v1/jobs/" + victim + "/cancel", "{}").status, 202);
    wait_ended(victim);
    return outcomes;
  }

  std::vector<std::string> words_for(const std::string& group) {
    std::vector<std::string> words = {group};
    std::vector<std::string> given;
    if (group == "network") {
      given = canaries().arguments(http_port());
    } else if (group == "identity") {
      given = {Pen::shown() + "/setuid_tool", Pen::shown() + "/capable_tool"};
    } else if (group == "secrets") {
      given = {data(), kToken};
    } else if (group == "files") {
      given = {Pen::shown()};
    }
    words.insert(words.end(), given.begin(), given.end());
    return words;
  }
};

std::string shown(const std::string& outcome) {
  const std::string mark = is_stopped(outcome) ? "" : "**";
  return mark + outcome + mark;
}

std::string table(const ProbeGroup& group, Outcomes& hearth, Outcomes& other) {
  std::string text =
      std::string("\n## ") + group.about + "\n\n| Attack | Hearth | bubblewrap |\n|---|---|---|\n";
  for (const ProbeRow& row : group.rows) {
    text += std::string("| ") + row.about + " | " + shown(hearth[row.name]) + " | " +
            shown(other[row.name]) + " |\n";
  }
  return text;
}

struct Tally {
  int both = 0;
  int only_hearth = 0;
  int only_other = 0;
  int neither = 0;

  void add(bool hearth, bool other) {
    both += hearth && other ? 1 : 0;
    only_hearth += hearth && !other ? 1 : 0;
    only_other += !hearth && other ? 1 : 0;
    neither += !hearth && !other ? 1 : 0;
  }
};

std::string introduction(const Tally& tally, const std::string& made_on) {
  std::ostringstream text;
  text << "# What sandboxes stop\n\n"
          "Made by `attack_bubblewrap_test`, which fails where it is not true any more "
          "(`HEARTH_UPDATE_DOCS=1` writes it anew).\n"
          "Each attack of `attack_tool` (tests/attack) runs in a sandbox of Hearth's level "
          "`process` "
          "and under bubblewrap, started by\na user who is not root with `--unshare-all` and all "
          "capabilities dropped. An attack that gets what it wanted is **bold**.\n\n"
       << made_on << "\n\n| | attacks |\n|---|---|\n| stopped by both | " << tally.both
       << " |\n| stopped by Hearth only | " << tally.only_hearth
       << " |\n| stopped by bubblewrap only | " << tally.only_other << " |\n| stopped by neither | "
       << tally.neither
       << " |\n\nbubblewrap has no limits of its own: processes, memory, files and time, which "
          "`attack_bombs_test` and\n`attack_lives_test` try under Hearth, are for its caller to "
          "bound.\n";
  return text.str();
}

std::string made_on(const std::string& bubblewrap) {
  utsname names{};
  ::uname(&names);
  const std::string release = names.release;
  const std::size_t second_dot = release.find('.', release.find('.') + 1);
  return "Linux " + release.substr(0, second_dot) + ", " + bubblewrap + ".";
}

TEST_F(BubblewrapTest, AndHearthStopWhatDocsSay) {
  // Both are started with it open.
  const UniqueFd inherited(::open("/dev/zero", O_RDONLY));
  start_hearth();
  Tally tally;
  std::string tables;
  for (const ProbeGroup& group : probe_groups()) {
    const bool two = std::string(group.name) == "neighbours";
    Outcomes hearth = two ? neighbours_under_hearth() : run_group(words_for(group.name));
    Outcomes other = two ? neighbours_under_bubblewrap() : under_bubblewrap(words_for(group.name));
    for (const ProbeRow& row : group.rows) {
      tally.add(is_stopped(hearth[row.name]), is_stopped(other[row.name]));
      std::cout << row.name << ": Hearth " << hearth[row.name] << ", bubblewrap " << other[row.name]
                << "\n";
    }
    tables += table(group, hearth, other);
  }
  harness::Program version(scratch(), {"bwrap", "--version"}, {});
  const std::string here = made_on(first_line_of(version.wait().out));
  const std::string text = introduction(tally, here) + tables;

  const std::string path = HEARTH_DOCS "/attacks.md";
  if (::getenv("HEARTH_UPDATE_DOCS") != nullptr) {
    std::ofstream(path) << text;
  }
  const std::string told = harness::contents(path);
  if (told.find(here) == std::string::npos) {
    GTEST_SKIP() << "NOT RUN HERE: docs/attacks.md was made on another kernel or bubblewrap than "
                 << here;
  }
  EXPECT_EQ(text, told) << "docs/attacks.md: HEARTH_UPDATE_DOCS=1 writes it anew";
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
