// Every command of the command line against a real controller.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::ClusterTest;
using harness::Exit;
using harness::text;

namespace {

class CommandsTest : public ClusterTest {
 protected:
  CommandsTest() { start_up({"--id", "here", "--cpu", "4", "--memory", "2048"}); }

  std::string submit_line(std::vector<std::string> flags, std::vector<std::string> command) {
    flags.insert(flags.begin(), "submit");
    flags.emplace_back("--");
    flags.insert(flags.end(), command.begin(), command.end());
    const Exit exit = hearth(flags);
    EXPECT_EQ(exit.code, 0) << exit.err;
    return exit.out.substr(0, exit.out.find('\n'));
  }
};

TEST_F(CommandsTest, SubmitPrintsTheIdAndLogsShowsTheOutput) {
  const std::string id = submit_line({}, {"sh", "-c", "echo one; echo two >&2"});
  wait_ended(id);
  const Exit logs = hearth({"logs", id});
  EXPECT_EQ(logs.out, "one\n");
  EXPECT_EQ(logs.err, "two\n");
  EXPECT_EQ(hearth({"logs", "--stream", "stderr", id}).out, "");
  const Exit follow = hearth({"logs", "-f", id});
  EXPECT_EQ(follow.code, 0);
  EXPECT_EQ(follow.out, "one\n");
  EXPECT_EQ(follow.err, "two\n");
}

TEST_F(CommandsTest, JobsListsFiltersAndShows) {
  const std::string good =
      submit_line({"--name", "good", "--label", "team=a", "--cpu", "0.25"}, {"true"});
  const std::string bad = submit_line({"--name", "bad", "--label", "team=b"}, {"false"});
  wait_ended(good);
  wait_ended(bad);
  const Exit all = hearth({"jobs"});
  EXPECT_NE(all.out.find(good), std::string::npos) << all.out;
  EXPECT_NE(all.out.find(bad), std::string::npos);
  const Exit failed = hearth({"jobs", "--state", "FAILED"});
  EXPECT_EQ(failed.out.find(good), std::string::npos) << failed.out;
  EXPECT_NE(failed.out.find("exit_nonzero"), std::string::npos);
  EXPECT_EQ(hearth({"jobs", "--label", "team=a"}).out.find(bad), std::string::npos);
  const Exit one = hearth({"jobs", good});
  EXPECT_NE(one.out.find("COMPLETED"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find(" 0.25\n"), std::string::npos) << one.out;
  const Exit as_json = hearth({"jobs", "--json", good});
  EXPECT_EQ(text(json::parse(as_json.out).as_object(), "state"), "COMPLETED");
  const Exit unknown = hearth({"jobs", "0000000000000"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_FALSE(unknown.err.empty());
}

TEST_F(CommandsTest, CancelStopsWhatRunsAndWhatWaits) {
  const std::string running = submit_line({}, {"sleep", "60"});
  const std::string waiting = submit_line({"--delay", "1h"}, {"true"});
  wait_state(running, "RUNNING");
  const Exit exit = hearth({"cancel", running, waiting});
  EXPECT_EQ(exit.code, 0) << exit.err;
  EXPECT_EQ(text(wait_ended(running), "state"), "CANCELLED");
  EXPECT_EQ(text(wait_ended(waiting), "state"), "CANCELLED");
  EXPECT_EQ(hearth({"cancel", "0000000000000"}).code, 1);
  // Once more: unchanged.
  EXPECT_EQ(hearth({"cancel", running}).code, 0);
}

TEST_F(CommandsTest, RetryMakesANewJobOfAnEndedOne) {
  const std::string id = submit_line({"--name", "again"}, {"false"});
  wait_ended(id);
  const Exit exit = hearth({"retry", id});
  EXPECT_EQ(exit.code, 0) << exit.err;
  const std::string second = exit.out.substr(0, exit.out.find('\n'));
  EXPECT_NE(second, id);
  const auto job = wait_ended(second);
  EXPECT_EQ(text(job, "retryOf"), id);
  EXPECT_EQ(text(job, "name"), "again");
  const std::string open = submit_line({"--delay", "1h"}, {"true"});
  EXPECT_EQ(hearth({"retry", open}).code, 1);
}

TEST_F(CommandsTest, ExplainSaysWhyAJobWaits) {
  const std::string id = submit_line({"--cpu", "64"}, {"true"});
  const Exit exit = hearth({"explain", id});
  EXPECT_EQ(exit.code, 0) << exit.err;
  EXPECT_EQ(exit.out.rfind("QUEUED since 20", 0), 0U) << exit.out;
  EXPECT_NE(exit.out.find("here"), std::string::npos) << exit.out;
  EXPECT_EQ(hearth({"cancel", id}).code, 0);
}

TEST_F(CommandsTest, AgentsWorkersAndTopShowWhatRuns) {
  const std::string id = submit_line({"--cpu", "1.5"}, {"sleep", "60"});
  wait_state(id, "RUNNING");
  const Exit agents = hearth({"agents"});
  EXPECT_NE(agents.out.find("here"), std::string::npos) << agents.out;
  EXPECT_NE(agents.out.find("BUSY"), std::string::npos) << agents.out;
  EXPECT_NE(agents.out.find(" 1.5/"), std::string::npos) << agents.out;
  const Exit workers = hearth({"workers"});
  EXPECT_NE(workers.out.find(id), std::string::npos) << workers.out;
  const Exit top = hearth({"top", "--once"});
  EXPECT_NE(top.out.find(id), std::string::npos) << top.out;
  EXPECT_EQ(hearth({"cancel", id}).code, 0);
  wait_ended(id);
}

TEST_F(CommandsTest, DrainKeepsWorkOffAnAgentUntilUndone) {
  EXPECT_EQ(hearth({"drain", "here"}).code, 0);
  const std::string id = submit_line({}, {"true"});
  const Exit why = hearth({"explain", id});
  EXPECT_NE(why.out.find("drain"), std::string::npos) << why.out;
  EXPECT_EQ(hearth({"drain", "--undo", "here"}).code, 0);
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
  EXPECT_EQ(hearth({"drain", "nobody"}).code, 1);
}

TEST_F(CommandsTest, ArraysAndBatchesReportTheirProgress) {
  const Exit array = hearth({"submit", "--array", "1-5", "--cpu", "0.1", "--memory", "16", "--wait",
                             "--json", "--", "sh", "-c", "echo $HEARTH_ARRAY_INDEX"});
  EXPECT_EQ(array.code, 0) << array.err;
  EXPECT_NE(array.err.find("5/5 ended"), std::string::npos) << array.err;
  const auto ids = json::parse(array.out).as_object().at("ids").as_array();
  ASSERT_EQ(ids.size(), 5U);
  EXPECT_EQ(output(std::string(ids[2].as_string())), "3\n");

  std::ofstream(scratch("jobs.ndjson")) << R"({"ref":"first","command":["true"]})"
                                        << "\n"
                                        << R"({"command":["echo","second"],"after":["@first"]})"
                                        << "\n"
                                        << R"({"command":[]})"
                                        << "\n";
  const Exit batch = hearth({"submit", "--from", scratch("jobs.ndjson"), "--wait"});
  EXPECT_EQ(batch.code, 1);
  EXPECT_NE(batch.err.find("item 3"), std::string::npos) << batch.err;
  EXPECT_NE(batch.err.find("2/2 ended"), std::string::npos) << batch.err;
}

TEST_F(CommandsTest, ConfigShowsWhatIsInForceAndWhereItCameFrom) {
  std::ofstream(scratch("h.toml")) << "sweep_interval = \"7s\"\n";
  const Exit exit = hearth({"config", "--config", scratch("h.toml"), "--id", "x"},
                           {.environment = {{"HEARTH_GRPC", "127.0.0.1:9999"}}});
  EXPECT_EQ(exit.code, 0) << exit.err;
  EXPECT_NE(exit.out.find("flag --id"), std::string::npos) << exit.out;
  EXPECT_NE(exit.out.find("environment HEARTH_GRPC"), std::string::npos);
  EXPECT_NE(exit.out.find("h.toml"), std::string::npos);
}

}  // namespace
}  // namespace hearth::e2e
