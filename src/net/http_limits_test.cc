// What clients meet that take too many connections or too much time.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>

#include "net/testing/http_server_fixture.h"

namespace hearth::net {
namespace {

using testing::get;
using testing::HttpServerTest;
using testing::post;
using testing::RawClient;
using testing::RawResponse;
using testing::Transport;

class HttpLimitsTest : public HttpServerTest {};
INSTANTIATE_TEST_SUITE_P(Over, HttpLimitsTest, ::testing::Values(Transport::Plain, Transport::Tls),
                         testing::transport_name);

void expect_limit(const RawResponse& response, int status, const std::string& limit) {
  EXPECT_EQ(response.status, status);
  EXPECT_EQ(response.headers.at("retry-after"), "1");
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_NE(response.body.find(limit), std::string::npos) << response.body;
}

bool is_accepted_at(int fd, std::uint16_t port) {
  sockaddr_in local{};
  sockaddr_in peer{};
  socklen_t size = sizeof(local);
  const bool is_connected =
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0 &&
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &(size = sizeof(peer))) == 0;
  return is_connected && ntohs(local.sin_port) == port;
}

// A client that vanished acknowledges nothing, but its kernel's buffers took all there was.
TEST_P(HttpLimitsTest, GivesUpAPeerThatAcknowledgesNothing) {
  start();
  RawClient client = connect();
  exchange(client);
  constexpr int kDescriptorsMax = 1'024;
  int found = 0;
  for (int fd = 0; fd < kDescriptorsMax; ++fd) {
    if (!is_accepted_at(fd, port_)) {
      continue;
    }
    ++found;
    int milliseconds = 0;
    socklen_t size = sizeof(milliseconds);
    ASSERT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &size), 0);
    EXPECT_EQ(milliseconds, static_cast<int>(limits::kHttpWriteSeconds) * 1'000);
  }
  EXPECT_EQ(found, 1);
}

TEST_P(HttpLimitsTest, BoundsTheConnectionsOfOneAddress) {
  start({.connections_per_address_max = 2, .counts_loopback = true, .tick = Duration(0)});
  RawClient first = connect("127.0.0.2");
  std::unique_ptr<RawClient> second(new RawClient(connect("127.0.0.2")));
  exchange(first);
  exchange(*second);
  RawClient third = connect("127.0.0.2");
  expect_limit(third.read_response(), 429,
               "\"limit\":\"connections_per_address_max\",\"limitValue\":2");
  EXPECT_TRUE(third.at_end());
  RawClient other = connect("127.0.0.3");
  exchange(other);
  exchange(first);
  EXPECT_EQ(server_->stats().connections_refused_address_bound, 1);
  EXPECT_EQ(server_->stats().connections_total, 3);

  second.reset();
  for (int tries = 0; tries < 1000 && server_->stats().connections > 3; ++tries) {
    tick(1);  // a turn of each loop; also ends the lingering of the refused one
  }
  RawClient fourth = connect("127.0.0.2");
  exchange(fourth);
}

TEST_P(HttpLimitsTest, KeepsDescriptorsBackForOthers) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  std::atomic<int> told = 0;
  start({.refusals_max = 8,
         .descriptors_kept = static_cast<std::int64_t>(limit.rlim_cur),
         .on_descriptors_short = [&told](std::int64_t) { ++told; },
         .tick = Duration(0)});
  for (int i = 0; i < 2; ++i) {
    RawClient refused = connect();
    expect_limit(refused.read_response(), 503,
                 "\"limit\":\"descriptors\",\"limitValue\":" + std::to_string(limit.rlim_cur));
    EXPECT_TRUE(refused.at_end());
  }
  EXPECT_EQ(told, 1);
  tick(60);
  RawClient later = connect();
  EXPECT_EQ(later.read_response().status, 503);
  EXPECT_EQ(told, 2);
}

TEST_P(HttpLimitsTest, ManyClientsMayComeThroughAProxyOnThisMachine) {
  start({.connections_per_address_max = 1, .tick = Duration(0)});
  RawClient first = connect();
  RawClient second = connect();
  exchange(first);
  exchange(second);
}

TEST_P(HttpLimitsTest, ClosesWithoutAWordWhenTooManyAreToBeTold) {
  start({.connections_max = 1, .refusals_max = 0, .tick = Duration(0)});
  RawClient first = connect();
  exchange(first);
  RawClient second = connect();
  EXPECT_EQ(second.read_response().status, 0);
  EXPECT_EQ(server_->stats().connections_refused_total_bound, 1);
  EXPECT_EQ(server_->stats().refusals_untold, 1);
}

TEST_P(HttpLimitsTest, DropsAReaderThatTakesLittleAtATime) {
  start({.tick = Duration(0), .write_ticks = 5, .bytes_per_tick_min = 8 * limits::kMiB});
  const std::size_t size = 40U << 20U;  // more than the kernel takes in; 5 + 5 ticks
  handler_.on_request = [size](const Request&, const Responder& responder) {
    responder.send(Response{.body = std::string(size, 'x')});
  };
  RawClient slow = connect();
  slow.set_receive_buffer(64 * 1024);
  ASSERT_TRUE(slow.send(get("/")));
  std::size_t taken = slow.read_some(1).size();
  for (int second = 0; second < 11; ++second) {
    taken += slow.read_some(1'000).size();
    tick(1);
  }
  while (const std::size_t more = slow.read_some(1 << 20).size()) {
    taken += more;
  }
  EXPECT_LT(taken, size);
  RawClient fast = connect();
  ASSERT_TRUE(fast.send(get("/")));
  EXPECT_EQ(fast.read_response().body.size(), size);
}

TEST_P(HttpLimitsTest, SlowRequestsAreToldWhichTimeTheyPassed) {
  start();
  RawClient head = connect();
  ASSERT_TRUE(head.send(get("/sync") + "GET / HTTP/1.1\r\n"));
  ASSERT_EQ(head.read_response().status, 200);
  for (int second = 0; second < 11; ++second) {
    (void)head.send("x");  // a byte a second does not help
    tick(1);
  }
  const RawResponse late = head.read_response();
  EXPECT_EQ(late.status, 408);
  EXPECT_NE(late.body.find("\"limit\":\"http_head_seconds\",\"limitValue\":10"), std::string::npos)
      << late.body;
  RawClient body = connect();
  ASSERT_TRUE(
      body.send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                "Content-Length: 1000\r\n\r\n"));
  ASSERT_EQ(body.read_response().status, 100);
  for (int second = 0; second < 31; ++second) {
    (void)body.send("x");
    tick(1);
  }
  EXPECT_NE(body.read_response().body.find("\"limit\":\"http_body_seconds\",\"limitValue\":30"),
            std::string::npos);
}

class HttpsTest : public HttpServerTest {
 protected:
  // Connected, and silent from there on.
  RawClient silent() { return RawClient(port_); }
};
INSTANTIATE_TEST_SUITE_P(Over, HttpsTest, ::testing::Values(Transport::Tls),
                         testing::transport_name);

TEST_P(HttpsTest, AnswersThoseWhoForgotTheS) {
  start();
  RawClient plain = silent();
  ASSERT_TRUE(plain.send(get("/")));
  const RawResponse response = plain.read_response();
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("https://"), std::string::npos) << response.body;
  EXPECT_TRUE(plain.at_end());
}

TEST_P(HttpsTest, EndsHandshakesThatTakeTooLong) {
  start();
  RawClient nothing = silent();
  RawClient trickle = silent();
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  RawClient complete = connect();
  exchange(complete);  // so the two before it are known
  for (int second = 0; second < 10; ++second) {
    (void)trickle.send(hello.substr(static_cast<std::size_t>(second), 1));
    tick(1);
  }
  tick(1);
  EXPECT_TRUE(nothing.at_end());
  EXPECT_TRUE(trickle.at_end());
  EXPECT_EQ(server_->stats().handshakes_failed, 2);
  exchange(complete);
}

TEST_P(HttpsTest, WhoDawdlesInAHandshakeMakesRoom) {
  start({.threads = 1, .handshakes_max = 2, .tick = Duration(0)});
  RawClient oldest = silent();
  RawClient second = silent();
  RawClient complete = connect();
  exchange(complete);
  EXPECT_TRUE(oldest.at_end());
  EXPECT_EQ(server_->stats().handshakes_failed, 1);
}

TEST_P(HttpsTest, RefusesWhatIsNeitherTlsNorHttp) {
  start();
  RawClient garbage = silent();
  ASSERT_TRUE(garbage.send(std::string(64, '\x01')));
  (void)garbage.read_some(100);  // an alert
  EXPECT_TRUE(garbage.at_end());
  EXPECT_EQ(server_->stats().handshakes_failed, 1);
}

TEST_P(HttpsTest, ANewCertificateIsForNewConnections) {
  start();
  RawClient old = connect();
  exchange(old);
  const tls::testing::TestCertificates others;
  for (const char* half : {"server.pem", "server.key"}) {
    certificates_->write(half, *read_file(others.path(half), limits::kCertificateFileBytesMax));
  }
  ASSERT_TRUE(identity_->reload() == tls::ServerIdentity::Reload::Replaced);
  exchange(old);
  RawClient unaware = connect();
  EXPECT_NE(unaware.tls_failure().find("authority"), std::string::npos) << unaware.tls_failure();
  trust_ = *tls::make_client_context({.authority = others.ca()});
  RawClient aware = connect();
  exchange(aware);
}

TEST_P(HttpsTest, WantsClientCertificatesWhenToldTo) {
  identity_ = certificates_->identity(/*wants_client_certificate=*/true);
  start();
  RawClient nobody = connect();
  (void)nobody.send(get("/"));
  EXPECT_EQ(nobody.read_response().status, 0);
  trust_ = *tls::make_client_context(certificates_->client("ann"));
  RawClient ann = connect();
  exchange(ann);
}

TEST_P(HttpsTest, StopsInTheMiddleOfAHandshake) {
  start();
  RawClient waiting = silent();
  RawClient complete = connect();
  exchange(complete);
  server_->stop(0);
  EXPECT_TRUE(waiting.at_end());
  EXPECT_TRUE(complete.at_end());
}

}  // namespace
}  // namespace hearth::net
