// The tests' own promise: what a test started does not outlive it, however it ends.
#include "tests/harness/program.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>

#include <gtest/gtest-spi.h>

#include "tests/harness/cluster.h"

namespace hearth::harness {
namespace {

constexpr int kPatienceMs = 20'000;

class CrashingTest : public ClusterTest {
 protected:
  // Runs `body` in a fork of this test, which then dies as a crash would end it; what `body`
  // returns are the processes that must die with it, held here before that.
  void crash_after(const std::function<std::vector<pid_t>()>& body) {
    // Orphans come here, so that their pids stay theirs until they were looked at.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    std::array<int, 2> told{};
    std::array<int, 2> go{};
    ASSERT_EQ(::pipe(told.data()), 0);
    ASSERT_EQ(::pipe(go.data()), 0);
    const pid_t crashing = ::fork();
    if (crashing == 0) {
      const auto pids = body();
      const bool failed = HasFailure();
      char wait = 0;
      if (failed || ::write(told[1], pids.data(), pids.size() * sizeof(pid_t)) < 0 ||
          ::read(go[0], &wait, 1) != 1) {
        ::_exit(1);
      }
      ::raise(SIGKILL);
    }
    ::close(told[1]);
    std::array<pid_t, 16> pids{};
    const ssize_t got = ::read(told[0], pids.data(), sizeof pids);
    ASSERT_GT(got, 0) << "it failed before it was to crash";
    std::vector<UniqueFd> held;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof(pid_t); ++i) {
      held.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, pids.at(i), 0)));
      EXPECT_TRUE(held.back().valid()) << pids.at(i);
    }
    EXPECT_EQ(::write(go[1], "x", 1), 1);
    int status = 0;
    EXPECT_EQ(::waitpid(crashing, &status, 0), crashing);
    EXPECT_TRUE(WIFSIGNALED(status));
    for (std::size_t i = 0; i < held.size(); ++i) {
      pollfd ended{held[i].get(), POLLIN, 0};
      EXPECT_EQ(::poll(&ended, 1, kPatienceMs), 1) << "process " << pids.at(i) << " lives on";
    }
    for (const int fd : {told[0], go[0], go[1]}) {
      ::close(fd);
    }
  }
};

TEST_F(CrashingTest, TakesAProgramWithIt) {
  crash_after([this] {
    // It never returns here: its destructor must not be what ends it.
    auto* program =
        new Program(scratch(""), {"sh", "-c", "trap '' TERM; echo on; exec sleep 600"}, {});
    program->wait_for_line("on");
    return std::vector<pid_t>{program->pid()};
  });
}

TEST_F(CrashingTest, TakesDaemonsTheirLauncherAndTheirJobsWithIt) {
  crash_after([this] {
    const Program& up = start_up();
    const std::string pids = scratch("pids");
    submit({{"command",
             {"sh", "-c", "echo $PPID >> " + pids + "; echo $$ >> " + pids + "; exec sleep 600"}}});
    wait_lines(pids, 2);
    std::vector<pid_t> result = {up.pid()};
    std::ifstream in(pids);
    for (pid_t pid = 0; in >> pid;) {
      result.push_back(pid);
    }
    return result;
  });
}

TEST_F(CrashingTest, AProgramThatIsNotThereFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        Program missing("/tmp", {"no-such-program-anywhere"}, {});
        EXPECT_FALSE(missing.running());
      },
      "No such file");
}

}  // namespace
}  // namespace hearth::harness
