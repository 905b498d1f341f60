// Locked doors: tokens, joining agents, and what everybody without is told.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::ClusterTest;
using harness::Exit;
using harness::Program;
using harness::text;

namespace {

class DoorsTest : public ClusterTest {
 protected:
  static Program::Options with_token(const std::string& token) {
    Program::Options options;
    options.environment["HEARTH_TOKEN"] = token;
    return options;
  }
  static std::string line(std::string text) {
    while (!text.empty() && text.back() == '\n') {
      text.pop_back();
    }
    return text;
  }
  // The secret half.
  static std::string secret_of(const std::string& token) {
    return token.substr(token.rfind('_') + 1);
  }
  static std::string id_of(const std::string& token) { return token.substr(7, 13); }

  // A controller that asks for tokens; its first one was made straight in the data directory.
  std::string start_locked() {
    const Exit made =
        hearth({"token", "create", "--scope", "admin", "--data", scratch("controller")});
    EXPECT_EQ(made.code, 0) << made.err;
    controller_ = &start_controller({"--auth", "required"});
    return line(made.out);
  }
  std::string make_token(const std::string& admin, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"token", "create"});
    const Exit made = hearth(arguments, with_token(admin));
    EXPECT_EQ(made.code, 0) << made.err;
    return line(made.out);
  }
  std::unique_ptr<Program> agent(const std::string& id, const std::string& token) {
    return start({"agent", "--controller", grpc(), "--id", id, "--data", scratch("agent-" + id)},
                 token.empty() ? Program::Options{} : with_token(token));
  }

  Program* controller_ = nullptr;
};

TEST_F(DoorsTest, AnAgentJoinsAJobRunsAndNothingWorksWithout) {
  const std::string admin = start_locked();
  const std::string join = make_token(admin, {"--join"});
  const std::string ci = make_token(admin, {"--name", "ci"});

  const Exit jobs = hearth({"jobs"});
  EXPECT_EQ(jobs.code, 1);
  EXPECT_NE(jobs.err.find("HEARTH_TOKEN"), std::string::npos) << jobs.err;
  EXPECT_EQ(hearth({"run", "--", "true"}).code, 125);
  EXPECT_EQ(get("/v1/jobs").status, 401);
  EXPECT_EQ(get("/healthz").status, 200);
  const auto bare = agent("bare", "");
  const Exit refused = bare->wait();
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("refuses this agent"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("HEARTH_TOKEN"), std::string::npos) << refused.err;

  auto joined = agent("a", join);
  ASSERT_NE(joined->wait_for_line("hearth agent ready "), "") << joined->err();
  struct stat status {};
  ASSERT_EQ(::stat(scratch("agent-a/credential").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const Exit run = hearth({"run", "--", "echo", "hello"}, with_token(ci));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "hello\n");
  std::ofstream(scratch("token")) << ci << "\n";
  EXPECT_EQ(hearth({"jobs", "--token-file", scratch("token")}).code, 0);

  const Exit twice = agent("b", join)->wait();
  EXPECT_EQ(twice.code, 1);
  EXPECT_NE(twice.err.find("was used already"), std::string::npos) << twice.err;
  const Exit not_admin = hearth({"token", "list"}, with_token(ci));
  EXPECT_EQ(not_admin.code, 1);
  EXPECT_NE(not_admin.err.find("scope admin"), std::string::npos) << not_admin.err;

  for (const std::string& token : {admin, join, ci}) {
    EXPECT_EQ(controller_->err().find(secret_of(token)), std::string::npos);
    EXPECT_EQ(joined->err().find(secret_of(token)), std::string::npos);
  }
  EXPECT_NE(controller_->err().find("refused"), std::string::npos);
}

TEST_F(DoorsTest, TokensAndCredentialsOutliveARestartAndEndWhenRevoked) {
  const std::string admin = start_locked();
  const std::string ci = make_token(admin, {"--name", "ci"});
  auto joined = agent("a", make_token(admin, {"--join"}));
  ASSERT_NE(joined->wait_for_line("hearth agent ready "), "") << joined->err();
  restart_controller();
  EXPECT_EQ(hearth({"run", "--", "true"}, with_token(ci)).code, 0);
  joined->signal(SIGTERM);
  EXPECT_EQ(joined->wait().code, 0);
  joined = agent("a", "");
  ASSERT_NE(joined->wait_for_line("hearth agent ready "), "") << "without the join token";

  std::string credential;
  std::ifstream(scratch("agent-a/credential")) >> credential;
  EXPECT_EQ(hearth({"token", "revoke", id_of(credential), id_of(ci)}, with_token(admin)).code, 0);
  EXPECT_TRUE(joined->wait_for_text("refuses this agent"));
  const Exit run = hearth({"run", "--", "true"}, with_token(ci));
  EXPECT_EQ(run.code, 125);
  EXPECT_NE(run.err.find("was revoked"), std::string::npos) << run.err;
  const Exit list = hearth({"token", "list", "--json"}, with_token(admin));
  EXPECT_EQ(list.out.find(secret_of(ci)), std::string::npos);
  EXPECT_NE(list.out.find("\"revoked\""), std::string::npos) << list.out;
}

TEST_F(DoorsTest, ADataDirectoryInUseIsLeftToItsController) {
  start_controller();
  const Exit made = hearth({"token", "create", "--data", scratch("controller")});
  EXPECT_EQ(made.code, 1);
  EXPECT_NE(made.err.find("--url"), std::string::npos) << made.err;
  const Exit over_rest = hearth({"token", "create", "--json"});
  EXPECT_EQ(over_rest.code, 0) << over_rest.err;
  const auto token = json::parse(over_rest.out).as_object();
  EXPECT_EQ(token.size(), 2U) << over_rest.out;
  EXPECT_TRUE(text(token, "token").starts_with("hearth_" + text(token, "id")));
}

TEST_F(DoorsTest, UpNeedsNoTokenForItsOwnAgent) {
  const Exit made = hearth({"token", "create", "--data", scratch("up")});
  start_up({"--auth", "required"});
  EXPECT_EQ(hearth({"run", "--", "echo", "hi"}, with_token(line(made.out))).out, "hi\n");
  EXPECT_EQ(hearth({"run", "--", "true"}).code, 125);
}

// The addresses are everybody's, what goes over them stays on loopback.
TEST_F(DoorsTest, BeyondLoopbackItTakesTlsAndTokens) {
  ASSERT_EQ(hearth({"cert", "init", "--dir", scratch("tls")}).code, 0);
  const Exit made =
      hearth({"token", "create", "--scope", "admin", "--data", scratch("controller")});
  const std::string ca = scratch("tls/ca.pem");
  const auto controller = start(
      {"controller", "--data", scratch("controller"), "--http", "0.0.0.0:0", "--grpc", "0.0.0.0:0",
       "--tls-cert", scratch("tls/server.pem"), "--tls-key", scratch("tls/server.key")});
  const std::string ready = controller->wait_for_line("hearth ready ");
  ASSERT_NE(ready, "") << controller->err();
  const auto here = [&ready](const char* name) {
    const std::size_t at = ready.find(name);
    const std::size_t port = ready.find(':', at) + 1;
    return "127.0.0.1:" + ready.substr(port, ready.find(' ', port) - port);
  };
  Program::Options nobody;
  nobody.environment = {{"HEARTH_URL", "https://" + here("http=")}, {"HEARTH_CA", ca}};
  Program::Options admin = nobody;
  admin.environment["HEARTH_TOKEN"] = line(made.out);

  EXPECT_NE(hearth({"jobs"}, nobody).err.find("HEARTH_TOKEN"), std::string::npos);
  const Exit join = hearth({"token", "create", "--join"}, admin);
  ASSERT_EQ(join.code, 0) << join.err;
  const std::vector<std::string> agent = {"agent",  "--controller", here("grpc="), "--ca", ca,
                                          "--data", scratch("a"),   "--id",        "a"};
  EXPECT_NE(start(agent)->wait().err.find("refuses this agent"), std::string::npos);
  const auto joined = start(agent, with_token(line(join.out)));
  ASSERT_NE(joined->wait_for_line("hearth agent ready "), "") << joined->err();
  EXPECT_EQ(hearth({"run", "--", "echo", "hello"}, admin).out, "hello\n");
  EXPECT_EQ(controller->err().find("listening beyond loopback"), std::string::npos);
}

}  // namespace
}  // namespace hearth::e2e
