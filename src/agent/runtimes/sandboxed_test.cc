// Scripts and sandboxed commands, by the runtime, with the real launcher and real interpreters.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/runtimes/testing/runtime_fixture.h"
#include "agent/sandbox/probe.h"
#include "archive/tar_writer.h"
#include "base/warm_limits.h"

namespace hearth::agent {
namespace {

using std::chrono::minutes;

class SandboxedTest : public RuntimeFixture {
 protected:
  [[nodiscard]] std::string launcher_program() const override { return HEARTH_LAUNCHER_PROGRAM; }

  void SetUp() override {
    RuntimeFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    if (geteuid() == 0) {
      auto ids = UidRanges::open({.lock_path = folder_ + "/ids"});
      ASSERT_TRUE(ids) << ids.error().message;
      ids_ = std::move(*ids);
    }
    const SandboxSupport support = probe_sandboxes(*launcher_, ids_.get(), clock_);
    if (!support.offers(SandboxLevel::Process)) {
      GTEST_SKIP() << "NOT RUN HERE: " << support.process_refused;
    }
    auto found = find_languages({}, CommandRuntime::Options{}.path);
    ASSERT_TRUE(found) << found.error().message;
    offer_.levels = support.levels;
    offer_.languages = std::move(found->languages);
    make({});
  }

  void TearDown() override {
    RuntimeFixture::TearDown();
    ids_.reset();
  }

  void make(WarmPolicy warm) {
    CommandRuntime::Options options;
    options.offer = offer_;
    options.warm = std::move(warm);
    options.output_patience = Duration(500);
    make_runtime(std::move(options), ids_.get());
  }
  // One slot of `language`, ready.
  void make_warm(const std::string& language) {
    make({.slots_max = 4,
          .starting_max = 1,
          .age_max = minutes(10),
          .idle_after = minutes(10),
          .shrink_after = minutes(1),
          .retry_first = Duration(50),
          .retry_max = Duration(1'000),
          .always = {{language, 1}}});
    runtime_->start_slots();
    loop_until([&] { return metrics_.warm_ready.load() == 1; });
  }

  // Of the interpreters that wait: what descends from the launcher and has their preload's name.
  [[nodiscard]] std::vector<pid_t> slot_pids() const {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      std::ifstream file(entry.path() / "cmdline");
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      if (text.find(".hearth-slot") != std::string::npos && is_ours(name)) {
        found.push_back(static_cast<pid_t>(std::stol(name)));
      }
    }
    return found;
  }
  [[nodiscard]] bool is_ours(std::string pid) const {
    for (int depth = 0; depth < 10 && pid != "0" && pid != "1"; ++depth) {
      if (pid == std::to_string(launcher_->helper_pid())) {
        return true;
      }
      std::ifstream stat("/proc/" + pid + "/stat");
      std::string text((std::istreambuf_iterator<char>(stat)), {});
      text = text.substr(std::min(text.size(), text.rfind(')') + 4));
      pid = text.substr(0, text.find(' '));
    }
    return false;
  }

  static JobSpec code(const std::string& language, const std::string& text) {
    JobSpec spec;
    spec.execution.script = ScriptSpec{.language = language, .code = text, .args = {}};
    spec.scheduling.sandbox = SandboxLevel::Process;
    return spec;
  }
  static JobSpec command(std::vector<std::string> words) {
    JobSpec spec;
    spec.execution.command = std::move(words);
    spec.scheduling.sandbox = SandboxLevel::Process;
    return spec;
  }

  std::unique_ptr<UidRanges> ids_;
  SandboxOffer offer_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, SandboxedTest,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1,
                                           Enforcement::None),
                         [](const auto& driver) { return std::string(to_string(driver.param)); });

TEST_P(SandboxedTest, ScriptsPrintWhatTheyPrint) {
  const Seen js = run(code("js", "console.log(2+2); console.error('e'); process.exit(3)"));
  ASSERT_TRUE(js.ended) << (js.failed ? js.failed->message : "");
  EXPECT_EQ(js.out, "4\n");
  EXPECT_EQ(js.err, "e\n");
  EXPECT_EQ(js.ended->exit_code, 3);
  EXPECT_EQ(run(code("python", "print(2+2)")).out, "4\n");
  EXPECT_EQ(run(code("sh", "echo $((2+2))")).out, "4\n");
}

TEST_P(SandboxedTest, ErrorsNameTheFileAndTheLine) {
  const Seen syntax = run(code("js", "\nconsole.log("));
  EXPECT_EQ(syntax.ended->exit_code, 1);
  EXPECT_NE(syntax.err.find("/work/main.js:2"), std::string::npos) << syntax.err;
  EXPECT_NE(syntax.err.find("SyntaxError"), std::string::npos) << syntax.err;
  const Seen thrown = run(code("python", "def f():\n  return 1/0\nf()\n"));
  EXPECT_NE(thrown.err.find("File \"/work/main.py\", line 2, in f"), std::string::npos)
      << thrown.err;
}

TEST_P(SandboxedTest, ArgumentsInputAndEnvironmentAreGiven) {
  JobSpec spec =
      code("sh", "read line; echo \"$line|$1|$2|$GREETING|$HOME|$TMPDIR|$PWD|$HEARTH_ATTEMPT\"");
  spec.execution.script->args = {"a b", "\xff"};
  spec.execution.stdin_bytes = "from stdin\n";
  spec.execution.env = {{"GREETING", "hello"}};
  EXPECT_EQ(run(spec).out, "from stdin|a b|\xff|hello|/work|/tmp|/work|1\n");
  JobSpec again = code("sh", "cat /dev/stdin");
  again.execution.stdin_bytes = "opened again";
  EXPECT_EQ(run(again).out, "opened again");
}

TEST_P(SandboxedTest, NothingOfTheMachineIsThereAndNothingStaysBehind) {
  const Seen seen = run(command({"/bin/sh", "-c",
                                 "ls -A /work /tmp; id -u; hostname; echo x > /work/a; "
                                 "cat " +
                                     folder_ + "/ids 2>&1 | grep -c 'No such'; ls / "}));
  ASSERT_TRUE(seen.ended) << (seen.failed ? seen.failed->message : "");
  EXPECT_TRUE(seen.out.starts_with("/tmp:\n\n/work:\n")) << seen.out;
  EXPECT_NE(seen.out.find("1000\n"), std::string::npos) << seen.out;
  EXPECT_EQ(seen.out.find("root\n"), std::string::npos) << seen.out;
  if (ids_) {
    EXPECT_EQ(ids_->taken_here(), 0);
  }
}

TEST_P(SandboxedTest, WhatCannotBeStartedSaysWhy) {
  const Seen missing = run(command({"no-such-command"}));
  ASSERT_TRUE(missing.failed);
  EXPECT_EQ(missing.failed->reason, Reason::CommandNotFound);
  const Seen language = run(code("cobol", "DISPLAY 4."));
  ASSERT_TRUE(language.failed);
  EXPECT_EQ(language.failed->reason, Reason::SandboxError);
  EXPECT_NE(language.failed->message.find("cobol"), std::string::npos);
}

TEST_P(SandboxedTest, AFullDiskIsTheScriptsOwnError) {
  JobSpec spec = code("sh", "head -c 200000000 /dev/zero > big; echo $?; stat -c %s big");
  spec.scheduling.request.memory_bytes = 64 * limits::kMiB;
  offer_.policy.disk_bytes = 4 * limits::kMiB;
  make({});
  const Seen seen = run(spec);
  ASSERT_TRUE(seen.out.starts_with("1\n")) << seen.err;
  EXPECT_LE(std::stol(seen.out.substr(2)), 4 * limits::kMiB);
  EXPECT_GT(std::stol(seen.out.substr(2)), 3 * limits::kMiB);
}

TEST_P(SandboxedTest, KillReachesEverything) {
  const AttemptKey key =
      start(code("sh", "trap '' TERM; (trap '' TERM; setsid sleep 1000) & echo up; sleep 1000"));
  loop_until([&] { return at(key).spawned && at(key).out == "up\n"; });
  runtime_->terminate(key);
  runtime_->kill(key);
  const Seen seen = finish(key);
  EXPECT_TRUE(seen.ended->signal.has_value());
  EXPECT_EQ(groups_->sweep().value_or(-1), 0);
}

TEST_P(SandboxedTest, TerminateReachesTheScriptItself) {
  const AttemptKey key =
      start(code("sh", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"));
  loop_until([&] { return at(key).spawned && at(key).out == "up\n"; });
  runtime_->terminate(key);
  const Seen seen = finish(key);
  EXPECT_EQ(seen.out, "up\nbye\n");
  EXPECT_EQ(seen.ended->exit_code, 7);
}

// What a script can see of having been started ahead: nothing.
TEST_P(SandboxedTest, AScriptInAWaitingInterpreterIsAsOneStartedForIt) {
  struct Language {
    std::string name;
    std::vector<std::string> scripts;
  };
  const std::vector<Language> languages = {
      {"js",
       {"console.log(process.argv.slice(1), __filename, require.main === module, process.cwd())",
        "console.log(Object.entries(process.env).filter(([k]) => k[0] !== 'H' || k === "
        "'HOME').sort())",
        "console.log(Object.getOwnPropertyNames(globalThis).sort().join())",
        "console.log(Object.keys(require.cache), require('fs').readdirSync('/work'))",
        "console.log(require('fs').readdirSync('/proc/self/fd').length < 40, "
        "process.listenerCount('exit'))",
        "console.log(require('fs').readFileSync(0, 'utf8'))",
        "process.stdin.on('data', (d) => console.log(String(d)))",
        "process.on('exit', (c) => console.log('exit', c)); setTimeout(() => console.log('later'), "
        "5)",
        "process.exitCode = 5", "import('fs').then((m) => console.log(typeof m.readFileSync))"}},
      {"python",
       {"import sys; print(sys.argv, __name__, __file__, sys.path[0])",
        "import os; print(sorted((k, v) for k, v in os.environ.items() if not "
        "k.startswith('HEARTH')))",
        "print(sorted(globals()))",
        "import os; print(os.listdir('/work'), len(os.listdir('/proc/self/fd')))",
        "import sys; print(sys.stdin.read())", "def f():\n  raise ValueError('x')\nf()", "print(",
        "import sys; sys.exit('said')",
        "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())).__module__)",
        "import atexit; atexit.register(print, 'bye'); raise SystemExit(4)"}}};
  for (const Language& language : languages) {
    if (!offer_.languages.contains(language.name)) {
      ADD_FAILURE() << language.name << " is not installed";
      continue;
    }
    for (const std::string& text : language.scripts) {
      SCOPED_TRACE(text);
      JobSpec spec = code(language.name, text);
      spec.execution.script->args = {"a", "b c", ""};
      spec.execution.stdin_bytes = "input";
      spec.execution.env = {{"GREETING", "h=llo\n"}};
      make({});
      const Seen cold = run(spec);
      make_warm(language.name);
      const Seen warm = run(spec);
      ASSERT_TRUE(cold.ended && warm.ended);
      EXPECT_EQ(warm.out, cold.out);
      EXPECT_EQ(warm.err, cold.err);
      EXPECT_EQ(warm.ended->exit_code, cold.ended->exit_code);
      EXPECT_EQ(metrics_.warm_hits.load(), 1U);
    }
  }
}

TEST_P(SandboxedTest, AnInterpreterServesOneScriptOnly) {
  make_warm("js");
  const Seen first = run(code("js",
                              "console.log(process.pid, require('fs').readdirSync('/work').length);"
                              "require('fs').writeFileSync('/work/secret', 'x');"
                              "globalThis.secret = 1"));
  EXPECT_EQ(first.ended->exit_code, 0);
  loop_until([&] { return metrics_.warm_ready.load() == 1; });
  const Seen second =
      run(code("js", "console.log(require('fs').existsSync('/work/secret'), typeof secret)"));
  EXPECT_EQ(second.out, "false undefined\n");
  EXPECT_EQ(metrics_.warm_hits.load(), 2U);
}

TEST_P(SandboxedTest, LimitsOfTheJobHoldInAWaitingInterpreter) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  make_warm("js");
  JobSpec spec = code("js", "const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))");
  spec.scheduling.request.memory_bytes = 300 * limits::kMiB;
  const Seen seen = run(spec);
  EXPECT_EQ(metrics_.warm_hits.load(), 1U);
  EXPECT_TRUE(seen.ended->oom_killed);
  if (GetParam() != Enforcement::V2) {
    EXPECT_GT(seen.ended->memory_peak_bytes, 200 * limits::kMiB) << "more than a slot may have";
  }
}

TEST_P(SandboxedTest, OneThatDiesBeforeItHasItsScriptCostsNothing) {
  make_warm("js");
  ASSERT_EQ(slot_pids().size() > 0, true);
  for (const pid_t pid : slot_pids()) {
    kill(pid, SIGSTOP);  // it will not take what it is given
  }
  const AttemptKey key = start(code("js", "console.log('ran once')"));
  EXPECT_EQ(metrics_.warm_hits.load(), 1U);
  for (const pid_t pid : slot_pids()) {
    kill(pid, SIGKILL);
  }
  const Seen seen = finish(key);
  ASSERT_TRUE(seen.ended);
  EXPECT_EQ(seen.out, "ran once\n");
  EXPECT_EQ(seen.ended->exit_code, 0);
}

TEST_P(SandboxedTest, DrainingEndsThoseThatWait) {
  make_warm("js");
  const auto waiting = slot_pids();
  runtime_->drain();
  loop_until([&] { return slot_pids().empty(); });
  EXPECT_EQ(runtime_->running(), 0U);
  EXPECT_EQ(run(code("js", "console.log(1)")).out, "1\n") << "and scripts are still run";
  EXPECT_EQ(metrics_.warm_ready.load(), 0);
}

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string tar;
  for (const auto& [path, bytes] : files) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    tar += archive::tar_header({.path = path, .bytes = size}) + bytes + archive::tar_padding(size);
  }
  return tar + archive::tar_end();
}

TEST_P(SandboxedTest, AnUploadIsThereBeforeTheCommandBegins) {
  JobSpec spec =
      command({"/bin/sh", "-c", "cat src/main.txt; stat -c '%U %a' src src/main.txt; pwd"});
  spec.execution.upload = "files";
  const AttemptKey key = start(spec);
  EXPECT_EQ(uploads_.asked.at(key), "files");
  EXPECT_FALSE(at(key).spawned);
  ASSERT_TRUE(uploads_.give(key, tar_of({{"src/main.txt", "hello\n"}})));
  const Seen seen = finish(key);
  ASSERT_TRUE(seen.ended) << (seen.failed ? seen.failed->message : "");
  EXPECT_EQ(seen.out, "hello\ntask 755\ntask 644\n/work\n");
}

TEST_P(SandboxedTest, AnUploadThatDoesNotComeOrWillNotDoEndsTheAttempt) {
  JobSpec spec = command({"/bin/true"});
  spec.execution.upload = "files";
  const AttemptKey absent = start(spec);
  ASSERT_TRUE(uploads_.refuse(absent, not_found("the upload files is gone")));
  EXPECT_EQ(finish(absent).failed->message, "the upload files is gone");
  const AttemptKey hostile = start(spec);
  ASSERT_TRUE(uploads_.give(hostile, tar_of({{"../up", "x"}})));
  const Seen seen = finish(hostile);
  ASSERT_TRUE(seen.failed);
  EXPECT_EQ(seen.failed->reason, Reason::SandboxError);
  EXPECT_NE(seen.failed->message.find("../up"), std::string::npos) << seen.failed->message;
  const AttemptKey waiting = start(spec);
  runtime_->kill(waiting);
  EXPECT_TRUE(finish(waiting).failed);
  EXPECT_TRUE(uploads_.asked.empty()) << "nobody waits for it any more";
}

TEST_P(SandboxedTest, FilesThatAreAskedForComeAsATarOfPlainFiles) {
  const std::string shell =
      "mkdir out; echo one > out/a; ln -s /etc/passwd out/link; ln out/a out/again; mkfifo "
      "out/pipe; "
      "echo two > b; ln -s b to_b; truncate -s 1T huge; echo done";
  for (const bool warm : {false, true}) {
    JobSpec spec =
        warm ? code("python", "import subprocess; subprocess.run(['sh', '-c', r'" + shell + "'])")
             : code("sh", shell);
    spec.execution.results = {"out", "b", "to_b", "huge", "missing", "../etc/passwd"};
    if (warm) {
      make_warm("python");
    }
    const Seen seen = run(spec);
    ASSERT_TRUE(seen.ended) << (seen.failed ? seen.failed->message : "");
    EXPECT_EQ(seen.ended->exit_code, 0) << seen.err;
    EXPECT_NE(seen.results.find("two\n"), std::string::npos);
    EXPECT_EQ(seen.results.find("root:"), std::string::npos);
    EXPECT_EQ(seen.results.find("one\n"), std::string::npos) << "it has two names";
    EXPECT_LT(seen.results.size(), 64U * 1024U);
  }
}

}  // namespace
}  // namespace hearth::agent
