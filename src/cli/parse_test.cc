#include <gtest/gtest.h>

#include "base/door_limits.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/token.h"

namespace hearth::cli {
namespace {

TEST(ParseTest, RunTakesEverythingAfterTheDashesAsTheCommand) {
  const auto invocation =
      parse_command_line({"run", "--cpu", "0.5", "--memory=256", "--env", "A=1", "--env", "B=x y",
                          "--timeout", "30s", "--", "sh", "-c", "exit 3", "--cpu"});
  const auto* run = std::get_if<RunCommand>(&invocation);
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->job.cpu, "0.5");
  EXPECT_EQ(run->job.memory, "256");
  EXPECT_EQ(run->job.env, (std::vector<std::string>{"A=1", "B=x y"}));
  EXPECT_EQ(run->job.command, (std::vector<std::string>{"sh", "-c", "exit 3", "--cpu"}));
}

TEST(ParseTest, ARepeatedFlagTakesOneValueEachSoThatTheCommandIsNotEaten) {
  const auto invocation = parse_command_line({"run", "--label", "a=b", "echo", "hello"});
  const auto* run = std::get_if<RunCommand>(&invocation);
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->job.labels, std::vector<std::string>{"a=b"});
  EXPECT_EQ(run->job.command, (std::vector<std::string>{"echo", "hello"}));
}

TEST(ParseTest, DaemonFlagsAreKeptBySettingName) {
  const auto invocation =
      parse_command_line({"agent", "--controller", "127.0.0.1:9", "--label", "a=b", "--label",
                          "c=d", "--max-parallel-jobs", "4", "--cgroup-root", "/x"});
  const auto* daemon = std::get_if<DaemonCommand>(&invocation);
  ASSERT_NE(daemon, nullptr);
  EXPECT_EQ(daemon->kind, DaemonKind::Agent);
  EXPECT_EQ(daemon->flags, (std::map<std::string, std::string>{{"controller", "127.0.0.1:9"},
                                                               {"labels", "a=b,c=d"},
                                                               {"max_parallel_jobs", "4"},
                                                               {"cgroup_root", "/x"}}));
}

TEST(ParseTest, TlsIsAFlagAndFilesAreSettings) {
  const auto agent = parse_command_line({"agent", "--tls", "--ca", "ca.pem"});
  ASSERT_TRUE(std::holds_alternative<DaemonCommand>(agent));
  EXPECT_EQ(std::get<DaemonCommand>(agent).flags,
            (std::map<std::string, std::string>{{"tls", "true"}, {"ca", "ca.pem"}}));
  const auto jobs = parse_command_line({"jobs", "--ca", "ca.pem", "--client-cert", "me.pem"});
  ASSERT_TRUE(std::holds_alternative<JobsCommand>(jobs));
  EXPECT_EQ(std::get<JobsCommand>(jobs).common.tls.authority, "ca.pem");
  EXPECT_EQ(std::get<JobsCommand>(jobs).common.tls.certificate, "me.pem");
  const auto cert = parse_command_line({"cert", "server", "--host", "a", "--host", "b"});
  ASSERT_TRUE(std::holds_alternative<CertCommand>(cert));
  EXPECT_EQ(std::get<CertCommand>(cert).action, CertCommand::Action::Server);
  EXPECT_EQ(std::get<CertCommand>(cert).hosts, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(std::holds_alternative<Message>(parse_command_line({"cert"})));
}

TEST(ParseTest, WhatAJobBringsAndLeaves) {
  const auto run = parse_command_line(
      {"run", "--upload", "project", "--result", "out", "--result", "report.json", "--", "make"});
  ASSERT_TRUE(std::holds_alternative<RunCommand>(run));
  const JobOptions& job = std::get<RunCommand>(run).job;
  EXPECT_EQ(job.upload_from, "project");
  EXPECT_EQ(job.results, (std::vector<std::string>{"out", "report.json"}));
  EXPECT_EQ(job.command, (std::vector<std::string>{"make"}));
  const auto results = parse_command_line({"results", "ID", "out/a", "--attempt", "2"});
  ASSERT_TRUE(std::holds_alternative<ResultsCommand>(results));
  EXPECT_EQ(std::get<ResultsCommand>(results).id, "ID");
  EXPECT_EQ(std::get<ResultsCommand>(results).path, "out/a");
  EXPECT_EQ(std::get<ResultsCommand>(results).attempt, 2);
  EXPECT_EQ(std::get<ResultsCommand>(parse_command_line({"results", "ID", "--to", "here"})).to,
            "here");
}

TEST(ParseTest, WrongUsageIsExitCode2AndHelpIs0) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"fly"},
                                                {"run", "--cpu"},
                                                {"up", "--nonsense", "1"},
                                                {"logs"},
                                                {"controller", "--cpu", "1"}}) {
    const auto invocation = parse_command_line(wrong);
    const auto* message = std::get_if<Message>(&invocation);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->exit_code, 2);
    EXPECT_FALSE(message->text.empty());
  }
  for (const std::vector<std::string>& help :
       {std::vector<std::string>{"--help"}, {"run", "--help"}, {"up", "--help"}}) {
    const auto invocation = parse_command_line(help);
    const auto* message = std::get_if<Message>(&invocation);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->exit_code, 0);
    EXPECT_NE(message->text.find("hearth"), std::string::npos);
  }
}

// Not what would be left of the command behind it.
TEST(ParseTest, AFlagThatThereIsNotIsNamed) {
  for (const char* flag : {"--ram", "--ram=200"}) {
    const auto wrong =
        std::get<Message>(parse_command_line({"submit", flag, "200", "--", "python3", "-c", "x"}));
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_EQ(
        wrong.text,
        "hearth: hearth submit has no flag --ram; `hearth submit --help` lists those it has\n");
  }
  const auto nested = std::get<Message>(parse_command_line({"token", "create", "--scop", "read"}));
  EXPECT_NE(nested.text.find("hearth token create has no flag --scop;"), std::string::npos)
      << nested.text;
  const auto value = std::get<Message>(parse_command_line({"submit", "--cpu"}));
  EXPECT_EQ(value.text.find("has no flag"), std::string::npos) << value.text;
}

TEST(ParseTest, ATokenInACommandLineIsRefusedAndNotRepeated) {
  const std::string token = "hearth_c0123456789ab_" + std::string(64, 'f');
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"jobs", "--token", token},
                                                {"jobs", "--token=" + token},
                                                {"jobs", "--token", "anything"},
                                                {"jobs", token},
                                                {"jobs", "--url", "http://" + token + "@h:1"}}) {
    const auto invocation = parse_command_line(wrong);
    const auto* message = std::get_if<Message>(&invocation);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->exit_code, 2);
    EXPECT_NE(message->text.find("HEARTH_TOKEN"), std::string::npos) << message->text;
    EXPECT_EQ(message->text.find(token), std::string::npos);
  }
  const auto job = parse_command_line({"run", "--", "echo", "--token", "x"});
  EXPECT_TRUE(std::holds_alternative<RunCommand>(job)) << "a job's own arguments are its own";
}

TEST(ParseTest, TokensAreMadeListedAndRevoked) {
  const auto made = parse_command_line(
      {"token", "create", "--scope", "read,admin", "--expires", "30d", "--name", "n", "--json"});
  const auto* create = std::get_if<TokenCommand>(&made);
  ASSERT_NE(create, nullptr);
  EXPECT_EQ(create->action, TokenAction::Create);
  EXPECT_EQ(create->scopes, "read,admin");
  EXPECT_TRUE(create->common.json);
  EXPECT_EQ(new_token_body(*create).value(),
            R"({"name":"n","scopes":["read","admin"],"expiresInMs":2592000000})");
  const auto join = parse_command_line({"token", "create", "--join", "--uses", "3"});
  EXPECT_EQ(new_token_body(std::get<TokenCommand>(join)).value(), R"({"kind":"join","uses":3})");
  const auto plain = parse_command_line({"token", "create"});
  EXPECT_EQ(new_token_body(std::get<TokenCommand>(plain)).value(),
            R"({"scopes":["submit","read"]})");
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"token", "create", "--uses", "2"},
        {"token", "create", "--join", "--scope", "read"},
        {"token", "create", "--scope", "all"},
        {"token", "create", "--expires", "soon"}}) {
    EXPECT_FALSE(new_token_body(std::get<TokenCommand>(parse_command_line(wrong))));
  }
  const auto revoked = parse_command_line({"token", "revoke", "c1", "c2", "--data", "/d"});
  const auto* revoke = std::get_if<TokenCommand>(&revoked);
  ASSERT_NE(revoke, nullptr);
  EXPECT_EQ(revoke->action, TokenAction::Revoke);
  EXPECT_EQ(revoke->ids, (std::vector<std::string>{"c1", "c2"}));
  EXPECT_EQ(revoke->data, "/d");
}

TEST(TokenFileTest, TheFileGoesBeforeTheVariable) {
  const std::string token = "hearth_c0123456789ab_" + std::string(64, 'f');
  const std::string other = "hearth_c0123456789ab_" + std::string(64, 'e');
  const hearth::testing::TempDir directory;
  const std::string file = directory.path() + "/token";
  ASSERT_TRUE(write_file_atomically(file, other + "\n", 0600));
  EXPECT_EQ(find_token("", {}).value(), "");
  EXPECT_EQ(find_token("", {{"HEARTH_TOKEN", token}}).value(), token);
  EXPECT_EQ(find_token(file, {{"HEARTH_TOKEN", token}}).value(), other);
  const auto bad = find_token("", {{"HEARTH_TOKEN", "hunter2"}});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message.find("hunter2"), std::string::npos);
  EXPECT_FALSE(find_token(directory.path() + "/none", {}));
  const auto size = static_cast<std::size_t>(limits::kTokenFileBytesMax) + 1;
  ASSERT_TRUE(write_file_atomically(file, std::string(size, 'x'), 0600));
  EXPECT_NE(find_token(file, {}).error().message.find(file), std::string::npos);
}

TEST(SessionTest, ATokenLeavesThisMachineOnlyOverTls) {
  const std::string token = "hearth_c0123456789ab_" + std::string(64, 'f');
  const auto open = [&token](const std::string& url) {
    return Session::open(Common{}, {{"HEARTH_URL", url}, {"HEARTH_TOKEN", token}}, Terminal{});
  };
  for (const char* url : {"http://build.example.org:7070", "build.example.org", "10.0.0.1:7070",
                          "http://127.0.0.1.example.org", "[2001:db8::1]:7070"}) {
    const auto refused = open(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_NE(refused.error().message.find("https://"), std::string::npos) << url;
    EXPECT_NE(refused.error().message.find("--ca"), std::string::npos) << url;
    EXPECT_EQ(refused.error().message.find(token), std::string::npos) << url;
    EXPECT_TRUE(Session::open(Common{}, {{"HEARTH_URL", url}}, Terminal{})) << "without a token";
  }
  for (const char* url : {"", "http://127.0.0.1:7070", "localhost:7070", "[::1]:7070",
                          "https://build.example.org:7070"}) {
    EXPECT_TRUE(open(url)) << url;
  }
}

TEST(ParseTest, TopTakesItsOrderAndInterval) {
  const auto plain = parse_command_line({"top"});
  ASSERT_TRUE(std::holds_alternative<TopCommand>(plain));
  EXPECT_EQ(std::get<TopCommand>(plain).sort, "cpu");
  EXPECT_EQ(std::get<TopCommand>(plain).interval, "1s");
  const auto top = parse_command_line(
      {"top", "--once", "--sort", "memory", "--filter", "build", "--interval", "500ms", "--json"});
  ASSERT_TRUE(std::holds_alternative<TopCommand>(top));
  EXPECT_TRUE(std::get<TopCommand>(top).once);
  EXPECT_TRUE(std::get<TopCommand>(top).common.json);
  EXPECT_EQ(std::get<TopCommand>(top).sort, "memory");
  EXPECT_EQ(std::get<TopCommand>(top).filter, "build");
  EXPECT_EQ(std::get<TopCommand>(top).interval, "500ms");
  EXPECT_TRUE(std::holds_alternative<Message>(parse_command_line({"top", "--sort", "color"})));
}

}  // namespace
}  // namespace hearth::cli
