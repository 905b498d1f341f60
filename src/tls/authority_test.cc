#include "tls/authority.h"

#include <gtest/gtest.h>

#include "tls/certificate.h"

namespace hearth::tls {
namespace {

using std::chrono::days;

const TimePoint kNow = time_from_ms(1'800'000'000'000);  // 2027-01-15

class AuthorityTest : public ::testing::Test {
 protected:
  AuthorityTest() : authority_(*make_authority("our authority", kNow, kNow + days(3650))) {}

  Result<Issued> server(std::vector<std::string> hosts, days lifetime = days(397)) {
    return issue(authority_,
                 {.name = "server", .hosts = std::move(hosts), .not_after = kNow + lifetime}, kNow);
  }

  Issued authority_;
};

TEST_F(AuthorityTest, SignsForNamesAndAddresses) {
  const auto issued = server({"build.example.org", "*.example.org", "192.0.2.7", "2001:db8::1"});
  ASSERT_TRUE(issued) << issued.error().message;
  const auto facts = describe_certificate(issued->certificate, "it");
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->subject, "server");
  EXPECT_EQ(facts->issuer, "our authority");
  EXPECT_EQ(facts->names, (std::vector<std::string>{"build.example.org", "*.example.org",
                                                    "192.0.2.7", "2001:db8::1"}));
  EXPECT_EQ(facts->not_before, kNow - std::chrono::minutes(5));
  EXPECT_EQ(facts->not_after, kNow + days(397));
  EXPECT_EQ(facts->fingerprint.size(), 64U);
  EXPECT_TRUE(check_pair(issued->certificate, "c", issued->key, "k"));
}

TEST(CertificateTest, IsForItsNamesAndForOneLabelInPlaceOfAStar) {
  CertificateFacts facts;
  facts.names = {"build.example.org", "*.jobs.example.org", "192.0.2.7"};
  for (const char* host :
       {"build.example.org", "BUILD.example.ORG", "a.jobs.example.org", "192.0.2.7"}) {
    EXPECT_TRUE(is_for_host(facts, host)) << host;
  }
  for (const char* host : {"", "example.org", "other.example.org", "jobs.example.org",
                           "a.b.jobs.example.org", ".jobs.example.org", "192.0.2.70"}) {
    EXPECT_FALSE(is_for_host(facts, host)) << host;
  }
}

TEST_F(AuthorityTest, EverythingItMakesIsDifferent) {
  EXPECT_NE(server({"a"})->key, server({"a"})->key);
  EXPECT_NE(make_authority("x", kNow, kNow + days(1))->key, authority_.key);
}

TEST_F(AuthorityTest, RefusesWhatIsNoHost) {
  for (const char* host : {"", "a,IP:127.0.0.1", "a b", "host:8080", "*.", "a\n", "https://a"}) {
    const auto issued = server({host});
    ASSERT_FALSE(issued) << host;
    EXPECT_EQ(issued.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(issued.error().message.find("without a port"), std::string::npos);
  }
  EXPECT_NE(server({}).error().message.find("--host"), std::string::npos);
}

TEST_F(AuthorityTest, NeverOutlivesTheAuthority) {
  const auto issued = server({"a"}, days(3651));
  ASSERT_FALSE(issued);
  EXPECT_NE(issued.error().message.find("ends on 2037-01-12"), std::string::npos)
      << issued.error().message;
}

TEST_F(AuthorityTest, RefusesAnAuthorityThatIsNone) {
  const auto leaf = server({"a"});
  const auto issued = issue(*leaf, {.name = "x", .hosts = {"a"}, .not_after = kNow}, kNow);
  ASSERT_FALSE(issued);
  EXPECT_NE(issued.error().message.find("may not sign"), std::string::npos);
  const auto mixed = issue({authority_.certificate, leaf->key},
                           {.name = "x", .hosts = {"a"}, .not_after = kNow}, kNow);
  ASSERT_FALSE(mixed);
  EXPECT_NE(mixed.error().message.find("does not belong"), std::string::npos);
}

TEST(CertificateTest, SaysWhatIsWrongWithAFile) {
  const auto authority = *make_authority("a", kNow, kNow + days(1));
  const auto nothing = describe_certificate("hello", "x.pem");
  ASSERT_FALSE(nothing);
  EXPECT_NE(nothing.error().message.find("x.pem holds no readable certificate"), std::string::npos);
  std::string broken = authority.certificate;
  broken[100] = '!';
  EXPECT_FALSE(describe_certificate(broken, "x.pem"));
  const auto key = check_pair(authority.certificate, "x.pem", authority.certificate, "x.key");
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().message.find("x.key holds no readable private key"), std::string::npos);
}

TEST(CertificateTest, NeverAsksForAPassphrase) {
  const auto authority = *make_authority("a", kNow, kNow + days(1));
  // Made with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x
  constexpr std::string_view kEncrypted = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhyKqgLPK+tIQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOgj9u9m4fhgWtstIhvHajUEgZCU
XKF2+z4BgNyDYh5er9ymOmO4gPdpjxBcTsFL9Leaf3UuzpiffGj+1/0+RnfWv9ZV
nozZVOE/c0f+UuRDQVsLaUnUK71Ee5W8OMVoPl0bTl9FXSLywhgzpWJzclnaRaMn
qPlpBCvTUB46oDisaHVycZ/DaMBf/8sBQkDPvR6eP59EgVUK8a3rIzX3+bHhy3Q=
-----END ENCRYPTED PRIVATE KEY-----
)";
  const auto checked = check_pair(authority.certificate, "x.pem", kEncrypted, "x.key");
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("passphrase"), std::string::npos);
}

}  // namespace
}  // namespace hearth::tls
