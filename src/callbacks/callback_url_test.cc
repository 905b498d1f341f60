#include "callbacks/callback_url.h"

#include <gtest/gtest.h>

#include "base/task_limits.h"

namespace hearth::callbacks {
namespace {

TEST(CallbackUrlTest, ReadsItsParts) {
  const auto plain = parse_callback_url("http://Hooks.Example");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(*plain,
            (CallbackUrl{.is_https = false, .host = "hooks.example", .port = 80, .target = "/"}));
  EXPECT_EQ(plain->authority(), "hooks.example");
  const auto full = parse_callback_url("HTTPS://hooks.example:8443/a/b?c=d&e=/../f");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_TRUE(full->is_https);
  EXPECT_EQ(full->port, 8443);
  EXPECT_EQ(full->target, "/a/b?c=d&e=/../f");
  EXPECT_EQ(full->origin(), "https://hooks.example:8443");
  EXPECT_EQ(parse_callback_url("http://h?x")->target, "/?x");
  EXPECT_EQ(parse_callback_url("https://h:443")->authority(), "h");
  EXPECT_EQ(parse_callback_url("http://h:443")->authority(), "h:443");
  EXPECT_EQ(parse_callback_url("http://10.0.0.1:80/")->host, "10.0.0.1");
  EXPECT_EQ(parse_callback_url("http://[2001:DB8::1]:81/")->authority(), "[2001:db8::1]:81");
}

TEST(CallbackUrlTest, WhatTwoReadersCouldUnderstandAsTwoHostsIsRefused) {
  for (const char* text : {"",
                           "hooks.example",
                           "//hooks.example",
                           "ftp://h/",
                           "file:///etc/passwd",
                           "http://",
                           "http:///path",
                           "http://user@h/",
                           "http://user:pass@h/",
                           "http://h@evil.example/",
                           "http://h#@evil.example/",
                           "http://h\\@evil.example/",
                           "http://h/#x",
                           "http://h:0/",
                           "http://h:65536/",
                           "http://h:/",
                           "http://h:1:2/",
                           "http://[::1/",
                           "http://[h]/",
                           "http://[::1]x/",
                           "http://::1/",
                           "http://[fe80::1%25eth0]/",
                           "http://2130706433/",
                           "http://0x7f000001/",
                           "http://0177.1/",
                           "http://127.1/",
                           "http://1.2.3.4.5/",
                           "http://h..example/",
                           "http://.h/",
                           "http://h./",
                           "http://-h/",
                           "http://h /",
                           "http://h/a b",
                           "http://h/\r\nHost: x",
                           "http://h/\xc3\xa9",
                           "http://h%2eexample/",
                           "http://h/a/../b",
                           "http://h/a/%2e%2E/b",
                           "http://h/a/.%2e",
                           "http://h/a/./b",
                           "http://h/a%2f..%2fb",
                           "http://h/a%5cb"}) {
    EXPECT_FALSE(parse_callback_url(text)) << text;
  }
  EXPECT_FALSE(parse_callback_url(std::string("http://h\0.example/", 18)));
}

TEST(CallbackUrlTest, LongOnesAreRefusedWithTheLimit) {
  const std::string beginning = "http://h/";
  const auto most = static_cast<std::size_t>(limits::kCallbackUrlBytesMax);
  EXPECT_TRUE(parse_callback_url(beginning + std::string(most - beginning.size(), 'a')));
  const auto longer = parse_callback_url(beginning + std::string(most, 'a'));
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().message.find(std::to_string(most)), std::string::npos);
  EXPECT_FALSE(parse_callback_url("http://" + std::string(64, 'a') + ".example/"));
}

}  // namespace
}  // namespace hearth::callbacks
