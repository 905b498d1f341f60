#include "tests/attack/probe_fixture.h"

#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;

namespace {

// `expected` is one of several where kernels differ, as "refused EPERM|refused ENOSYS".
bool is_expected(const std::string& expected, const std::string& outcome) {
  return ("|" + expected + "|").find("|" + outcome + "|") != std::string::npos;
}

}  // namespace

std::map<std::string, std::string> ProbeTest::probe(const std::vector<std::string>& words) {
  make_ready();
  json::object body = probing(words);
  body["stdin"] = "abc";
  const json::object ended = wait_ended(submit(body));
  EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
  auto found = parse_outcomes(output(text(ended, "id")));
  EXPECT_FALSE(found.empty()) << output(text(ended, "id"), "stderr");
  return found;
}

void ProbeTest::expect_rows(const std::string& group, std::map<std::string, std::string> outcomes) {
  for (const ProbeRow& row : probe_group(group).rows) {
    EXPECT_TRUE(is_expected(expected(row), outcomes[row.name]))
        << row.name << " (" << row.about << "): " << outcomes[row.name] << ", expected "
        << expected(row);
    outcomes.erase(row.name);
  }
  for (const auto& [unknown, outcome] : outcomes) {
    ADD_FAILURE() << unknown << " is in no row of probe_rows.cc: " << outcome;
  }
}

void ProbeTest::expect_group(const std::string& name, std::vector<std::string> words) {
  words.insert(words.begin(), name);
  expect_rows(name, probe(words));
  expect_as_before();
}

void ProbeTest::expect_neighbours() {
  make_ready();
  const std::string victim = submit(probing({"do", "victim"}));
  wait_until([&] { return output(victim) == "victim listens shares locks\n"; },
             "the victim to have all that it has");
  pid_t pid = 0;
  for (const pid_t member : pen().processes()) {
    const std::string command = harness::contents("/proc/" + std::to_string(member) + "/cmdline");
    pid = command.find("victim") != std::string::npos ? member : pid;
  }
  ASSERT_NE(pid, 0);
  expect_rows("neighbours", probe({"neighbours", std::to_string(pid)}));
  EXPECT_EQ(text(job(victim), "state"), "RUNNING");
  EXPECT_EQ(post("/v1/jobs/" + victim + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(victim), "state"), "CANCELLED");
  expect_as_before();
}

}  // namespace hearth::attack
