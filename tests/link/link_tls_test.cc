// The link over TLS.
#include "base/files.h"
#include "base/limits.h"
#include "link_fixture.h"
#include "tls/testing/test_certificates.h"

namespace hearth {
namespace {

class TlsLinkTest : public AgentLinkTest {
 protected:
  void serve_tls(bool wants_client_certificate = false) {
    identity_ = certificates_.identity(wants_client_certificate);
    serve({.address = "127.0.0.1:0", .tls = identity_.get()});
  }
  // What an agent logs that gets no link.
  std::string refusal(const std::optional<tls::ClientFiles>& files) {
    TestAgent agent(address_, files);
    agent.start();
    EXPECT_TRUE(agent.until([&] { return !agent.log_lines.empty(); }));
    EXPECT_EQ(agent.count<agent::LinkUp>(), 0U);
    return agent.log_lines;
  }
  [[nodiscard]] tls::ClientFiles trusting() const { return {.authority = certificates_.ca()}; }

  tls::testing::TestCertificates certificates_;
  std::unique_ptr<tls::ServerIdentity> identity_;
};

TEST_F(TlsLinkTest, CarriesBothStreams) {
  serve_tls();
  TestAgent agent(address_, trusting());
  agent.start();
  agent.write(out(1), "secret output");
  ASSERT_TRUE(agent.until([&] { return received(out(1)) == "secret output"; })) << agent.log_lines;
}

TEST_F(TlsLinkTest, SaysWhyAControllerIsNotBelieved) {
  serve_tls();
  const tls::testing::TestCertificates others;
  EXPECT_NE(refusal(tls::ClientFiles{.authority = others.ca()})
                .find("the controller's certificate is not from the authority in " + others.ca()),
            std::string::npos);
  certificates_.server("server", {"example.org"});
  ASSERT_TRUE(identity_->reload() == tls::ServerIdentity::Reload::Replaced);
  const std::string name = refusal(trusting());
  EXPECT_NE(name.find("is for other names"), std::string::npos) << name;
  EXPECT_FALSE(refusal(std::nullopt).empty());  // plain to a port that speaks TLS
  server_->stop();
  serve();
  const std::string plain = refusal(trusting());
  EXPECT_NE(plain.find("does not speak TLS"), std::string::npos) << plain;
}

TEST_F(TlsLinkTest, ReadsItsFilesForEachConnection) {
  serve_tls();
  const std::string good = *read_file(certificates_.ca(), limits::kCertificateFileBytesMax);
  certificates_.write("ca.pem", "half-written");
  TestAgent agent(address_, trusting());
  agent.start();
  ASSERT_TRUE(agent.until([&] { return !agent.log_lines.empty(); }));
  EXPECT_NE(agent.log_lines.find("no readable certificate"), std::string::npos) << agent.log_lines;
  certificates_.write("ca.pem", good);
  EXPECT_TRUE(agent.until_order<agent::LinkUp>()) << agent.log_lines;
}

TEST_F(TlsLinkTest, ANewCertificateIsForNewLinks) {
  serve_tls();
  TestAgent old(address_, trusting());
  old.start();
  ASSERT_TRUE(old.until_order<agent::LinkUp>()) << old.log_lines;
  const tls::testing::TestCertificates others;
  for (const char* half : {"server.pem", "server.key"}) {
    certificates_.write(half, *read_file(others.path(half), limits::kCertificateFileBytesMax));
  }
  ASSERT_TRUE(identity_->reload() == tls::ServerIdentity::Reload::Replaced);
  TestAgent aware(address_, tls::ClientFiles{.authority = others.ca()});
  aware.info_.id = AgentId("node-2");
  aware.start();
  ASSERT_TRUE(aware.until_order<agent::LinkUp>()) << aware.log_lines;
  EXPECT_NE(refusal(trusting()).find("not from the authority"), std::string::npos);
  old.write(out(1), "still here");
  EXPECT_TRUE(old.until([&] { return received(out(1)) == "still here"; }));
  EXPECT_EQ(old.count<agent::LinkDown>(), 0U);
}

TEST_F(TlsLinkTest, WantsClientCertificatesWhenToldTo) {
  serve_tls(/*wants_client_certificate=*/true);
  EXPECT_FALSE(refusal(trusting()).empty());
  TestAgent agent(address_, certificates_.client("node"));
  agent.start();
  EXPECT_TRUE(agent.until_order<agent::LinkUp>()) << agent.log_lines;
}

}  // namespace
}  // namespace hearth
