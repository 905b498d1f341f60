// What Hearth tells about itself: /metrics held against docs/metrics.md, and logs that can be
// followed by job, attempt and agent.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::ClusterTest;
using harness::Exit;
using harness::number;
using harness::Program;
using harness::text;

namespace {

struct Family {
  std::string type;
  std::string help;
  friend bool operator==(const Family&, const Family&) = default;
};
using Families = std::map<std::string, Family>;

// Of every `# HELP` and `# TYPE`; a value without them fails the test.
Families families_of(const std::string& text) {
  Families families;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string kind;
    std::string name;
    words >> first;
    if (first != "#") {
      std::string base = first.substr(0, first.find('{'));
      for (const char* suffix : {"_bucket", "_sum", "_count"}) {
        if (base.ends_with(suffix) && !families.contains(base)) {
          base.resize(base.size() - std::string_view(suffix).size());
        }
      }
      EXPECT_TRUE(families.contains(base)) << line;
      continue;
    }
    words >> kind >> name >> std::ws;
    std::string rest;
    std::getline(words, rest);
    (kind == "TYPE" ? families[name].type : families[name].help) = rest;
  }
  return families;
}

// The rows | `name` | type | meaning | of the document.
Families documented() {
  Families families;
  std::ifstream file(HEARTH_DOCS "/metrics.md");
  EXPECT_TRUE(file.good());
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) {
      continue;
    }
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) {
      const std::size_t from = cell.find_first_not_of(" `");
      cells.push_back(cell.substr(from, cell.find_last_not_of(" `") + 1 - from));
    }
    EXPECT_EQ(cells.size(), 3U) << line;
    families[cells.at(0)] = {.type = cells.at(1), .help = cells.at(2)};
  }
  return families;
}

std::int64_t value_of(const std::string& text, const std::string& series) {
  const std::size_t at = ("\n" + text).find("\n" + series + " ");
  EXPECT_NE(at, std::string::npos) << series;
  return at == std::string::npos ? -1 : std::stoll(text.substr(at + series.size()));
}

class ObserveTest : public ClusterTest {
 protected:
  // Of an agent's own door.
  std::string agent_metrics(const std::string& address, const std::string& target = "/metrics") {
    const Exit exit =
        Program(scratch(""), {"curl", "-sS", "--max-time", "20", "http://" + address + target}, {})
            .wait();
    EXPECT_EQ(exit.code, 0) << exit.err;
    return exit.out;
  }
};

TEST_F(ObserveTest, EachMetricIsInTheTableAndTheOtherWayRound) {
  start_up({"--id", "here"});
  wait_ended(submit({{"command", {"echo", "hello"}}}));
  const Families told = families_of(get("/metrics").raw);
  const Families table = documented();
  EXPECT_GT(table.size(), 80U);
  for (const auto& [name, family] : told) {
    const auto row = table.find(name);
    ASSERT_NE(row, table.end()) << "docs/metrics.md lacks | `" << name << "` | " << family.type
                                << " | " << family.help << " |";
    EXPECT_EQ(row->second.type, family.type) << name;
    EXPECT_EQ(row->second.help, family.help) << name;
  }
  for (const auto& [name, row] : table) {
    EXPECT_TRUE(told.contains(name)) << name << " is in docs/metrics.md and nowhere else";
  }
}

TEST_F(ObserveTest, FiguresFollowWhatHappens) {
  start_up({"--id", "here"});
  wait_ended(submit({{"command", {"sh", "-c", "head -c 100000 /dev/zero"}}}));
  wait_ended(submit({{"command", {"no-such-command"}}}));
  EXPECT_EQ(get("/v1/jobs/none").status, 404);
  EXPECT_EQ(get("/nowhere").status, 404);
  EXPECT_EQ(post("/v1/jobs", std::string((1 << 20) + 1, ' ')).status, 413);
  const std::string text = get("/metrics").raw;
  EXPECT_EQ(value_of(text,
                     "hearth_http_request_seconds_count{method=\"POST\",route=\"/v1/jobs\","
                     "class=\"2xx\"}"),
            2);
  EXPECT_EQ(value_of(text,
                     "hearth_http_request_seconds_count{method=\"GET\","
                     "route=\"/v1/jobs/{id}\",class=\"4xx\"}"),
            1);
  EXPECT_EQ(value_of(text,
                     "hearth_http_request_seconds_count{method=\"any\",route=\"none\","
                     "class=\"4xx\"}"),
            1);
  EXPECT_EQ(value_of(text, "hearth_http_refused_total{limit=\"request_body_bytes_max\"}"), 1);
  EXPECT_EQ(value_of(text, "hearth_output_file_bytes_total"), 100'000);
  EXPECT_EQ(value_of(text, "hearth_agent_output_bytes_total"), 100'000);
  EXPECT_EQ(value_of(text, "hearth_agent_started_total"), 1);
  EXPECT_EQ(value_of(text, "hearth_agent_spawns_failed_total"), 1);
  EXPECT_EQ(value_of(text, "hearth_agent_spawn_seconds_count"), 1);
  EXPECT_EQ(value_of(text, "hearth_agent_attempts"), 0);
  EXPECT_EQ(value_of(text, "hearth_agent_linked"), 1);
  EXPECT_GE(value_of(text, "hearth_store_commits_total"), 4);
  EXPECT_GT(value_of(text, "hearth_store_rows_total"), 4);
  EXPECT_GT(value_of(text, "hearth_store_log_bytes"), 0);
  EXPECT_GT(value_of(text, "hearth_http_received_bytes_total"), 0);
}

TEST_F(ObserveTest, AnAgentTellsItsFiguresWhereItIsToldTo) {
  start_controller();
  Program& agent = start_agent("a", {"--metrics", "127.0.0.1:0"});
  const std::string ready = agent.wait_for_line("hearth agent ready");
  const std::string door = ready.substr(ready.find("metrics=") + 8);
  wait_ended(submit({{"command", {"true"}}}));
  const std::string figures = agent_metrics(door);
  const Families table = documented();
  for (const auto& [name, family] : families_of(figures)) {
    EXPECT_TRUE(name.starts_with("hearth_agent_")) << name;
    EXPECT_EQ(table.contains(name), true) << name;
  }
  EXPECT_EQ(value_of(figures, "hearth_agent_started_total"), 1);
  EXPECT_EQ(value_of(figures, "hearth_agent_links_total"), 1);
  EXPECT_NE(agent_metrics(door, "/v1/jobs").find("GET /metrics only"), std::string::npos);
  restart_controller();
  wait_ended(submit({{"command", {"true"}}}));
  EXPECT_EQ(value_of(agent_metrics(door), "hearth_agent_links_total"), 2);
  // Nobody is asked for a token there.
  const Exit beyond = hearth({"agent", "--controller", grpc(), "--id", "b", "--data", scratch("b"),
                              "--metrics", "0.0.0.0:0"});
  EXPECT_EQ(beyond.code, 1);
  EXPECT_NE(beyond.err.find("loopback"), std::string::npos) << beyond.err;
}

// Every line about a job, attempt or agent can be found by its ids.
TEST_F(ObserveTest, JsonLinesNameJobAttemptAndAgent) {
  Program& up = start_up({"--id", "here", "--log-format", "json", "--log-level", "debug"});
  const std::string id = submit({{"command", {"sh", "-c", "exit 3"}}, {"maxRetries", 1}});
  wait_ended(id);
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 0);
  std::istringstream lines(up.err());
  std::set<std::string> events;
  std::set<std::string> messages;
  for (std::string line; std::getline(lines, line);) {
    boost::system::error_code failed;
    const json::value parsed = json::parse(line, failed);
    ASSERT_FALSE(failed) << line;
    const json::object& entry = parsed.as_object();
    for (const char* key : {"time", "level", "message"}) {
      EXPECT_TRUE(entry.contains(key)) << line;
    }
    messages.insert(text(entry, "message"));
    if (line.find(id) == std::string::npos) {
      continue;
    }
    EXPECT_EQ(text(entry, "job"), id) << line;
    ASSERT_TRUE(entry.contains("attempt")) << line;
    if (number(entry, "attempt") > 0) {
      EXPECT_EQ(text(entry, "agent"), "here") << line;
    }
    events.insert(text(entry, "event") + " " + std::to_string(number(entry, "attempt")));
  }
  for (const char* event : {"submitted 0", "assigned 1", "started 1", "assigned 2", "ended 2"}) {
    EXPECT_TRUE(events.contains(event)) << event;
  }
  for (const char* message : {"starting", "ended", "an agent is linked", "controller is up"}) {
    EXPECT_TRUE(messages.contains(message)) << message;
  }
}

// The same lines as text: fields behind the sentence.
TEST_F(ObserveTest, TextLinesNameThemToo) {
  Program& up = start_up({"--id", "here", "--log-level", "debug"});
  const std::string id = submit({{"command", {"true"}}});
  wait_ended(id);
  up.signal(SIGTERM);
  EXPECT_EQ(up.wait().code, 0);
  EXPECT_NE(up.err().find("starting job=" + id + " attempt=1 agent=here\n"), std::string::npos)
      << up.err();
  EXPECT_NE(up.err().find("committed job=" + id + " attempt=1 agent=here event=ended"),
            std::string::npos)
      << up.err();
}

}  // namespace
}  // namespace hearth::e2e
