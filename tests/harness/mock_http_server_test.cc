// The server that other tests answer by, asked by Hearth's own client, by curl and by bare bytes.
#include "tests/harness/mock_http_server.h"

#include <gtest/gtest.h>

#include <future>

#include <gtest/gtest-spi.h>

#include "client/http_client.h"
#include "net/testing/raw_client.h"
#include "tests/harness/program.h"
#include "tests/harness/scratch.h"

namespace hearth::harness {
namespace {

using net::testing::RawClient;

class MockHttpServerTest : public ::testing::Test {
 protected:
  using Way = MockHttpServer::Way;
  static constexpr Duration kPatience{20'000};

  [[nodiscard]] client::Endpoint endpoint() const {
    return *client::parse_endpoint(server_.address());
  }
  Result<client::HttpResponse> ask(const client::HttpRequest& request,
                                   Duration patience = kPatience) {
    return client::HttpClient(endpoint()).request(request, patience);
  }
  // In a thread of its own.
  std::future<Result<client::HttpResponse>> ask_aside(const std::string& target) {
    return std::async(std::launch::async, [this, target] { return ask({.target = target}); });
  }
  Exit curl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"curl", "-sS", "--max-time", "20"});
    return Program(scratch_.path(), std::move(arguments), {}).wait();
  }
  [[nodiscard]] std::uint16_t port() const {
    return static_cast<std::uint16_t>(
        std::stoi(server_.address().substr(server_.address().rfind(':') + 1)));
  }

  Scratch scratch_;
  MockHttpServer server_;
};

TEST_F(MockHttpServerTest, KeepsWhatItIsAsked) {
  server_.always("/callback", {.status = 202, .headers = {{"X-More", "yes"}}, .body = "taken"});
  const auto answer = ask({.method = "POST",
                           .target = "/callback?task=7",
                           .body = "{\"state\":1}",
                           .content_type = "application/json",
                           .headers = {{"X-Signature", "abc"}}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->headers.at("x-more"), "yes");
  EXPECT_EQ(answer->body, "taken");
  const auto requests = server_.wait_for(1, "/callback");
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].target, "/callback?task=7");
  EXPECT_EQ(requests[0].path, "/callback");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(requests[0].headers.at("x-signature"), "abc");
  EXPECT_EQ(requests[0].body, "{\"state\":1}");
  EXPECT_TRUE(server_.requests("/other").empty());
}

TEST_F(MockHttpServerTest, AnswersInTheScriptsOrderAndThenAlwaysTheSame) {
  server_.next("/a", {.status = 503});
  server_.next("/a", {.status = 429, .headers = {{"Retry-After", "1"}}});
  server_.always("/a", {.status = 200});
  client::HttpClient client(endpoint());
  for (const int status : {503, 429, 200, 200}) {
    EXPECT_EQ(client.request({.target = "/a"}, kPatience).value().status, status);
  }
  const auto other = client.request({.target = "/b"}, kPatience).value();
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(other.body, "no answer is scripted for /b\n");
  EXPECT_EQ(server_.requests().size(), 5U);
  EXPECT_EQ(server_.connections(), 1U) << "the client keeps its connection";
}

TEST_F(MockHttpServerTest, CurlIsAnsweredToo) {
  server_.always("/up", {.status = 201, .body = "made"});
  server_.always("/none", {.status = 204});
  const std::string body(3 << 20, 'b');  // so much that curl asks first whether it may send it
  const Exit posted = Program(scratch_.path(),
                              {"curl", "-sS", "--max-time", "20", "-w", " %{http_code}", "-H",
                               "Expect: 100-continue", "-H", "Transfer-Encoding: chunked",
                               "--data-binary", "@-", server_.url("/up")},
                              {.stdin_bytes = body})
                          .wait();
  EXPECT_EQ(posted.out, "made 201") << posted.err;
  const Exit none = curl({"-w", "%{http_code}", server_.url("/none"), server_.url("/none")});
  EXPECT_EQ(none.out, "204204") << none.err;
  const Exit head = curl({"-I", server_.url("/up")});
  EXPECT_NE(head.out.find("Content-Length: 4\r\n"), std::string::npos) << head.out << head.err;
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 4U);
  EXPECT_TRUE(requests[0].body == body);
  EXPECT_EQ(requests[0].headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(requests[3].method, "HEAD");
}

TEST_F(MockHttpServerTest, AHeldAnswerWaitsForItsRelease) {
  server_.always("/slow", {.body = "late", .is_held = true});
  server_.always("/quick", {.body = "soon"});
  auto first = ask_aside("/slow");
  auto second = ask_aside("/slow");
  server_.wait_for(2, "/slow");
  EXPECT_EQ(ask({.target = "/quick"}).value().body, "soon") << "others do not wait";
  EXPECT_EQ(first.wait_for(Duration::zero()), std::future_status::timeout);
  EXPECT_EQ(second.wait_for(Duration::zero()), std::future_status::timeout);
  server_.release("/slow", 2);
  EXPECT_EQ(first.get().value().body, "late");
  EXPECT_EQ(second.get().value().body, "late");
  server_.release("/slow");
  EXPECT_EQ(ask({.target = "/slow"}).value().body, "late") << "released before it was asked for";
}

TEST_F(MockHttpServerTest, AnAnswerThatIsCutOrDroppedIsAnErrorOfTheClient) {
  server_.next("/a", {.body = "0123456789", .way = Way::Cut, .cut_after = 4});
  server_.next("/a", {.way = Way::Drop});
  server_.always("/a", {.body = "whole"});
  EXPECT_FALSE(ask({.target = "/a"}));
  EXPECT_FALSE(ask({.method = "POST", .target = "/a", .body = "x"})) << "it may have been received";
  EXPECT_EQ(ask({.target = "/a"}).value().body, "whole");

  server_.next("/a", {.body = "0123456789", .way = Way::Cut, .cut_after = 4});
  const Exit cut = curl({server_.url("/a")});
  EXPECT_EQ(cut.code, 18) << "curl: a part of the file only";
  EXPECT_EQ(cut.out, "0123");
  server_.next("/a", {.way = Way::Drop});
  EXPECT_EQ(curl({server_.url("/a")}).code, 52) << "curl: an empty reply";
}

TEST_F(MockHttpServerTest, AClientThatGivesUpOnAnAnswerThatNeverComesIsSeen) {
  server_.always("/never", {.way = Way::Never});
  const auto answer = ask({.target = "/never"}, Duration(1));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::DeadlineExceeded) << answer.error().message;
  server_.wait_given_up(1);
  auto waiting = ask_aside("/never");
  server_.wait_for(2, "/never");
  server_.hang_up("/never");
  EXPECT_FALSE(waiting.get());
  EXPECT_NONFATAL_FAILURE(server_.wait_given_up(2, Duration(1)), "clients that gave up");
}

TEST_F(MockHttpServerTest, AnOpenBodyGrowsUntilItIsEnded) {
  server_.always("/open", {.body = "one ", .way = Way::Open});
  client::HttpClient client(endpoint());
  auto stream = client.stream({.target = "/open"}, kPatience);
  ASSERT_TRUE(stream) << stream.error().message;
  server_.send("/open", "two ");
  server_.send("/open", "three");
  server_.hang_up("/open");
  std::string body;
  while (!stream->done()) {
    ASSERT_TRUE(stream->read(body, kPatience));
  }
  EXPECT_EQ(body, "one two three");
  EXPECT_NONFATAL_FAILURE(server_.send("/open", "x"), "no answer of /open is open");
}

TEST_F(MockHttpServerTest, WaitsInVainFailTheTest) {
  EXPECT_NONFATAL_FAILURE(server_.wait_for(1, "/", Duration(1)), "requests / of 0 in all");
  server_.always("/", {});
  ASSERT_TRUE(ask({.target = "/"}));
  EXPECT_NONFATAL_FAILURE(EXPECT_EQ(server_.wait_for(2, "/", Duration(1)).size(), 1U),
                          "requests / of 1 in all");
}

TEST_F(MockHttpServerTest, RequestsMayComeInPiecesAndOneBehindTheOther) {
  server_.always("/a", {.body = "A"});
  server_.always("/b", {.body = "B"});
  RawClient client(port());
  const std::string bytes = net::testing::post("/a", "body") + net::testing::get("/b");
  for (const char byte : bytes) {
    ASSERT_TRUE(client.send({&byte, 1}));
  }
  EXPECT_EQ(client.read_response().body, "A");
  EXPECT_EQ(client.read_response().body, "B");
  RawClient hasty(port());
  ASSERT_TRUE(hasty.send(bytes));
  EXPECT_EQ(hasty.read_response().body, "A");
  EXPECT_EQ(hasty.read_response().body, "B");
  EXPECT_EQ(server_.requests("/a").at(1).body, "body");
}

TEST_F(MockHttpServerTest, WhatIsNoHttpFailsTheTest) {
  EXPECT_NONFATAL_FAILURE_ON_ALL_THREADS(
      {
        RawClient client(port());
        client.send("GARBAGE\r\n\r\n");
        EXPECT_EQ(client.read_response().status, 400);
        EXPECT_TRUE(client.at_end());
      },
      "was sent what is not answered");
}

TEST_F(MockHttpServerTest, ABodyPastTheBoundFailsTheTest) {
  const std::int64_t more = MockHttpServer::kBodyBytesMax + 1;
  EXPECT_NONFATAL_FAILURE_ON_ALL_THREADS(
      {
        RawClient client(port());
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(more) +
                    "\r\n\r\n");
        EXPECT_EQ(client.read_response().status, 400);
      },
      "larger than the");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(MockHttpServerTest, MoreRequestsThanItKeepsFailTheTest) {
  server_.always("/", {.status = 204});
  RawClient client(port());
  std::string many;
  constexpr std::size_t kTogether = 100;
  for (std::size_t i = 0; i < kTogether; ++i) {
    many += net::testing::get("/");
  }
  for (std::size_t i = 0; i < MockHttpServer::kRequestsMax; i += kTogether) {
    ASSERT_TRUE(client.send(many));
    for (std::size_t j = 0; j < kTogether; ++j) {
      ASSERT_EQ(client.read_response().status, 204);
    }
  }
  EXPECT_NONFATAL_FAILURE_ON_ALL_THREADS(
      {
        ASSERT_TRUE(client.send(net::testing::get("/")));
        EXPECT_EQ(client.read_response().status, 503);
      },
      "more than kRequestsMax");
  EXPECT_EQ(server_.requests().size(), MockHttpServer::kRequestsMax);
}

TEST_F(MockHttpServerTest, ListensWhereItIsTold) {
  MockHttpServer six("[::1]:0");
  EXPECT_TRUE(six.address().starts_with("[::1]:")) << six.address();
  six.always("/", {.body = "six"});
  EXPECT_EQ(curl({six.url("/")}).out, "six");
  MockHttpServer elsewhere("127.9.8.7:0");
  EXPECT_EQ(curl({"-o", "/dev/null", "-w", "%{http_code}", elsewhere.url("/")}).out, "404");
}

}  // namespace
}  // namespace hearth::harness
