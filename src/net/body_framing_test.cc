#include "net/body_framing.h"

#include <gtest/gtest.h>

namespace hearth::net {
namespace {

TEST(BodyFramingTest, ChunksSayWhereTheyEnd) {
  BodyFraming framing(std::nullopt, /*is_old=*/false);
  EXPECT_EQ(framing.field(), "Transfer-Encoding: chunked\r\n");
  std::string out;
  framing.append(out, "");
  framing.append(out, std::string(17, 'x'));
  EXPECT_TRUE(framing.finish(out));
  EXPECT_EQ(out, "11\r\n" + std::string(17, 'x') + "\r\n0\r\n\r\n");
}

TEST(BodyFramingTest, AnAnnouncedLengthIsNeverPassed) {
  BodyFraming framing(5, /*is_old=*/false);
  EXPECT_EQ(framing.field(), "Content-Length: 5\r\n");
  std::string out;
  framing.append(out, "abc");
  EXPECT_FALSE(framing.finish(out));  // cut short
  framing.append(out, "defgh");
  framing.append(out, "i");
  EXPECT_TRUE(framing.finish(out));
  EXPECT_EQ(out, "abcde");
}

TEST(BodyFramingTest, OldClientsAreToldByTheEndOfTheConnection) {
  BodyFraming framing(std::nullopt, /*is_old=*/true);
  EXPECT_EQ(framing.field(), "");
  std::string out;
  framing.append(out, "abc");
  EXPECT_FALSE(framing.finish(out));
  EXPECT_EQ(out, "abc");
}

}  // namespace
}  // namespace hearth::net
