// A controller, three agents and their launchers, killed and stopped at random while jobs of all
// kinds flow; in the end JobHistory and Residue judge.
//
// HEARTH_TEST_LONG=1 makes a thousand rounds of it, HEARTH_FAULT_ROUNDS=N so many; the faults
// follow from HEARTH_FAULT_SEED=N, which a failing run prints.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "base/clock.h"
#include "tests/e2e/fault_traffic.h"
#include "tests/e2e/job_history.h"
#include "tests/harness/cluster.h"
#include "tests/harness/processes.h"
#include "tests/harness/residue.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::ends;
using harness::launchers_of;
using harness::Program;
using harness::Residue;
using harness::state_of;
using harness::text;
using harness::watch;
using harness::Watched;

namespace {

constexpr int kRounds = 28;
constexpr int kRoundsLong = 1'000;
constexpr unsigned kSeed = 20261128;
constexpr Duration kHeartbeatTimeout{1'500};
const std::vector<std::string> kQuickLosses = {"--heartbeat-interval", "200ms",
                                               "--heartbeat-timeout", "1500ms"};
const std::vector<std::string> kAgentFlags = {"--cpu", "4", "--memory", "2048"};
constexpr Duration kShortStop{300};
constexpr Duration kLongStop = kHeartbeatTimeout + Duration(400);
constexpr int kNotesMax = 12;  // job lines that are awaited before a strike
constexpr Duration kPatience{60'000};

enum class Victim { Controller, Agent, Launcher, AgentAndLauncher };
enum class Blow { Kill, ShortStop, LongStop, KillWhileStopped };

struct Fault {
  const char* name;
  Victim victim;
  Blow blow;
};

constexpr std::array kFaults = {
    Fault{"kill controller", Victim::Controller, Blow::Kill},
    Fault{"kill agent", Victim::Agent, Blow::Kill},
    Fault{"kill launcher", Victim::Launcher, Blow::Kill},
    Fault{"kill agent and launcher", Victim::AgentAndLauncher, Blow::Kill},
    Fault{"short stop of controller", Victim::Controller, Blow::ShortStop},
    Fault{"short stop of agent", Victim::Agent, Blow::ShortStop},
    Fault{"short stop of launcher", Victim::Launcher, Blow::ShortStop},
    Fault{"long stop of controller", Victim::Controller, Blow::LongStop},
    Fault{"long stop of agent", Victim::Agent, Blow::LongStop},
    Fault{"long stop of launcher", Victim::Launcher, Blow::LongStop},
    Fault{"kill stopped controller", Victim::Controller, Blow::KillWhileStopped},
    Fault{"kill stopped agent", Victim::Agent, Blow::KillWhileStopped},
    Fault{"kill stopped launcher", Victim::Launcher, Blow::KillWhileStopped},
    Fault{"kill stopped agent and launcher", Victim::AgentAndLauncher, Blow::KillWhileStopped},
};

unsigned number_from(const char* name, unsigned otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : static_cast<unsigned>(std::atoi(given));
}

int rounds_wanted() {
  const int usual = std::getenv("HEARTH_TEST_LONG") == nullptr ? kRounds : kRoundsLong;
  return static_cast<int>(number_from("HEARTH_FAULT_ROUNDS", static_cast<unsigned>(usual)));
}

class FaultRoundsTest : public ClusterTest {
 protected:
  FaultRoundsTest()
      : seed_(number_from("HEARTH_FAULT_SEED", kSeed)),
        random_(seed_),
        history_(scratch("logs")),
        residue_(scratch()) {}

  ~FaultRoundsTest() override {
    if (HasFailure()) {
      std::cerr << "seed " << seed_ << ", the faults were:\n" << told_;
    }
  }

  void start_fleet() {
    controller_ = &start_controller(kQuickLosses);
    for (const char* id : {"a", "b", "c"}) {
      agents_[id] = &start_agent(id, kAgentFlags);
    }
    logs_changed_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    ::inotify_add_watch(logs_changed_.get(), scratch("logs").c_str(), IN_MODIFY);
  }

  // Each kind once in a random order, then again.
  void rounds(int count) {
    std::vector<Fault> order(kFaults.begin(), kFaults.end());
    for (int round = 0; round < count && !HasFailure(); ++round) {
      const std::size_t place = static_cast<std::size_t>(round) % order.size();
      if (place == 0) {
        std::shuffle(order.begin(), order.end(), random_);
      }
      wait_for_notes(1 + static_cast<int>(random_() % kNotesMax));
      strike(round, order[place]);
    }
  }

  // Jobs said so often that they start or end.
  void wait_for_notes(int count) {
    SystemClock clock;
    const std::int64_t deadline_ns =
        clock.monotonic_ns() + std::chrono::nanoseconds(kPatience).count();
    for (int seen = 0; seen < count;) {
      const std::int64_t left_ms = (deadline_ns - clock.monotonic_ns()) / 1'000'000;
      pollfd changed{logs_changed_.get(), POLLIN, 0};
      if (left_ms <= 0 || ::poll(&changed, 1, static_cast<int>(left_ms)) <= 0) {
        ADD_FAILURE() << "no job starts or ends any more: " << get("/v1/jobs?limit=20").raw;
        return;
      }
      inotify_event event{};
      std::array<char, 4096> events;
      const ssize_t bytes = ::read(logs_changed_.get(), events.data(), events.size());
      for (ssize_t at = 0; at < bytes; at += static_cast<ssize_t>(sizeof(event)) + event.len) {
        std::memcpy(&event, events.data() + at, sizeof(event));
        ++seen;
      }
    }
  }

  void strike(int round, const Fault& fault) {
    auto hit = std::next(agents_.begin(), static_cast<std::ptrdiff_t>(random_() % agents_.size()));
    const bool of_agent = fault.victim != Victim::Controller;
    told_ += std::to_string(round) + ": " + fault.name + (of_agent ? " " + hit->first : "") + "\n";
    ++struck_[fault.name];
    switch (fault.victim) {
      case Victim::Controller:
        return strike_controller(fault.blow);
      case Victim::Launcher:
        return strike_launcher(*hit->second, fault.blow);
      case Victim::Agent:
        return strike_agent(hit->first, fault.blow);
      case Victim::AgentAndLauncher:
        return strike_both(hit->first, fault.blow);
    }
  }

  void strike_controller(Blow blow) {
    if (blow == Blow::Kill) {
      controller_ = &restart_controller();
      return;
    }
    controller_->signal(SIGSTOP);
    stay(watch(controller_->pid()), blow);
    if (blow == Blow::KillWhileStopped) {
      controller_ = &restart_controller();
    } else {
      controller_->signal(SIGCONT);
    }
  }

  void strike_launcher(const Program& agent, Blow blow) {
    const Watched launcher = watch(launcher_of(agent));
    const bool dies = blow == Blow::Kill || blow == Blow::KillWhileStopped;
    if (blow != Blow::Kill) {
      ::kill(launcher.pid, SIGSTOP);
      stay(launcher, blow);
    }
    ::kill(launcher.pid, dies ? SIGKILL : SIGCONT);
    // Otherwise the next round might take the dying one for its successor.
    EXPECT_TRUE(!dies || ends(launcher));
  }

  void strike_agent(const std::string& id, Blow blow) {
    Program& agent = *agents_[id];
    if (blow != Blow::Kill) {
      agent.signal(SIGSTOP);
    }
    if (blow == Blow::LongStop) {
      wait_agents([&id](const json::array& agents) { return is_away(agents, id); });
    } else if (blow != Blow::Kill) {
      stay(watch(agent.pid()), blow);
    }
    if (blow == Blow::Kill || blow == Blow::KillWhileStopped) {
      kill_now(agent);
      start_again(id);
    } else {
      agent.signal(SIGCONT);
    }
  }

  // Stopped, neither sees the other die: what they ran goes on without them.
  void strike_both(const std::string& id, Blow blow) {
    Program& agent = *agents_[id];
    const Watched launcher = watch(launcher_of(agent));
    if (blow == Blow::KillWhileStopped) {
      agent.signal(SIGSTOP);
      ::kill(launcher.pid, SIGSTOP);
    }
    ::kill(launcher.pid, SIGKILL);
    kill_now(agent);
    EXPECT_TRUE(ends(launcher));
    start_again(id);
  }

  void start_again(const std::string& id) {
    forget(*agents_[id]);
    agents_[id] = &start_agent(id, kAgentFlags);
  }

  // How long a program is stopped. It must not end meanwhile.
  static void stay(const Watched& stopped, Blow blow) {
    const Duration how_long = blow == Blow::LongStop ? kLongStop : kShortStop;
    EXPECT_FALSE(ends(stopped, how_long)) << "a stopped program ended";
  }

  static bool is_away(const json::array& agents, const std::string& id) {
    return std::none_of(agents.begin(), agents.end(), [&id](const json::value& agent) {
      const std::string status = text(agent.as_object(), "status");
      return text(agent.as_object(), "id") == id && status != "DEAD" && status != "DISCONNECTED";
    });
  }

  // An agent whose launcher died starts another soon.
  static pid_t launcher_of(const Program& agent) {
    SystemClock clock;
    const std::int64_t deadline_ns =
        clock.monotonic_ns() + std::chrono::nanoseconds(kPatience).count();
    while (clock.monotonic_ns() < deadline_ns) {
      for (const pid_t launcher : launchers_of(agent.pid())) {
        if (state_of(launcher) != 'Z') {
          return launcher;
        }
      }
      ::poll(nullptr, 0, 10);
    }
    ADD_FAILURE() << "agent " << agent.pid() << " has no launcher";
    return 0;
  }

  json::object job_of(const std::string& id) {
    auto known = jobs_.find(id);
    if (known == jobs_.end()) {
      known = jobs_.emplace(id, job(id)).first;
    }
    return known->second;
  }

  void wait_for_all_to_end() {
    SystemClock clock;
    const std::int64_t deadline_ns =
        clock.monotonic_ns() + std::chrono::nanoseconds(2 * kPatience).count();
    for (;;) {
      const Answer live = get("/v1/jobs?state=SUBMITTED,QUEUED,ASSIGNED,RUNNING&limit=100");
      if (live.status == 200 && live.body.at("jobs").as_array().empty()) {
        return;
      }
      if (clock.monotonic_ns() > deadline_ns) {
        ADD_FAILURE() << "jobs that do not end: " << live.raw;
        return;
      }
      ::poll(nullptr, 0, 50);
    }
  }

  void judge() {
    const auto sayings = history_.judge(
        [this](const std::string& id) { return job_of(id); },
        [this](const std::string& id, std::int64_t attempt, const std::string& stream) {
          return get("/v1/jobs/" + id + "/output?stream=" + stream +
                     "&attempt=" + std::to_string(attempt))
              .raw;
        });
    for (std::size_t i = 0; i < sayings.size() && i < 10; ++i) {
      ADD_FAILURE() << sayings[i];
    }
    EXPECT_EQ(sayings.size(), 0U);
  }

  void expect_nothing_left(const std::set<pid_t>& running) {
    const auto left = residue_.left(running);
    for (std::size_t i = 0; i < left.size() && i < 10; ++i) {
      ADD_FAILURE() << "left: " << left[i];
    }
  }

  // So that a reader of a log sees that the run was worth something.
  void report() {
    const auto totals = history_.totals([this](const std::string& id) { return job_of(id); });
    std::cout << "seed " << seed_ << ": " << totals.jobs << " jobs, " << totals.starts
              << " starts, " << totals.ends << " ends\n";
    using Counts = std::map<std::string, std::int64_t>;
    for (const Counts* counts :
         std::array<const Counts*, 3>{&totals.states, &totals.lost, &struck_}) {
      for (const auto& [what, count] : *counts) {
        std::cout << "  " << what << ": " << count << "\n";
      }
    }
    EXPECT_GT(totals.states.at("COMPLETED"), 0);
    EXPECT_FALSE(totals.lost.empty()) << "then the faults hit nothing";
  }

  const unsigned seed_;
  std::mt19937 random_;
  JobHistory history_;
  Residue residue_;
  std::map<std::string, Program*> agents_;
  Program* controller_ = nullptr;
  UniqueFd logs_changed_;
  std::string told_;
  std::map<std::string, std::int64_t> struck_;
  std::map<std::string, json::object> jobs_;
};

TEST_F(FaultRoundsTest, KillsAndStopsLoseNothingAndLeaveNothing) {
  start_fleet();
  {
    FaultTraffic traffic(endpoint(), history_, seed_);
    traffic.start();
    rounds(rounds_wanted());
    if (HasFailure()) {
      return;
    }
  }
  wait_for_all_to_end();
  judge();
  report();
  std::set<pid_t> running = {controller_->pid()};
  for (const auto& [id, agent] : agents_) {
    running.insert(agent->pid());
  }
  expect_nothing_left(running);
  for (const auto& [id, agent] : agents_) {
    agent->signal(SIGTERM);
    EXPECT_EQ(agent->wait().code, 0) << id;
  }
  expect_nothing_left({controller_->pid()});
}

}  // namespace
}  // namespace hearth::e2e
