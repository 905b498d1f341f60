#include "base/ip_text.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth {
namespace {

TEST(IpTextTest, TellsAddressesFromNames) {
  for (const std::string_view good : {"127.0.0.1", "0.0.0.0", "255.255.255.255"}) {
    EXPECT_TRUE(is_ipv4(good) && is_ip(good)) << good;
    EXPECT_FALSE(is_ipv6(good)) << good;
  }
  for (const std::string_view good : {"::", "::1", "2001:db8::7", "::ffff:127.0.0.1",
                                      "0000:0000:0000:0000:0000:ffff:127.100.200.255"}) {
    EXPECT_TRUE(is_ipv6(good) && is_ip(good)) << good;
    EXPECT_FALSE(is_ipv4(good)) << good;
  }
  for (const std::string_view bad :
       {"", "localhost", "127.0.0", "127.0.0.1:80", "[::1]", "fe80::1%lo", " 127.0.0.1",
        "127.0.0.1 ", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"}) {
    EXPECT_FALSE(is_ip(bad)) << bad;
  }
}

TEST(IpTextTest, NothingHidesBehindANul) {
  const std::string hidden("127.0.0.1\0.example.org", 22);
  EXPECT_FALSE(is_ip(hidden));
  EXPECT_FALSE(is_loopback_ip(hidden));
  EXPECT_FALSE(is_ip(std::string("::1\0", 4)));
}

TEST(IpTextTest, KnowsLoopback) {
  for (const std::string_view own : {"127.0.0.1", "127.255.0.9", "::1"}) {
    EXPECT_TRUE(is_loopback_ip(own)) << own;
  }
  for (const std::string_view other :
       {"10.0.0.1", "128.0.0.1", "::", "::2", "::ffff:127.0.0.1", "x"}) {
    EXPECT_FALSE(is_loopback_ip(other)) << other;
  }
}

}  // namespace
}  // namespace hearth
