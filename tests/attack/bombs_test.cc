// Jobs that take more than they are given: the kernel refuses, or the job ends as one out of
// memory, output or time; nobody else notices.
#include "tests/attack/attack_fixture.h"

namespace hearth::attack {

using harness::number;
using harness::text;

namespace {

class BombsTest : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (!IsSkipped()) {
      start_hearth();
    }
  }

  void expect_ends(const std::vector<Case>& attacks) {
    for (const Case& attack : attacks) {
      expect_end(attack);
    }
  }

  // Of attack_tool, ended by the kernel for its memory.
  static Case out_of_memory(std::vector<std::string> words) {
    words.insert(words.begin(), "do");
    return {.name = words[1], .command = tool(words), .state = "FAILED", .reason = "oom"};
  }
  static Case refused(std::vector<std::string> words, const std::string& output) {
    words.insert(words.begin(), "do");
    return {.name = words[1], .command = tool(words), .output = output + "\n"};
  }
};

const json::object kTwoSeconds = {{"timeoutMs", 2'000}};

// Two of the processes are the sandbox's init and the attacker.
TEST_F(BombsTest, Processes) {
  const std::string all_others = std::to_string(kProcesses - 2);
  expect_ends({
      refused({"forks", "200"}, "refused EAGAIN after " + all_others),
      refused({"threads", "200"}, "refused EAGAIN after " + all_others),
      refused({"zombies", "200"}, "refused EAGAIN after " + all_others),
      refused({"orphans", "300"}, "contained"),
      {.name = "fork-storm",
       .command = tool({"do", "fork-storm"}),
       .state = "TIMED_OUT",
       .reason = "timed_out",
       // Of what dies and is born at once the kernel holds some more than the bound on processes.
       .more = {{"requiredRamMb", 256}, {"timeoutMs", 2'000}}},
      {.name = "fork bomb of a shell",
       .command = {"bash", "-c", ":() { : | : & }; :; while :; do wait; done"},
       .state = "TIMED_OUT",
       .reason = "timed_out",
       .more = kTwoSeconds},
  });
}

TEST_F(BombsTest, Memory) {
  expect_ends({
      out_of_memory({"touch", "256"}),
      out_of_memory({"touch-shared", "256"}),
      out_of_memory({"memory-files", "256"}),
      out_of_memory({"pipes", "256"}),
      out_of_memory({"sockets", "400"}),
      out_of_memory({"shared-memory", "256"}),
      out_of_memory({"message-queues", "8000"}),
      {.name = "python",
       .command = {"/usr/bin/python3", "-c", "x = bytearray(256 * 2**20)"},
       .state = "FAILED",
       .reason = "oom"},
  });
}

TEST_F(BombsTest, Javascript) {
  const json::object memory = {{"requiredRamMb", 128}};
  expect_ends({
      {.name = "memory of node",
       .command = {"node", "-e", "const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1));"},
       .state = "FAILED",
       .reason = "oom",
       .more = memory},
      {.name = "endless loop of node",
       .command = {"node", "-e", "for (;;) {}"},
       .state = "TIMED_OUT",
       .reason = "timed_out",
       .more = {{"requiredRamMb", 128}, {"timeoutMs", 2'000}}},
  });
}

TEST_F(BombsTest, Files) {
  const std::string full = "refused ENOSPC after " + std::to_string(kDiskMb);
  expect_ends({
      refused({"fill", "/work/full", "64"}, full),
      refused({"fill", "/tmp/full", "64"}, full),
      refused({"fill", "/dev/shm/full", "64"}, full),
      {.name = "files",
       .command = tool({"do", "files", "/work", "40000"}),
       .output = "refused ENOSPC after 16…"},
      refused({"folders", "300"}, "allowed 300"),
      {.name = "sparse",
       .command = tool({"do", "sparse", "1024"}),
       .state = "FAILED",
       .reason = "signaled"},
      {.name = "disk of a shell",
       .command = {"sh", "-c", "dd if=/dev/zero of=/work/a bs=1M count=64 2>/dev/null; echo $?"},
       .output = "1\n"},
  });
}

TEST_F(BombsTest, Descriptors) {
  expect_ends({
      refused({"open-files", "5000"}, "refused EMFILE after 1021"),
      refused({"timers", "5000"}, "refused EMFILE after 1021"),
      refused({"polls", "5000"}, "refused EMFILE after 1021"),
      {.name = "posix-timers",
       .command = tool({"do", "posix-timers", "5000"}),
       .output = "refused EAGAIN after 10…"},
      refused({"posix-queues", "10"}, "refused EMFILE after 0"),
      refused({"locks", "5000"}, "allowed 5000"),
  });
}

// What is above the bound of one stream is dropped from its middle, or ends the job; hearth's
// memory is looked at after each.
TEST_F(BombsTest, Output) {
  expect_ends({
      {.name = "flood", .command = tool({"do", "flood", "80"}), .output = "yyyyyyyyyyyyyyyy…"},
      {.name = "flood that ends the job",
       .command = tool({"do", "flood", "200"}),
       .state = "FAILED",
       .reason = "output_limit",
       .output = "yyyyyyyyyyyyyyyy…",
       .more = {{"onOutputLimit", "kill"}}},
      {.name = "yes", .command = {"sh", "-c", "yes | head -c 30000000"}, .output = "y\ny\ny\n…"},
      {.name = "tiny writes",
       .command = tool({"do", "tiny-writes", "100000"}),
       .output = std::string(100'000, 'x')},
  });
}

}  // namespace
}  // namespace hearth::attack
