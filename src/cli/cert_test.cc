// `hearth cert` on a scratch directory: what it makes, and what it never does.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/testing/temp_dir.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "tls/certificate.h"
#include "tls/server_identity.h"

namespace hearth::cli {
namespace {

using Action = CertCommand::Action;

class CertTest : public ::testing::Test {
 protected:
  CertTest() : dir_(scratch_.file("tls")) {}

  // Runs the command; what it wrote is in text_.
  int run(CertCommand command) {
    command.dir = command.dir == "hearth-tls" ? dir_ : command.dir;
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const UniqueFd out(ends[0]);
    UniqueFd in(ends[1]);
    const int code =
        run_cert_command(command, clock_, "builder", {.out_fd = in.get(), .err_fd = in.get()});
    in.reset();
    text_ = *read_all(out.get(), 1 << 20);
    return code;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    const auto text = read_file(dir_ + "/" + name, limits::kCertificateFileBytesMax);
    return text ? *text : "";
  }
  [[nodiscard]] unsigned mode(const std::string& name) const {
    struct stat status {};
    return ::stat((dir_ + "/" + name).c_str(), &status) == 0 ? status.st_mode & 0777U : 0;
  }
  [[nodiscard]] tls::CertificateFacts facts(const std::string& name) const {
    return *tls::describe_certificate(read(name), name);
  }

  hearth::testing::TempDir scratch_;
  std::string dir_;
  SystemClock clock_;
  std::string text_;
};

TEST_F(CertTest, InitMakesAllThatAServerNeeds) {
  ASSERT_EQ(run({.hosts = {"build.example.org", "192.0.2.7"}}), 0) << text_;
  EXPECT_EQ(facts("server.pem").names,
            (std::vector<std::string>{"build.example.org", "192.0.2.7", "builder", "localhost",
                                      "127.0.0.1", "::1"}));
  EXPECT_EQ(mode("ca.key"), 0600U);
  EXPECT_EQ(mode("server.key"), 0600U);
  EXPECT_EQ(mode("ca.pem"), 0644U);
  EXPECT_NE(text_.find("hearth controller --tls-cert " + dir_ + "/server.pem"), std::string::npos);
  EXPECT_NE(text_.find("hearth token create"), std::string::npos) << "other machines need it";
  const auto identity = tls::ServerIdentity::load(
      {.certificate = dir_ + "/server.pem", .key = dir_ + "/server.key", .client_authority = ""},
      clock_);
  EXPECT_TRUE(identity) << identity.error().message;
}

TEST_F(CertTest, NeverReplacesAnAuthority) {
  ASSERT_EQ(run({}), 0) << text_;
  const std::string authority = read("ca.pem");
  EXPECT_EQ(run({}), 1);
  EXPECT_NE(text_.find("exists"), std::string::npos) << text_;
  EXPECT_NE(text_.find("hearth cert server --dir " + dir_), std::string::npos) << text_;
  std::filesystem::remove(dir_ + "/ca.pem");
  EXPECT_EQ(run({}), 1);  // the key alone is worth keeping too
  EXPECT_FALSE(authority.empty());
}

TEST_F(CertTest, AMistypedHostLeavesNothingBehind) {
  EXPECT_EQ(run({.hosts = {"host:7070"}}), 2);
  EXPECT_NE(text_.find("without a port"), std::string::npos) << text_;
  EXPECT_FALSE(std::filesystem::exists(dir_));
  EXPECT_EQ(run({.days = 826}), 2);
  EXPECT_NE(text_.find("825"), std::string::npos) << text_;
}

TEST_F(CertTest, RenewsWhatItMade) {
  ASSERT_EQ(run({}), 0) << text_;
  const std::string first = read("server.pem");
  ASSERT_EQ(run({.action = Action::Server, .hosts = {"new.example.org"}, .days = 30}), 0) << text_;
  EXPECT_NE(read("server.pem"), first);
  EXPECT_EQ(facts("server.pem").names.front(), "new.example.org");
  EXPECT_TRUE(tls::check_pair(read("server.pem"), "c", read("server.key"), "k"));
}

TEST_F(CertTest, NeverReplacesTheCertificateOfOthers) {
  ASSERT_EQ(run({}), 0) << text_;
  ASSERT_EQ(run({.dir = scratch_.file("other")}), 0) << text_;
  std::filesystem::copy_file(scratch_.file("other") + "/ca.pem", dir_ + "/mine.pem");
  ASSERT_TRUE(write_file_atomically(dir_ + "/mine.pem", "precious"));
  EXPECT_EQ(run({.action = Action::Server, .name = "mine"}), 1);
  EXPECT_EQ(read("mine.pem"), "precious");
  EXPECT_EQ(run({.action = Action::Client, .name = "ca"}), 2);
  EXPECT_EQ(run({.action = Action::Client, .name = "../x"}), 2);
}

TEST_F(CertTest, MakesClientsAndShowsThem) {
  EXPECT_EQ(run({.action = Action::Client, .name = "ann"}), 1);
  EXPECT_NE(text_.find("hearth cert init --dir"), std::string::npos) << text_;
  ASSERT_EQ(run({}), 0);
  ASSERT_EQ(run({.action = Action::Client, .name = "ann"}), 0) << text_;
  EXPECT_EQ(mode("ann.key"), 0600U);
  ASSERT_EQ(run({.action = Action::Show, .file = dir_ + "/ann.pem"}), 0) << text_;
  EXPECT_NE(text_.find("\"ann\", issued by \"Hearth authority of builder\""), std::string::npos)
      << text_;
  EXPECT_EQ(run({.action = Action::Show, .file = dir_ + "/none.pem"}), 1);
}

}  // namespace
}  // namespace hearth::cli
