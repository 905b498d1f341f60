// Processes that will not end, or that leave others behind; and what a job says, that whoever reads
// it might take for something else.
#include <algorithm>

#include "tests/attack/attack_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::number;
using harness::text;

namespace {

class LivesTest : public AttackTest {
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

  static Case out_of_time(const std::string& name, const std::string& output) {
    return {.name = name,
            .command = tool({"do", name}),
            .state = "TIMED_OUT",
            .reason = "timed_out",
            .output = output,
            .more = {{"timeoutMs", 1'000}}};
  }
  static Case done(std::vector<std::string> words, const std::string& output) {
    words.insert(words.begin(), "do");
    return {.name = words[1], .command = tool(words), .output = output};
  }
};

TEST_F(LivesTest, OutOfTime) {
  expect_ends({
      out_of_time("busy", ""),
      out_of_time("sleep", ""),
      out_of_time("ignore-term", "ready\n"),
      out_of_time("stop-self", "ready\n"),
      out_of_time("stop-all", "ready\n"),
      out_of_time("vfork-hang", "ready\n"),
      out_of_time("hostile-name", "ready\n"),
  });
}

// With time to end by themselves, which they do not use.
TEST_F(LivesTest, IgnoresTheWarning) {
  Case attack = out_of_time("ignore-term", "ready\n");
  attack.more["graceMs"] = 300;
  expect_end(attack);
}

TEST_F(LivesTest, Left) {
  expect_ends({
      done({"daemon"}, "left\n"),
      done({"restless-daemons", "8"}, "left\n"),
      done({"reaper"}, "left\n"),
      {.name = "leave-writers", .command = tool({"do", "leave-writers"}), .output = "…"},
      {.name = "nohup",
       .command = {"sh", "-c", "nohup sleep 50 > /dev/null 2>&1 & echo left"},
       .output = "left\n"},
      {.name = "setsid",
       .command = {"sh", "-c", "setsid sleep 50 & echo left"},
       .output = "left\n"},
  });
}

TEST_F(LivesTest, Signals) {
  const auto dies_by = [](int number) {
    return Case{.name = "signal " + std::to_string(number),
                .command = tool({"do", "die-by", std::to_string(number)}),
                .state = "FAILED",
                .reason = "signaled"};
  };
  expect_ends(
      {dies_by(9),
       dies_by(15),
       dies_by(11),
       dies_by(5),
       {.name = "abort", .command = tool({"do", "abort"}), .state = "FAILED", .reason = "signaled"},
       done({"kill-everybody"}, "contained\n")});
}

TEST_F(LivesTest, Talks) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes += static_cast<char>(byte);
  }
  bytes += "\xed\xa0\x80\xff\xfe\xc0\x80";
  expect_ends({
      done({"open-streams"}, "0 1 2\n"),
      done({"bytes"}, bytes),
      done({"close-early"}, ""),
      done({"settings-of-pipe"}, std::string(100, 'p') + "…"),
      {.name = "change-input",
       .command = tool({"do", "change-input"}),
       .output = "allowed\n",
       .more = {{"stdin", "abc"}}},
  });
}

// What it writes looks like what the launcher tells the agent, an interpreter's slot its agent, and
// the controller its clients; it is output, to the last byte, and nobody else's job ends by it.
TEST_F(LivesTest, FramesOfOthers) {
  const std::string bystander = submit(job_of(tool({"do", "sleep"}), {}));
  wait_state(bystander, "RUNNING");
  const json::object ended = run(tool({"do", "frames"}));
  EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
  const std::string out = output(text(ended, "id"));
  EXPECT_TRUE(out.ends_with("refused EBADF\n")) << "it reached a descriptor that is not its own";
  EXPECT_EQ(out, output(text(ended, "id"), "stderr") + "refused EBADF\n");
  EXPECT_EQ(text(job(bystander), "state"), "RUNNING");
  EXPECT_EQ(post("/v1/jobs/" + bystander + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(bystander), "state"), "CANCELLED");
  expect_as_before();
}

TEST_F(LivesTest, StreamsKeepTheirOrder) {
  constexpr int kLines = 2'000;
  std::string lines;
  for (int line = 0; line < kLines; ++line) {
    lines += std::to_string(line) + "\n";
  }
  const json::object ended = run(tool({"do", "alternate", std::to_string(kLines)}));
  EXPECT_EQ(output(text(ended, "id")), lines);
  EXPECT_EQ(output(text(ended, "id"), "stderr"), lines);
  expect_as_before();
}

// Names that a process gives itself are shown to people, and inside JSON.
TEST_F(LivesTest, NamesAreShownAsText) {
  const std::string id = submit(job_of(tool({"do", "hostile-name"}), {}));
  wait_until([&] { return output(id) == "ready\n"; }, "its name");
  const std::vector<std::string> targets = {"/v1/jobs/" + id, "/v1/jobs", "/v1/agents",
                                            "/v1/workers", "/metrics"};
  for (const std::string& target : targets) {
    const harness::Answer answer = get(target);
    EXPECT_EQ(answer.raw.find('\x1b'), std::string::npos) << target;
  }
  EXPECT_EQ(post("/v1/jobs/" + id + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
  expect_as_before();
}

// The longest words that are taken reach the program whole.
TEST_F(LivesTest, LongWords) {
  std::vector<std::string> words = {"do", "count-words"};
  words.insert(words.end(), 4, std::string(30'000, 'w'));
  expect_end({.name = "120 kB of words", .command = tool(words), .output = "4 120000\n"});
}

}  // namespace
}  // namespace hearth::attack
