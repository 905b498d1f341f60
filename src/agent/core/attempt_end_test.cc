#include "agent/core/attempt_end.h"

#include <gtest/gtest.h>

#include "agent/core/testing/agent_core_fixture.h"

namespace hearth::agent {
namespace {

using testing::key_of;
using testing::text;

// Each row of the table in attempt_end.h, with everything below it true as well: it must win.
struct Row {
  const char* name;
  EndCauses causes;
  ProcessEnded ended;
  const char* expected;
};

std::vector<Row> rows() {
  const EndCauses all{.cancelled = true, .timed_out = true, .output_limit = true, .drained = true};
  EndCauses not_cancelled = all;
  not_cancelled.cancelled = false;
  EndCauses no_timeout = not_cancelled;
  no_timeout.timed_out = false;
  EndCauses only_drained = no_timeout;
  only_drained.output_limit = false;
  const ProcessEnded oom{
      .key = key_of(1), .exit_code = 0, .oom_killed = true, .launcher_lost = true};
  const ProcessEnded lost{.key = key_of(1), .signal = 9, .launcher_lost = true};
  const ProcessEnded killed{.key = key_of(1), .signal = 9};
  const ProcessEnded zero{.key = key_of(1), .exit_code = 0};
  const ProcessEnded three{.key = key_of(1), .exit_code = 3};
  const ProcessEnded unknown{.key = key_of(1)};
  return {
      {"cancel beats all", all, oom, "CANCELLED cancel_requested"},
      {"oom whatever the exit code", not_cancelled, oom, "FAILED oom"},
      {"timeout even with exit 0", not_cancelled, zero, "TIMED_OUT timed_out"},
      {"timeout beats a lost launcher", not_cancelled, lost, "TIMED_OUT timed_out"},
      {"output limit", no_timeout, lost, "FAILED output_limit"},
      {"launcher lost beats drain", only_drained, lost, "FAILED launcher_lost"},
      {"drained when killed", only_drained, killed, "FAILED drained"},
      {"a drain leaves an exit code alone", only_drained, zero, "COMPLETED"},
      {"a drain leaves a failure alone", only_drained, three, "FAILED exit_nonzero"},
      {"exit 0", {}, zero, "COMPLETED"},
      {"exit 3", {}, three, "FAILED exit_nonzero"},
      {"signal", {}, killed, "FAILED signaled"},
      {"no status at all", {}, unknown, "FAILED launcher_lost"},
  };
}

TEST(AttemptEndTest, FirstRowThatHoldsWins) {
  for (const Row& row : rows()) {
    EXPECT_EQ(text(result_of_end(row.ended, row.causes)), row.expected) << row.name;
  }
}

TEST(AttemptEndTest, EveryFailureHasASentence) {
  for (const Row& row : rows()) {
    const AttemptResult result = result_of_end(row.ended, row.causes);
    EXPECT_EQ(result.message.empty(), result.state == JobState::Completed) << row.name;
  }
}

TEST(AttemptEndTest, SentencesNameTheFacts) {
  EXPECT_NE(result_of_end({.exit_code = 3}, {}).message.find("exit code 3"), std::string::npos);
  EXPECT_NE(result_of_end({.signal = 11}, {}).message.find("11 (SIGSEGV)"), std::string::npos);
  EXPECT_NE(result_of_end({.signal = 40}, {}).message.find("signal 40,"), std::string::npos);
  EXPECT_NE(result_of_end({.signal = 9}, {.timed_out = true, .timeout = Duration(1'500)})
                .message.find("1500 ms"),
            std::string::npos);
  EXPECT_NE(result_of_end({.oom_killed = true, .memory_peak_bytes = 64 * limits::kMiB}, {})
                .message.find("64 MiB"),
            std::string::npos);
}

TEST(AttemptEndTest, FiguresPassThroughUnchanged) {
  const AttemptResult result = result_of_end({.key = key_of(1),
                                              .exit_code = 0,
                                              .wall_ms = 1,
                                              .cpu_ms = 2,
                                              .memory_peak_bytes = 3,
                                              .stdout_bytes = 4,
                                              .stderr_bytes = 5,
                                              .results_bytes = 6,
                                              .truncated = true},
                                             {});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.signal, std::nullopt);
  EXPECT_EQ(result.wall_ms, 1);
  EXPECT_EQ(result.cpu_ms, 2);
  EXPECT_EQ(result.memory_peak_bytes, 3);
  EXPECT_EQ(result.stdout_bytes, 4);
  EXPECT_EQ(result.stderr_bytes, 5);
  EXPECT_EQ(result.results_bytes, 6);
  EXPECT_TRUE(result.truncated);
}

TEST(AttemptEndTest, SpawnFailureKeepsItsReasonAndWords) {
  const SpawnFailed failed{key_of(1), Reason::CommandNotFound, "no such command: frobnicate"};
  const AttemptResult plain = result_of_spawn_failure(failed, {});
  EXPECT_EQ(text(plain), "FAILED command_not_found");
  EXPECT_EQ(plain.message, "no such command: frobnicate");
  EXPECT_EQ(plain.exit_code, std::nullopt);
  EXPECT_EQ(plain.signal, std::nullopt);
  EXPECT_EQ(text(result_of_spawn_failure(failed, {.drained = true})), "FAILED drained");
  EXPECT_EQ(text(result_of_spawn_failure(failed, {.cancelled = true, .drained = true})),
            "CANCELLED cancel_requested");
}

TEST(AttemptEndTest, OfALongSpawnFailureTheMiddleIsLeftOut) {
  const std::string command(static_cast<std::size_t>(limits::kCommandBytesMax), 'x');
  const AttemptResult result = result_of_spawn_failure(
      {key_of(1), Reason::CommandNotFound, "start " + command + ": not found"}, {});
  EXPECT_LE(result.message.size(), static_cast<std::size_t>(limits::kEndMessageBytesMax));
  EXPECT_TRUE(result.message.starts_with("start xxx")) << result.message;
  EXPECT_TRUE(result.message.ends_with("xxx: not found")) << result.message;
  EXPECT_NE(result.message.find("bytes left out"), std::string::npos) << result.message;
}

TEST(AttemptEndTest, NeverStartedEndsAsOrdered) {
  EXPECT_EQ(text(result_of_no_start({.cancelled = true, .drained = true})),
            "CANCELLED cancel_requested");
  EXPECT_EQ(text(result_of_no_start({.drained = true})), "FAILED drained");
}

}  // namespace
}  // namespace hearth::agent
