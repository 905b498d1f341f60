#include "tls/server_identity.h"

#include <gtest/gtest.h>

#include "tls/testing/test_certificates.h"

namespace hearth::tls {
namespace {

using Reload = ServerIdentity::Reload;
using testing::TestCertificates;

class ServerIdentityTest : public ::testing::Test {
 protected:
  ServerIdentityTest() { identity_ = certificates_.identity(/*wants_client_certificate=*/true); }

  std::string refusal() {
    const auto before = identity_->current();
    const auto outcome = identity_->reload();
    EXPECT_FALSE(outcome);
    EXPECT_EQ(identity_->current(), before);  // the old one serves on
    // It is told once; then there is nothing new to tell.
    const auto again = identity_->reload();
    EXPECT_TRUE(again && *again == Reload::Unchanged);
    return outcome ? "" : outcome.error().message;
  }
  bool replaced() {
    const auto outcome = identity_->reload();
    return outcome && *outcome == Reload::Replaced;
  }

  TestCertificates certificates_;
  std::unique_ptr<ServerIdentity> identity_;
};

TEST_F(ServerIdentityTest, TakesARenewedPair) {
  const auto first = identity_->current();
  EXPECT_TRUE(identity_->reload() == Reload::Unchanged);
  certificates_.server("server", {"new.example.org"});
  ASSERT_TRUE(replaced());
  const auto second = identity_->current();
  EXPECT_EQ(second->generation, first->generation + 1);
  EXPECT_EQ(second->facts.names, std::vector<std::string>{"new.example.org"});
  EXPECT_NE(second->context, first->context);
}

TEST_F(ServerIdentityTest, KeepsTheOldPairBesideABrokenOne) {
  const std::string good = *read_file(identity_->files().certificate, 1 << 20);
  certificates_.write("server.pem", "not a certificate");
  EXPECT_NE(refusal().find("no readable certificate"), std::string::npos);
  certificates_.write("server.pem", "");
  EXPECT_NE(refusal().find("no readable certificate"), std::string::npos);
  const ServerFiles other = certificates_.server("other", {"localhost"});
  certificates_.write("server.pem", *read_file(other.certificate, 1 << 20));
  EXPECT_NE(refusal().find("does not belong"), std::string::npos);
  certificates_.write("server.key", *read_file(other.key, 1 << 20));  // the other half arrives
  EXPECT_TRUE(replaced());
  std::filesystem::remove(identity_->files().key);
  EXPECT_NE(refusal().find("server.key"), std::string::npos);
}

TEST_F(ServerIdentityTest, TakesBackWhatItHad) {
  const std::string good = *read_file(identity_->files().certificate, 1 << 20);
  certificates_.write("server.pem", "broken");
  EXPECT_FALSE(refusal().empty());
  certificates_.write("server.pem", good);
  EXPECT_TRUE(identity_->reload() == Reload::Unchanged);
  certificates_.write("server.pem", "broken");
  EXPECT_FALSE(refusal().empty());  // told again: it was right in between
}

TEST_F(ServerIdentityTest, RefusesAnExpiredPair) {
  certificates_.server("server", {"localhost"}, std::chrono::minutes(-1));
  EXPECT_NE(refusal().find("expired on "), std::string::npos);
  SystemClock clock;
  const auto loaded = ServerIdentity::load(identity_->files(), clock);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("hearth cert server"), std::string::npos);
}

TEST_F(ServerIdentityTest, ReplacesTheClientsAuthorityToo) {
  certificates_.write("ca.pem", "broken");
  EXPECT_NE(refusal().find("ca.pem"), std::string::npos);
  const TestCertificates others;
  certificates_.write("ca.pem", *read_file(others.ca(), 1 << 20));
  EXPECT_TRUE(replaced());
  EXPECT_TRUE(identity_->requires_client_certificate());
}

TEST_F(ServerIdentityTest, NeedsBothFiles) {
  SystemClock clock;
  const auto loaded =
      ServerIdentity::load({.certificate = certificates_.files().certificate}, clock);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("--tls-key"), std::string::npos);
}

}  // namespace
}  // namespace hearth::tls
