#include "callbacks/address.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth::callbacks {
namespace {

std::string kind_of(const std::string& text) {
  const auto address = Address::parse(text);
  EXPECT_TRUE(address) << text;
  return address ? std::string(address->not_public()) : "?";
}

TEST(AddressTest, WhatIsOfThePublicInternet) {
  for (const char* text : {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255",
                           "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
                           "223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8"}) {
    EXPECT_EQ(kind_of(text), "") << text;
  }
}

TEST(AddressTest, WhatIsNot) {
  for (const char* text : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(kind_of(text), "loopback") << text;
  }
  for (const char* text : {"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
                           "192.168.0.1", "fc00::1", "fd00:ec2::254", "::ffff:10.0.0.1"}) {
    EXPECT_EQ(kind_of(text), "private") << text;
  }
  for (const char* text : {"169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254"}) {
    EXPECT_EQ(kind_of(text), "link-local") << text;
  }
  for (const char* text : {"224.0.0.1", "239.255.255.255", "ff02::1"}) {
    EXPECT_EQ(kind_of(text), "multicast") << text;
  }
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "100.100.100.200", "192.0.0.192",
        "168.63.129.16", "::", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "4000::1"}) {
    EXPECT_NE(kind_of(text), "") << text;
  }
}

TEST(AddressTest, NetworksHaveBits) {
  const auto at = [](const char* text) { return *Address::parse(text); };
  EXPECT_TRUE(at("10.1.2.3").is_in(at("10.0.0.0"), 8));
  EXPECT_FALSE(at("11.1.2.3").is_in(at("10.0.0.0"), 8));
  EXPECT_TRUE(at("172.31.0.1").is_in(at("172.16.0.0"), 12));
  EXPECT_FALSE(at("172.32.0.1").is_in(at("172.16.0.0"), 12));
  EXPECT_TRUE(at("1.2.3.4").is_in(at("9.9.9.9"), 0));
  EXPECT_FALSE(at("::1").is_in(at("0.0.0.0"), 0)) << "not of the same kind";
  EXPECT_TRUE(at("1.2.3.4").is_in(at("1.2.3.4"), 32));
  EXPECT_FALSE(at("1.2.3.5").is_in(at("1.2.3.4"), 32));
  EXPECT_TRUE(at("fd00::1").is_in(at("fc00::"), 7));
  EXPECT_EQ(at("::ffff:10.0.0.1"), at("10.0.0.1"));
  EXPECT_EQ(at("::ffff:10.0.0.1").text(), "10.0.0.1");
  EXPECT_EQ(at("FD00:0:0::1").text(), "fd00::1");
  EXPECT_FALSE(Address::parse("127.1"));
  EXPECT_FALSE(Address::parse("fe80::1%eth0"));
}

}  // namespace
}  // namespace hearth::callbacks
