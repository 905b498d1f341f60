#include <gtest/gtest.h>

#include "cli/options.h"

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

}  // namespace
}  // namespace hearth::cli
