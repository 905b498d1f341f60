#include "net/http_message.h"

#include <gtest/gtest.h>

#include "net/listen_address.h"
#include "net/origin_policy.h"
#include "net/router.h"
#include "net/timer_wheel.h"

namespace hearth::net {
namespace {

TEST(PercentDecodeTest, DecodesAndRefusesBrokenEscapesAndNul) {
  EXPECT_EQ(percent_decode("a%20b+c%2Fd", true), "a b c/d");
  EXPECT_EQ(percent_decode("a+b", false), "a+b");
  for (const std::string_view bad : {"%", "%4", "%zz", "a%0", "%00", "%4%41"}) {
    EXPECT_EQ(percent_decode(bad, true), std::nullopt) << bad;
  }
}

TEST(ParseQueryTest, KeepsOrderRepetitionsAndEmptyValues) {
  const QueryList expected = {{"a", "1"}, {"a", "2"}, {"b", ""}, {"c", ""}, {"label", "k=v"}};
  EXPECT_EQ(parse_query("a=1&a=2&b=&c&&label=k%3Dv"), expected);
  EXPECT_EQ(parse_query("label=k=v"), (QueryList{{"label", "k=v"}}));
  EXPECT_EQ(parse_query("a=%"), std::nullopt);
}

TEST(AppendHeadTest, AValueCannotStartAField) {
  std::string out;
  append_head(out, Response{.status = 200, .headers = {{"Location", "/a\r\nEvil: 1"}}}, "", "",
              true);
  EXPECT_EQ(out.find("\r\nEvil"), std::string::npos);
}

TEST(MediaTypeTest, ParametersAndCaseDoNotMatter) {
  EXPECT_TRUE(is_media_type("Application/JSON ; charset=utf-8", "application/json"));
  EXPECT_FALSE(is_media_type("application/jsonx", "application/json"));
  EXPECT_FALSE(is_media_type("", "application/json"));
}

TEST(ListenAddressTest, ParsesAddressesAndRefusesTheRest) {
  EXPECT_EQ(parse_listen_address("localhost:0")->to_string(), "127.0.0.1:0");
  EXPECT_EQ(parse_listen_address("[::1]:7070")->to_string(), "[::1]:7070");
  for (const std::string_view bad :
       {"", "7070", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:7x",
        "::1:7070x", "[::1]", "host:1", "[127.0.0.1]:1"}) {
    EXPECT_FALSE(parse_listen_address(bad)) << bad;
  }
  EXPECT_FALSE(parse_listen_address(std::string_view("127.0.0.1\0:7070", 15)));
  EXPECT_TRUE(require_loopback({"127.1.2.3", 1}));
  EXPECT_TRUE(require_loopback({"::1", 1}));
  EXPECT_FALSE(require_loopback({"10.0.0.1", 1}));
  EXPECT_FALSE(require_loopback({"::", 1}));
}

Request with(std::string host, std::string origin = "") {
  Request request;
  request.headers.emplace_back("host", std::move(host));
  if (!origin.empty()) {
    request.headers.emplace_back("origin", std::move(origin));
  }
  return request;
}

TEST(OriginPolicyTest, HostMustBeOurs) {
  const OriginPolicy policy{.hosts = {"hearth.example"}, .origins = {}};
  for (const char* good : {"localhost", "LOCALHOST:7070", "127.0.0.1:1", "127.9.9.9", "[::1]:7070",
                           "hearth.example"}) {
    EXPECT_TRUE(policy.check(with(good))) << good;
  }
  for (const char* bad : {"", "evil.example", "localhost.evil.example", "10.0.0.1", "localhost:x",
                          "[::1", "[::2]", "127.0.0.1.evil.example", "localhost:7070@evil"}) {
    const auto checked = policy.check(with(bad));
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().kind, "forbidden");
  }
}

TEST(OriginPolicyTest, MoreHostsAreAskedForEachTime) {
  std::string name = "old.example";
  const OriginPolicy policy{.hosts = {},
                            .knows_host = [&name](std::string_view host) { return host == name; },
                            .origins = {}};
  EXPECT_TRUE(policy.check(with("old.example:7070")));
  name = "new.example";
  EXPECT_TRUE(policy.check(with("NEW.example:7070")));
  EXPECT_FALSE(policy.check(with("old.example:7070")));
  EXPECT_TRUE(policy.check(with("localhost")));
  EXPECT_FALSE(policy.check(with("")));
}

// Beyond loopback a server is asked by its address, which no name of an attacker's is.
TEST(OriginPolicyTest, AnyAddressIsOursWhereThatIsSaidAndNoName) {
  const OriginPolicy policy{.hosts = {}, .origins = {}, .any_address = true};
  for (const char* good : {"10.0.0.1", "192.0.2.7:7070", "[2001:db8::1]:7070", "localhost"}) {
    EXPECT_TRUE(policy.check(with(good))) << good;
  }
  for (const char* bad : {"", "evil.example", "10.0.0.1.evil.example", "10.0.0", "0x7f.1"}) {
    EXPECT_FALSE(policy.check(with(bad))) << bad;
  }
  EXPECT_FALSE(policy.check(with("10.0.0.1", "http://10.0.0.2")));
}

TEST(OriginPolicyTest, OriginMustBeTheHostItself) {
  const OriginPolicy policy{.hosts = {}, .origins = {"https://dash.example"}};
  EXPECT_TRUE(policy.check(with("localhost:7070", "http://localhost:7070")));
  EXPECT_TRUE(policy.check(with("localhost:7070", "https://dash.example")));
  for (const char* bad : {"http://localhost:3000", "http://127.0.0.1:7070", "null",
                          "http://evil.example", "http://localhost:7070.evil.example"}) {
    EXPECT_FALSE(policy.check(with("localhost:7070", bad))) << bad;
  }
}

TEST(RouterTest, MatchesParametersMethodsAndNothingElse) {
  const Router router({{"GET", "/v1/jobs"}, {"POST", "/v1/jobs"}, {"GET", "/v1/jobs/{id}/output"}});
  EXPECT_EQ(router.match("POST", "/v1/jobs").index, 1U);
  EXPECT_EQ(router.match("HEAD", "/v1/jobs").index, 0U);
  const auto output = router.match("GET", "/v1/jobs/a%20b/output");
  EXPECT_EQ(output.index, 2U);
  EXPECT_EQ(output.parameters, std::vector<std::string>{"a b"});
  EXPECT_EQ(router.match("DELETE", "/v1/jobs").allow, "GET, HEAD, POST");
  for (const char* bad : {"", "*", "/v1/jobs/", "/v1", "/v1/jobs//output", "/v1/jobs/x/output/y",
                          "/v1/jobs/%/output"}) {
    const auto match = router.match("GET", bad);
    EXPECT_EQ(match.index, Router::kNone) << bad;
    EXPECT_TRUE(match.allow.empty()) << bad;
  }
}

TEST(RouterTest, APathAtTheEndIsAllThatIsLeft) {
  const Router router({{"GET", "/r/{id}"}, {"GET", "/r/{id}/{path}"}, {"GET", "/s/{path}/x"}});
  EXPECT_EQ(router.match("GET", "/r/1").index, 0U);
  for (const char* path : {"/r/1/a/b%20c/d", "/r/1/a%2Fb%20c%2fd"}) {
    const auto match = router.match("GET", path);
    EXPECT_EQ(match.index, 1U) << path;
    EXPECT_EQ(match.parameters, (std::vector<std::string>{"1", "a/b c/d"})) << path;
  }
  EXPECT_EQ(router.match("GET", "/r/1//etc").parameters.back(), "/etc");
  EXPECT_EQ(router.match("GET", "/s/one/x").parameters.back(), "one") << "not at the end";
  for (const char* bad : {"/r/1/", "/r/1/%", "/s/a/b/x"}) {
    EXPECT_EQ(router.match("GET", bad).index, Router::kNone) << bad;
  }
}

class CountingEntry final : public TimerWheel::Entry {
 public:
  void on_deadline() override { ++fired; }
  int fired = 0;
};

TEST(TimerWheelTest, FiresOnceAtTheDeadlineHoweverFar) {
  TimerWheel wheel;
  for (const std::uint64_t ticks : {1ULL, 2ULL, 127ULL, 128ULL, 129ULL, 1000ULL}) {
    CountingEntry entry;
    wheel.arm(entry, ticks);
    for (std::uint64_t i = 1; i < ticks; ++i) {
      wheel.advance();
    }
    EXPECT_EQ(entry.fired, 0) << ticks;
    wheel.advance();
    EXPECT_EQ(entry.fired, 1) << ticks;
    for (int i = 0; i < 300; ++i) {
      wheel.advance();
    }
    EXPECT_EQ(entry.fired, 1) << ticks;
  }
}

TEST(TimerWheelTest, ArmingAgainMovesTheDeadlineBothWays) {
  TimerWheel wheel;
  CountingEntry later;
  CountingEntry sooner;
  CountingEntry never;
  wheel.arm(later, 5);
  wheel.arm(later, 10);
  wheel.arm(sooner, 50);
  wheel.arm(sooner, 3);
  wheel.arm(never, 2);
  wheel.disarm(never);
  for (int i = 0; i < 3; ++i) {
    wheel.advance();
  }
  EXPECT_EQ(sooner.fired, 1);
  for (int i = 0; i < 6; ++i) {
    wheel.advance();
  }
  EXPECT_EQ(later.fired, 0);
  wheel.advance();
  EXPECT_EQ(later.fired, 1);
  EXPECT_EQ(never.fired, 0);
}

}  // namespace
}  // namespace hearth::net
