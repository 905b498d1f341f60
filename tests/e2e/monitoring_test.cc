// The files that docs/monitoring gives to users, against what the program exports.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;

namespace {

std::string file(const std::string& name) {
  std::ifstream in(HEARTH_DOCS "/monitoring/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> names_in(const std::string& text) {
  const std::regex pattern("hearth_[a-z0-9_]+");
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

class MonitoringTest : public ClusterTest {
 protected:
  // Names of samples that /metrics has or could have, without labels.
  std::set<std::string> exported() {
    std::set<std::string> names;
    std::istringstream lines(get("/metrics").raw);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string hash;
      std::string word;
      std::string name;
      std::string type;
      words >> hash >> word >> name >> type;
      if (word != "TYPE") {
        continue;
      }
      names.insert(name);
      if (type == "histogram") {
        names.insert({name + "_bucket", name + "_sum", name + "_count"});
      }
    }
    return names;
  }

  void expect_all_exported(const std::set<std::string>& used, const std::string& where) {
    const auto known = exported();
    ASSERT_GT(known.size(), 50U);
    for (const std::string& name : used) {
      EXPECT_TRUE(known.contains(name)) << where << " uses " << name;
    }
  }
};

TEST_F(MonitoringTest, AlertsUseMetricsThatExist) {
  start_up();
  const auto used = names_in(file("hearth-alerts.yml"));
  ASSERT_GT(used.size(), 8U);
  expect_all_exported(used, "hearth-alerts.yml");
  EXPECT_NE(file("prometheus.yml").find("hearth-alerts.yml"), std::string::npos);
}

TEST_F(MonitoringTest, EveryPanelOfTheDashboardUsesMetricsThatExist) {
  start_up();
  const auto dashboard = json::parse(file("grafana-dashboard.json")).as_object();
  std::size_t panels = 0;
  std::set<std::string> used;
  for (const auto& panel : dashboard.at("panels").as_array()) {
    if (panel.at("type").as_string() == "row") {
      continue;
    }
    ++panels;
    ASSERT_FALSE(panel.at("targets").as_array().empty()) << json::serialize(panel.at("title"));
    for (const auto& target : panel.at("targets").as_array()) {
      const auto names = names_in(std::string(target.at("expr").as_string()));
      EXPECT_FALSE(names.empty()) << json::serialize(panel.at("title"));
      used.insert(names.begin(), names.end());
    }
  }
  EXPECT_GT(panels, 30U);
  for (const auto& variable : dashboard.at("templating").at("list").as_array()) {
    const auto* query = variable.as_object().if_contains("definition");
    if (query != nullptr) {
      used.merge(names_in(std::string(query->as_string())));
    }
  }
  expect_all_exported(used, "grafana-dashboard.json");
}

TEST_F(MonitoringTest, MachinesAreExportedAndAYoungWorkerIsOnlyCounted) {
  start_up();
  const std::string id = submit({{"command", {"sleep", "600"}}});
  wait_state(id, "RUNNING");
  EXPECT_EQ(hearth({"top", "--once"}).code, 0);  // ends once figures have arrived
  const Answer young = get("/metrics");
  EXPECT_EQ(young.status, 200);
  EXPECT_NE(young.raw.find("hearth_machine_memory_total_bytes{agent=\""), std::string::npos)
      << young.raw;
  EXPECT_NE(young.raw.find("hearth_workers{runtime=\"command\",state=\"BUSY\"} 1"),
            std::string::npos)
      << young.raw;
  EXPECT_NE(young.raw.find("hearth_workers_not_exported{reason=\"young\"} 1"), std::string::npos)
      << young.raw;
}

}  // namespace
}  // namespace hearth::e2e
