#include "tests/attack/waiting_fixture.h"

#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;

namespace {

// Both as the script's own process would do it, with the words as its arguments.
constexpr const char* kPythonToTool = R"(import os, sys
os.execv(sys.argv[1], sys.argv[1:])
)";
constexpr const char* kNodeToTool = R"(const words = process.argv.slice(2);
const ended = require('child_process').spawnSync(words[0], words.slice(1), {stdio: 'inherit'});
if (ended.signal) process.kill(process.pid, ended.signal);
process.exitCode = ended.status;
)";

}  // namespace

void WaitingTest::SetUp() {
  ProbeTest::SetUp();
  if (!IsSkipped()) {
    start_hearth({"--warm-slots", "2", "--warm-always", "js=1", "--warm-always", "python=1"});
    make_ready();
    scripts_ = 0;
    note_state();
  }
}

void WaitingTest::TearDown() {
  if (!IsSkipped()) {
    EXPECT_EQ(metric("hearth_agent_warm_hits_total"), scripts_);
    EXPECT_EQ(metric("hearth_agent_warm_misses_total"), 0);
  }
  ProbeTest::TearDown();
}

json::object WaitingTest::script(const std::string& language, const std::string& code,
                                 const std::vector<std::string>& args) {
  return {
      {"requiredRamMb", kMemoryOfScripts},
      {"script",
       {{"language", language}, {"code", code}, {"args", json::array(args.begin(), args.end())}}}};
}

json::object WaitingTest::probing(const std::vector<std::string>& words) const {
  return job_of({},
                script(language_, language_ == "js" ? kNodeToTool : kPythonToTool, tool(words)));
}

void WaitingTest::make_ready() {
  wait_until([this] { return metric("hearth_agent_warm_ready") == 2; }, "interpreters that wait");
  ++scripts_;
}

std::int64_t WaitingTest::metric(const std::string& name) {
  const std::string all = get("/metrics").raw;
  const std::string begin = "\n" + name + " ";
  const std::size_t at = all.find(begin);
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << name << " among the metrics";
    return -1;
  }
  return std::stoll(all.substr(at + begin.size()));
}

void WaitingTest::expect_script(const std::string& language, const std::string& code,
                                const std::string& output) {
  make_ready();
  expect_end({.name = language + ": " + code,
              .command = {},
              .output = output,
              .more = script(language, code)});
}

void WaitingTest::expect_tool(const std::string& language, Case attack) {
  make_ready();
  language_ = language;
  attack.name += " in " + language;
  for (const auto& field : probing({attack.command.begin() + 1, attack.command.end()})) {
    if (!attack.more.contains(field.key())) {
      attack.more[field.key()] = field.value();
    }
  }
  attack.command.clear();
  expect_end(attack);
}

pid_t WaitingTest::waiting_pid(const std::string& program) const {
  for (const pid_t pid : pen().processes()) {
    const std::string command = harness::contents("/proc/" + std::to_string(pid) + "/cmdline");
    if (command.find(program) != std::string::npos &&
        command.find("/work/.hearth-slot") != std::string::npos) {
      return pid;
    }
  }
  ADD_FAILURE() << "no " << program << " waits";
  return 0;
}

}  // namespace hearth::attack
