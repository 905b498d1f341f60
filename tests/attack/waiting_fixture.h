// Scripts that are given to interpreters that were started ahead of them.
#pragma once

#include "tests/attack/probe_fixture.h"

namespace hearth::attack {

class WaitingTest : public ProbeTest {
 protected:
  static constexpr int kMemoryOfScripts = 256;

  void SetUp() override;
  // Each script of the test did get an interpreter that waited.
  void TearDown() override;

  [[nodiscard]] static json::object script(const std::string& language, const std::string& code,
                                           const std::vector<std::string>& args = {});
  // Waits for one of each language, and counts on it for the next script.
  void make_ready() override;
  [[nodiscard]] std::int64_t metric(const std::string& name);

  // Runs it, and expects to hear this and that all is as before.
  void expect_script(const std::string& language, const std::string& code,
                     const std::string& output);
  // All of `attack` is expected of a script in `language` that becomes attack_tool.
  void expect_tool(const std::string& language, Case attack);
  // The interpreter that waits, as the machine sees it.
  [[nodiscard]] pid_t waiting_pid(const std::string& program) const;

  [[nodiscard]] json::object probing(const std::vector<std::string>& words) const override;

  std::string language_ = "python";  // of what probes run in

 private:
  std::int64_t scripts_ = 0;
};

}  // namespace hearth::attack
