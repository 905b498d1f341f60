// What tests count on: a port stays theirs while its server is away.
#include "base/testing/held_port.h"

#include <gtest/gtest.h>

#include <memory>

#include "client/http_client.h"
#include "tests/harness/mock_http_server.h"

namespace hearth::harness {
namespace {

constexpr Duration kPatience{10'000};

Result<client::HttpResponse> ask(const std::string& address) {
  return client::HttpClient(*client::parse_endpoint(address)).request({.target = "/"}, kPatience);
}

TEST(HeldPortTest, IsTakenBySeveralServersAfterEachOther) {
  const testing::HeldPort port;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(ask(port.address())) << "nobody listens";
    MockHttpServer server(port.address());
    EXPECT_EQ(server.address(), port.address());
    server.always("/", {.status = 204});
    const auto answer = ask(port.address());
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 204);
  }
}

// The kernel takes ports at random from tens of thousands, or fewer where it is told so.
TEST(HeldPortTest, IsGivenToNobodyElse) {
  const testing::HeldPort port;
  constexpr int kOthers = 500;
  std::vector<std::unique_ptr<testing::HeldPort>> others;
  for (int i = 0; i < kOthers; ++i) {
    others.push_back(std::make_unique<testing::HeldPort>());
    EXPECT_NE(others.back()->port(), port.port());
  }
}

}  // namespace
}  // namespace hearth::harness
