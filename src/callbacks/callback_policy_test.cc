#include "callbacks/callback_policy.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth::callbacks {
namespace {

CallbackPolicy policy(const std::string& setting) {
  auto parsed = CallbackPolicy::parse(setting);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? *parsed : CallbackPolicy();
}

bool admits(const std::string& setting, const std::string& url) {
  const auto parsed = parse_callback_url(url);
  EXPECT_TRUE(parsed) << url;
  return parsed && policy(setting).admits(*parsed).has_value();
}

bool admits_at(const std::string& setting, const std::string& url, const std::string& address) {
  return policy(setting).admits(*parse_callback_url(url), *Address::parse(address)).has_value();
}

TEST(CallbackPolicyTest, NobodyIsCalledThatIsNotListed) {
  const auto off = CallbackPolicy().admits(*parse_callback_url("http://hooks.example/"));
  ASSERT_FALSE(off);
  EXPECT_NE(off.error().message.find("callback_hosts"), std::string::npos);
  const auto other =
      policy("hooks.example").admits(*parse_callback_url("https://other.example/secret?token=x"));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("callback_hosts"), std::string::npos);
  EXPECT_NE(other.error().message.find("https://other.example"), std::string::npos);
  EXPECT_EQ(other.error().message.find("token"), std::string::npos);
}

TEST(CallbackPolicyTest, HostsAndPorts) {
  EXPECT_TRUE(admits("hooks.example", "http://hooks.example/x"));
  EXPECT_TRUE(admits("hooks.example", "https://hooks.example/x"));
  EXPECT_TRUE(admits(" Hooks.Example , other", "https://HOOKS.example"));
  EXPECT_FALSE(admits("hooks.example", "http://hooks.example:8080/")) << "not the scheme's own";
  EXPECT_FALSE(admits("hooks.example", "http://hooks.example:443/"));
  EXPECT_TRUE(admits("hooks.example:8080", "http://hooks.example:8080/"));
  EXPECT_FALSE(admits("hooks.example:8080", "http://hooks.example/"));
  EXPECT_TRUE(admits("hooks.example:*", "http://hooks.example:9/"));
  EXPECT_FALSE(admits("hooks.example", "http://evil-hooks.example/"));
  EXPECT_FALSE(admits("hooks.example", "http://hooks.example.evil/"));
  EXPECT_TRUE(admits("*.example", "http://a.example/"));
  EXPECT_TRUE(admits("*.example", "http://a.b.example/"));
  EXPECT_FALSE(admits("*.example", "http://example/"));
  EXPECT_FALSE(admits("*.example", "http://aexample/"));
  EXPECT_TRUE(admits("10.0.0.1:9000", "http://10.0.0.1:9000/"));
  EXPECT_FALSE(admits("10.0.0.1:9000", "http://10.0.0.2:9000/"));
  EXPECT_TRUE(admits("10.0.0.0/8:*", "http://10.2.3.4:1/"));
  EXPECT_TRUE(admits("[fd00::1]:81,::1", "http://[fd00::1]:81/"));
  EXPECT_TRUE(admits("fd00::1", "http://[fd00:0::1]/"));
}

TEST(CallbackPolicyTest, TheBeginningOfAUrl) {
  const std::string setting = "https://hooks.example/in";
  EXPECT_TRUE(admits(setting, "https://hooks.example/in"));
  EXPECT_TRUE(admits(setting, "https://hooks.example/in/a?b"));
  EXPECT_TRUE(admits(setting, "https://hooks.example/in?b"));
  EXPECT_FALSE(admits(setting, "https://hooks.example/inside"));
  EXPECT_FALSE(admits(setting, "https://hooks.example/"));
  EXPECT_FALSE(admits(setting, "http://hooks.example/in"));
  EXPECT_FALSE(admits(setting, "https://hooks.example:444/in"));
  EXPECT_TRUE(admits("http://h:81/", "http://h:81/any"));
}

TEST(CallbackPolicyTest, ANameIsCalledAtPublicAddressesOnly) {
  EXPECT_TRUE(admits_at("hooks.example", "http://hooks.example/", "8.8.8.8"));
  for (const char* address : {"127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "fe80::1",
                              "224.0.0.1", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(admits_at("hooks.example", "http://hooks.example/", address)) << address;
    EXPECT_FALSE(admits_at("http://hooks.example/", "http://hooks.example/", address)) << address;
    EXPECT_FALSE(admits_at("*.example:*", "http://hooks.example/", address)) << address;
  }
  EXPECT_FALSE(admits_at("localhost:9000", "http://localhost:9000/", "127.0.0.1"));
  const auto why =
      policy("hooks.example")
          .admits(*parse_callback_url("http://hooks.example/"), *Address::parse("169.254.169.254"));
  EXPECT_NE(why.error().message.find("169.254.169.254"), std::string::npos);
  EXPECT_NE(why.error().message.find("link-local"), std::string::npos);
  EXPECT_NE(why.error().message.find("callback_hosts"), std::string::npos);
}

TEST(CallbackPolicyTest, UnlessTheAddressIsListedToo) {
  EXPECT_TRUE(admits_at("hooks.example,10.0.0.1", "http://hooks.example/", "10.0.0.1"));
  EXPECT_FALSE(admits_at("hooks.example,10.0.0.1", "http://hooks.example/", "10.0.0.2"));
  EXPECT_TRUE(admits_at("hooks.example,10.0.0.0/8", "http://hooks.example/", "10.0.0.2"));
  EXPECT_FALSE(admits_at("hooks.example:81,10.0.0.1", "http://hooks.example:81/", "10.0.0.1"))
      << "listed at another port";
  EXPECT_TRUE(admits_at("127.0.0.1:9000", "http://127.0.0.1:9000/", "127.0.0.1"));
  EXPECT_TRUE(admits_at("http://127.0.0.1:9000/in/", "http://127.0.0.1:9000/in/", "127.0.0.1"));
  EXPECT_FALSE(admits_at("10.0.0.1", "http://hooks.example/", "10.0.0.1"))
      << "the name is not listed";
}

TEST(CallbackPolicyTest, WhatCannotBeReadIsNamed) {
  for (const char* setting :
       {"hooks example", "h:0", "h:x", "h:70000", "10.0.0.0/33", "10.0.0.0/x", "h/8", "*", "*.",
        "a*.example", "ftp://h/", "http://h/../", "300.1.1.1", "fd00::/129", "@h"}) {
    const auto parsed = CallbackPolicy::parse(std::string("fine.example,") + setting);
    ASSERT_FALSE(parsed) << setting;
    EXPECT_NE(parsed.error().message.find(setting), std::string::npos) << parsed.error().message;
  }
  EXPECT_TRUE(CallbackPolicy::parse(" , ,"));
}

}  // namespace
}  // namespace hearth::callbacks
