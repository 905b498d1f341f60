#include "agent/host/credential.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "auth/token.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

const std::string kJoin = "hearth_j0123456789ab_" + std::string(64, '1');
const std::string kOther = "hearth_c0123456789ab_" + std::string(64, '2');

TEST(CredentialTest, IsMadeOnceForAJoinTokenAndKept) {
  const hearth::testing::TempDir data;
  const LinkCredential first = choose_credential(data.path(), kJoin).value();
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(first.join_token, kJoin);
  ASSERT_TRUE(auth::parse_token(first.token));
  EXPECT_EQ(auth::parse_token(first.token)->kind, auth::TokenKind::Agent);
  const LinkCredential again = choose_credential(data.path(), kJoin).value();
  EXPECT_EQ(again.token, first.token);
  EXPECT_FALSE(again.is_new);
  const LinkCredential bare = choose_credential(data.path(), "").value();
  EXPECT_EQ(bare.token, first.token) << "the join token is not needed again";
  EXPECT_EQ(bare.join_token, "");
}

TEST(CredentialTest, IsForItsOwnerOnly) {
  const hearth::testing::TempDir data;
  ASSERT_TRUE(choose_credential(data.path(), kJoin));
  struct stat status {};
  ASSERT_EQ(::stat((data.path() + "/credential").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(CredentialTest, AnotherTokenIsTakenAsItIs) {
  const hearth::testing::TempDir data;
  EXPECT_EQ(choose_credential(data.path(), kOther)->token, kOther);
  EXPECT_FALSE(read_credential(data.path()).value());
  EXPECT_EQ(choose_credential(data.path(), "")->token, "");
}

TEST(CredentialTest, ADamagedFileIsSaidWithTheWayOut) {
  const hearth::testing::TempDir data;
  ASSERT_TRUE(write_file_atomically(data.path() + "/credential", "hunter2\n"));
  const auto chosen = choose_credential(data.path(), kJoin);
  ASSERT_FALSE(chosen);
  EXPECT_NE(chosen.error().message.find("remove the file"), std::string::npos);
  EXPECT_EQ(chosen.error().message.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace hearth::agent
