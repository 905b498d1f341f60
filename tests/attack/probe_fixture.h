// Each probe of attack_tool's against what its row of probe_rows.h has, whatever way it is run.
#pragma once

#include <string>
#include <vector>

#include "tests/attack/attack_fixture.h"
#include "tests/attack/probe_rows.h"

namespace hearth::attack {

class ProbeTest : public AttackTest {
 protected:
  // The job that runs attack_tool with these words.
  [[nodiscard]] virtual json::object probing(const std::vector<std::string>& words) const {
    return job_of(tool(words));
  }
  // Called right before each such job.
  virtual void make_ready() {}
  [[nodiscard]] virtual std::string expected(const ProbeRow& row) const { return row.expected; }

  // Tries all of the group, and expects what its rows have and that all is as before.
  void expect_group(const std::string& name, std::vector<std::string> words = {});
  // The same of the group that needs another job to look at.
  void expect_neighbours();

 private:
  std::map<std::string, std::string> probe(const std::vector<std::string>& words);
  void expect_rows(const std::string& group, std::map<std::string, std::string> outcomes);
};

}  // namespace hearth::attack
