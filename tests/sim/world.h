// One simulated cluster: the controller, its agents, clients, the network between them, the faults
// that befall them and the judge. Runs to its end in simulated time from one seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client.h"
#include "history.h"
#include "mutations.h"
#include "network.h"
#include "options.h"
#include "plan.h"
#include "random.h"
#include "sim_agent.h"
#include "sim_controller.h"
#include "sim_store.h"
#include "timeline.h"

namespace hearth::sim {

struct RunSettings {
  bool verbose = false;
  std::string mutation;  // empty: none
};

struct RunReport {
  std::string failure;  // empty: all promises held
  std::uint64_t steps = 0;
  std::int64_t jobs = 0;
  std::int64_t processes = 0;
  std::int64_t controller_crashes = 0;
  std::int64_t overlaps = 0;
  std::int64_t adoptions = 0;
  std::int64_t losses = 0;  // attempts that the controller gave up
  std::int64_t removals = 0;
  std::int64_t recovery_checks = 0;
  std::uint64_t fingerprint = 0;  // of everything that became durable, in order
};

// Sums up; the fingerprint and the failure are the other's.
void add(RunReport& total, const RunReport& one);

class World {
 public:
  World(SimOptions chosen, RunSettings settings);

  RunReport run();

  // The first failure ends the run.
  void fail(std::string what);
  [[nodiscard]] static bool mutated(std::string_view name) {
    return hearth::testing::is_mutated(name);
  }
  template <class MakeText>
  void trace(MakeText&& make) {
    if (settings_.verbose) {
      print(std::forward<MakeText>(make)());
    }
  }
  [[nodiscard]] const std::vector<AgentInfo>& bases() const { return bases_; }

  void crash_controller();
  void agent_left(std::size_t index);
  void note_progress() { last_progress_ = timeline.now(); }

  SimOptions options;
  Random random;
  Timeline timeline;
  bool faults_on = true;
  std::uint64_t check_every = 1;
  std::vector<JobPlan> plans;
  History history;
  SimStore store;
  SimController controller;
  Network network;
  std::vector<std::unique_ptr<SimAgent>> agents;
  std::vector<std::unique_ptr<SimClient>> clients;

 private:
  void print(const std::string& text) const;
  void set_up();
  void schedule_faults();
  void repeat(Duration mean, std::function<void()> action);
  void partition_somebody();
  void impersonate_somebody();
  void drain_somebody();
  void undrain(std::size_t index, int drain);
  void bury_mortal();
  [[nodiscard]] bool is_buried(std::size_t index) const;
  [[nodiscard]] bool all_idle() const;
  void stop_faults();
  void cancel_hopeless();
  void begin_starvation();
  void feed_small_jobs();
  void check_starvation() const;
  void check_quiet_moment();
  [[nodiscard]] bool done() const;
  [[nodiscard]] std::string unfinished();
  void run_until(TimePoint end, const std::function<bool()>& enough);

  RunSettings settings_;
  std::string failure_;
  std::vector<AgentInfo> bases_;
  TimePoint last_progress_{};
  int drains_ = 0;
  std::map<std::size_t, int> operator_drained_;  // by agent: the number of its latest drain
  bool mortal_buried_ = false;
  std::size_t big_plan_ = 0;
  std::int32_t small_priority_ = 0;
  std::uint64_t next_recovery_check_ = 0;
  std::int64_t recovery_checks_ = 0;
};

RunReport run_simulation(const SimOptions& options, const RunSettings& settings);

}  // namespace hearth::sim
