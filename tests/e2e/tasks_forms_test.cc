// Code tasks in all their forms: languages, inputs, batches, waits, cancels, restarts, images.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "net/testing/raw_client.h"
#include "tests/e2e/tasks_fixture.h"
#include "tests/harness/residue.h"

namespace hearth::e2e {

namespace json = boost::json;
namespace fs = std::filesystem;

using harness::Answer;
using harness::Exit;
using harness::number;
using harness::Program;
using harness::Residue;
using harness::text;
using net::testing::RawClient;

namespace {

class TasksFormsTest : public TasksFixture {
 protected:
  [[nodiscard]] std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(http().substr(http().rfind(':') + 1)));
  }
  // Of a counter or gauge without labels.
  std::int64_t metric(const std::string& name) {
    const std::string all = "\n" + get("/metrics").raw;
    const std::size_t at = all.find("\n" + name + " ");
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1 : std::stoll(all.substr(at + name.size() + 2));
  }
  // What node printed, without where its own code was.
  static std::string without_its_own_lines(const std::string& printed) {
    std::istringstream lines(printed);
    std::string kept;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("    at ") || line.find("node:internal") == std::string::npos) {
        kept += line + "\n";
      }
    }
    return kept;
  }
  // A small root file system made of one program.
  std::string make_image() {
    const std::string root = scratch("image");
    fs::create_directories(root + "/bin");
    fs::copy_file("/bin/busybox", root + "/bin/busybox");
    for (const char* name : {"sh", "ls", "cat"}) {
      fs::create_symlink("busybox", root + "/bin/" + name);
    }
    fs::create_directories(root + "/open");
    fs::permissions(root + "/open", fs::perms(01777));
    std::ofstream(root + "/release") << "small image\n";
    return root;
  }
};

TEST_F(TasksFormsTest, EachLanguageTakesArgumentsInputAndEnvironment) {
  start_up();
  const std::map<std::string, std::string> code = {
      {"js",
       "const [a, b] = process.argv.slice(2);"
       "process.stdout.write(`${a}|${b}|${process.env.COLOUR}|${require('fs').readFileSync(0)}`)"},
      {"python",
       "import os, sys\n"
       "a, b = sys.argv[1:]\n"
       "print(a, b, os.environ['COLOUR'], sys.stdin.read(), sep='|', end='')"},
      {"sh", "printf '%s|%s|%s|%s' \"$1\" \"$2\" \"$COLOUR\" \"$(cat)\""},
  };
  for (const auto& [language, program] : code) {
    const json::object ended = run_task(script(program, {{"language", language},
                                                         {"args", {"one", "two words"}},
                                                         {"stdin", "input é"},
                                                         {"env", {{"COLOUR", "blue"}}}}));
    EXPECT_EQ(text(ended, "status"), "COMPLETED") << json::serialize(ended);
    EXPECT_EQ(text(ended, "stdout"), "one|two words|blue|input é") << language;
    EXPECT_EQ(text(ended, "language"), language);
  }
  EXPECT_EQ(text(run_task(script("print(6*7)", {{"language", "python3"}})), "stdout"), "42\n");
  const json::object error = run_task(script("raise ValueError('no')", {{"language", "py"}}));
  EXPECT_NE(text(error, "stderr").find("File \"/work/main.py\", line 1"), std::string::npos);
  EXPECT_NE(text(error, "stderr").find("\nValueError: no\n"), std::string::npos);
  EXPECT_EQ(number(run_task(script("exit 7", {{"language", "sh"}})), "exitCode"), 7);
}

TEST_F(TasksFormsTest, NoTaskSeesWhatAnotherWroteAndNothingStays) {
  const Residue residue(scratch());
  const Program& up = start_up({"--warm-slots", "0"});
  const std::string write =
      "for (const d of ['/tmp', '/work', '/dev/shm']) require('fs').writeFileSync(d + '/mark', "
      "'x')";
  EXPECT_EQ(text(run_task(script(write)), "status"), "COMPLETED");
  const json::object look = run_task(script("ls /tmp /dev/shm /work", {{"language", "sh"}}));
  EXPECT_EQ(text(look, "stdout").find("mark"), std::string::npos) << json::serialize(look);
  EXPECT_EQ(residue.left({up.pid()}), std::vector<std::string>());
}

TEST_F(TasksFormsTest, ABatchAnswersForEachOfItsTasksInOrder) {
  start_up();
  const Answer answer = post("/tasks?wait=1", R"j([
    {"code":"console.log(1)"},
    {"prompt":"no code"},
    {"code":"console.log(2)","language":"cobol"},
    {"code":"print(3)","language":"python"}
  ])j");
  ASSERT_EQ(answer.status, 200) << answer.raw;
  const json::array& results = answer.body.as_array();
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(text(results[0].as_object(), "stdout"), "1\n") << answer.raw;
  EXPECT_EQ(text(results[1].as_object().at("error").as_object(), "field"), "code");
  EXPECT_EQ(text(results[2].as_object().at("error").as_object(), "field"), "language");
  EXPECT_EQ(text(results[3].as_object(), "stdout"), "3\n") << answer.raw;
  EXPECT_EQ(get("/tasks").body.at("tasks").as_array().size(), 2U);
}

TEST_F(TasksFormsTest, AWaitIsOverWhenItsTimeIsAndTheTaskGoesOn) {
  start_up();
  const Answer early = post(
      "/tasks?wait=0.2", json::serialize(script("console.log('up'); setInterval(() => {}, 1000)")));
  ASSERT_EQ(early.status, 201) << early.raw;
  const std::string id = text(object_of(early), "id");
  EXPECT_FALSE(has_ended(object_of(early))) << early.raw;
  EXPECT_EQ(text(object_of(early), "prompt"), "");
  wait_printed(id, "up\n");
  EXPECT_EQ(text(object_of(get("/tasks/" + id + "?wait=0.2")), "status"), "RUNNING");
  EXPECT_EQ(post("/tasks/" + id + "/cancel", "").status, 202);
  const json::object ended = wait_task(id);
  EXPECT_EQ(text(ended, "status"), "CANCELLED");
  EXPECT_EQ(text(ended, "stdout"), "up\n");
  EXPECT_FALSE(text(ended, "error").empty());
  EXPECT_EQ(post("/tasks/" + id + "/cancel", "").status, 200) << "it has ended";
}

TEST_F(TasksFormsTest, AClientThatLeavesWhileItWaitsHarmsNobody) {
  start_up();
  const std::string body =
      json::serialize(script("console.log('up'); setTimeout(() => console.log('end'), 500)"));
  {
    RawClient client(port());
    client.send(net::testing::post("/tasks?wait=1", body));
    wait_until([&] { return !get("/tasks").body.at("tasks").as_array().empty(); }, "the task");
  }
  const json::value listed = get("/tasks").body;
  const json::object ended = wait_task(text(listed.at("tasks").as_array().at(0).as_object(), "id"));
  EXPECT_EQ(text(ended, "status"), "COMPLETED") << json::serialize(ended);
  EXPECT_EQ(text(ended, "stdout"), "up\nend\n");
  EXPECT_EQ(text(run_task(script("console.log('next')")), "stdout"), "next\n");
}

TEST_F(TasksFormsTest, ResultsOutliveTheController) {
  start_controller();
  start_agent("worker-1");
  const std::string done = text(run_task(script("console.log(2+2)", {{"prompt", "p"}})), "id");
  const json::object before = task(done);
  const std::string running =
      post_task(script("console.log('up'); setTimeout(() => console.log('end'), 1500)"));
  wait_printed(running, "up\n");
  restart_controller();
  EXPECT_EQ(json::serialize(task(done)), json::serialize(before));
  const json::object ended = wait_task(running);
  EXPECT_EQ(text(ended, "status"), "COMPLETED") << json::serialize(ended);
  EXPECT_EQ(text(ended, "stdout"), "up\nend\n");
}

TEST_F(TasksFormsTest, ScriptsOfTheCommandLineAreTasks) {
  start_up();
  std::ofstream(scratch("sum.py")) << "import sys\nprint(sum(map(int, sys.argv[1:])))\n";
  const Exit submitted = hearth({"submit", "--script", scratch("sum.py"), "--", "20", "22"});
  ASSERT_EQ(submitted.code, 0) << submitted.err;
  const json::object ended = wait_task(submitted.out.substr(0, submitted.out.find('\n')));
  EXPECT_EQ(text(ended, "language"), "python");
  EXPECT_EQ(text(ended, "stdout"), "42\n") << json::serialize(ended);
  const Exit run =
      hearth({"run", "--language", "js", "--script", "-"},
             {.environment = {}, .stdin_bytes = "console.log('typed')", .directory = {}});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "typed\n");
  const std::string command = submit({{"command", {"true"}}});
  EXPECT_EQ(get("/tasks/" + command).status, 404) << "it runs a command";
}

TEST_F(TasksFormsTest, AWaitingInterpreterAnswersAsOneStartedForTheTask) {
  start_up();
  const json::object body =
      script("console.log(__filename, process.argv.length); throw new Error('x')");
  const json::object cold = run_task(body);
  EXPECT_EQ(metric("hearth_agent_warm_hits_total"), 0);
  wait_until([&] { return metric("hearth_agent_warm_ready") > 0; }, "an interpreter that waits");
  const json::object warm = run_task(body);
  EXPECT_EQ(metric("hearth_agent_warm_hits_total"), 1);
  for (const char* same : {"status", "stdout", "error"}) {
    EXPECT_EQ(text(warm, same), text(cold, same));
  }
  EXPECT_EQ(without_its_own_lines(text(warm, "stderr")),
            without_its_own_lines(text(cold, "stderr")));
  EXPECT_EQ(number(warm, "exitCode"), 1);
  EXPECT_EQ(text(warm, "stdout"), "/work/main.js 2\n");
}

TEST_F(TasksFormsTest, WhatWaitingInterpretersUseIsNotOfferedToJobs) {
  start_controller();
  start_agent("none", {"--warm-slots", "0"});
  start_agent("four", {"--warm-slots", "4"});
  start_agent("nobody_to_wait", {"--warm-slots", "4", "--languages", "js=,python="});
  std::map<std::string, std::int64_t> offered;
  const Answer agents = get("/v1/agents");
  for (const auto& agent : agents.body.at("agents").as_array()) {
    const auto& capacity = agent.at("capacity").as_object();
    offered[text(agent.as_object(), "id")] = number(capacity, "ramMb");
  }
  EXPECT_EQ(offered["none"] - offered["four"], 4 * 64);
  EXPECT_EQ(offered["none"], offered["nobody_to_wait"]);
}

TEST_F(TasksFormsTest, AScriptRunsInAnImage) {
  if (!fs::exists("/bin/busybox")) {
    GTEST_SKIP() << "NOT RUN HERE: no busybox-static";
  }
  const std::string root = make_image();
  start_up({"--images", "small=" + root, "--languages", "ash=busybox ash {main.sh}"});
  const std::string id =
      submit({{"script",
               {{"language", "ash"},
                {"code", "cat /release; ls /usr 2>&1; echo x > /open/made; cat /open/made"}}},
              {"sandbox", "image"},
              {"image", "small"}});
  const json::object ended = wait_task(id);
  EXPECT_EQ(text(ended, "status"), "COMPLETED") << json::serialize(ended);
  EXPECT_TRUE(text(ended, "stdout").starts_with("small image\n"));
  EXPECT_TRUE(text(ended, "stdout").ends_with("\nx\n"));
  EXPECT_NE(text(ended, "stdout").find("/usr: No such file"), std::string::npos)
      << text(ended, "stdout");
  EXPECT_FALSE(fs::exists(root + "/open/made"));
  const Answer unknown = post(
      "/v1/jobs", json::serialize(json::object{{"script", {{"language", "ash"}, {"code", "true"}}},
                                               {"sandbox", "image"},
                                               {"image", "other"}}));
  EXPECT_EQ(unknown.status, 422) << unknown.raw;
  EXPECT_NE(unknown.raw.find("small"), std::string::npos) << unknown.raw;
}

TEST_F(TasksFormsTest, WithoutSandboxesNoTaskIsTaken) {
  start_up({"--sandbox", "none"});
  const Answer refused = post("/tasks", R"({"code":"1"})");
  EXPECT_EQ(refused.status, 422) << refused.raw;
  EXPECT_EQ(text(object_of(refused), "code"), "sandbox_unavailable") << refused.raw;
  EXPECT_FALSE(object_of(refused).contains("field")) << refused.raw;
  EXPECT_EQ(hearth({"run", "--", "echo", "commands run"}).out, "commands run\n");
}

}  // namespace
}  // namespace hearth::e2e
