// Hearth with hostile jobs in it: `hearth up` in a pen, attack_tool in a folder that sandboxes see,
// and after each job the question whether all is as it was.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/attack/canaries.h"
#include "tests/attack/machine_state.h"
#include "tests/attack/pen.h"
#include "tests/harness/cluster.h"

namespace hearth::attack {

namespace json = boost::json;

// A job that attacks, and its end.
struct Case {
  std::string name;
  std::vector<std::string> command;  // none: a script among `more`
  std::string state = "COMPLETED";
  std::string reason;      // "" for none
  std::string output;      // all of stdout, or, where it ends in "…", its beginning
  json::object more = {};  // further fields of the job
};

class AttackTest : public harness::ClusterTest {
 protected:
  static constexpr int kProcesses = 48;  // of a job, its init and attack_tool's own among them
  static constexpr int kMemoryMb = 64;
  static constexpr int kDiskMb = 16;
  // What only hearth has in its environment.
  static constexpr const char* kToken = "canary-of-a-token-4f1b";

  // Skips the test where the machine cannot.
  void SetUp() override;
  void TearDown() override;

  // Starts it with `flags` besides those that bound a job, and notes how the machine is.
  void start_hearth(const std::vector<std::string>& flags = {});

  // `attack_tool WORDS…`, as jobs name it.
  [[nodiscard]] static std::vector<std::string> tool(std::vector<std::string> words);
  // Submits it and waits for its end.
  json::object run(const std::vector<std::string>& command, const json::object& more = {});
  // Runs it, and expects its end and that all is as before.
  void expect_end(const Case& attack);
  // The lines that a group of attack_tool's said, by name.
  std::map<std::string, std::string> run_group(const std::vector<std::string>& words);

  // All that hearth and its jobs had is given back, and a job right after is done.
  void expect_as_before();
  void expect_hello();

  [[nodiscard]] json::object job_of(const std::vector<std::string>& command,
                                    const json::object& more = {}) const;
  [[nodiscard]] harness::Program& hearth_program() { return *hearth_; }
  [[nodiscard]] const Pen& pen() const { return *pen_; }
  [[nodiscard]] const Canaries& canaries() const { return *canaries_; }
  [[nodiscard]] std::string data() const { return scratch("up"); }
  [[nodiscard]] std::string http_port() const { return http().substr(http().rfind(':') + 1); }
  // After what changed it on purpose, such as another launcher.
  void note_state() { before_ = MachineState::of(*pen_, hearth_->pid(), data()); }

 private:
  void place_tool() const;

  std::unique_ptr<Pen> pen_;
  std::unique_ptr<Canaries> canaries_;
  harness::Program* hearth_ = nullptr;
  MachineState before_;
};

// "NAME: OUTCOME" of each line.
std::map<std::string, std::string> parse_outcomes(const std::string& said);

// Folders and files that tests of sandboxes show: attack_tool, and copies of it that would give
// rights.
void place_tools(const std::string& folder);

}  // namespace hearth::attack
