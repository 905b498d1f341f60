// Jobs with files of their submitter's, in both directions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/attack/attack_fixture.h"

namespace hearth::attack {

class UploadTest : public AttackTest {
 protected:
  // Expects it to be taken.
  std::string upload(const std::string& archive);
  // The archives that are kept, with the bytes of each.
  [[nodiscard]] std::map<std::string, std::string> uploads_on_disk() const;

  // The shell's `script` with these results wanted, run to its end.
  json::object run_for(const std::vector<std::string>& results, const std::string& script,
                       const json::object& more = {});
  // "PATH" of what can be had, and "PATH WHY" of what was left out.
  std::vector<std::string> taken_of(const std::string& id);
  std::vector<std::string> left_out_of(const std::string& id);
  [[nodiscard]] harness::Answer result(const std::string& id, const std::string& path) {
    return get("/v1/jobs/" + id + "/results/" + path);
  }
};

}  // namespace hearth::attack
