#include "client/http_client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "base/unique_fd.h"
#include "net/http_server.h"
#include "tls/testing/test_certificates.h"

namespace hearth::client {
namespace {

constexpr Duration kPatience{10'000};

// Streams one piece and then waits for ever.
class OnePiece final : public net::BodySource {
 public:
  Pull pull(std::string& out, std::size_t /*max*/) override {
    if (!said_) {
      said_ = true;
      out += "data: one\n\n";
    }
    return Pull::Wait;
  }

 private:
  bool said_ = false;
};

class EchoHandler final : public net::HttpHandler {
 public:
  net::BodyPlan plan(const net::Request& head) override {
    net::BodyPlan plan;
    plan.bytes_max = 4 * limits::kMiB;
    if (head.path == "/refused") {
      plan.refuse = net::Response{.status = 403, .body = "no"};
    }
    return plan;
  }
  void handle(net::Request request, net::Responder responder) override {
    if (request.path == "/stream") {
      responder.stream(net::Response{.status = 200}, std::make_unique<OnePiece>());
      return;
    }
    net::Response response{.status = request.path == "/teapot" ? 418 : 200};
    response.body = request.method + " " + request.target + " " + request.body;
    responder.send(std::move(response));
  }
};

enum class Transport { Plain, Tls };

class HttpClientTest : public ::testing::TestWithParam<Transport> {
 protected:
  void SetUp() override {
    if (GetParam() == Transport::Tls) {
      identity_ = certificates_.identity();
      files_.authority = certificates_.ca();
    }
    serve_with(identity_.get());
    endpoint_ = *parse_endpoint(server_->address().to_string(), files_);
  }
  void serve_with(const tls::ServerIdentity* identity) {
    auto address = net::parse_listen_address("127.0.0.1:0");
    ASSERT_TRUE(address);
    auto started = net::HttpServer::start(*address, "--http", handler_, clock_, {.tls = identity});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  // What a client says that comes to the same server in another way.
  std::string failure(const std::string& url, const tls::ClientFiles& files) {
    const auto endpoint =
        parse_endpoint(url + ":" + std::to_string(server_->address().port), files);
    EXPECT_TRUE(endpoint);
    const auto answer = HttpClient(*endpoint).request({.target = "/"}, kPatience);
    EXPECT_FALSE(answer);
    return answer ? "" : answer.error().message;
  }

  tls::testing::TestCertificates certificates_;
  std::unique_ptr<tls::ServerIdentity> identity_;  // null: plain
  tls::ClientFiles files_;

  SystemClock clock_;
  EchoHandler handler_;
  std::unique_ptr<net::HttpServer> server_;
  Endpoint endpoint_;
};

std::string transport_name(const ::testing::TestParamInfo<Transport>& tested) {
  return tested.param == Transport::Tls ? "Tls" : "Plain";
}
INSTANTIATE_TEST_SUITE_P(Over, HttpClientTest, ::testing::Values(Transport::Plain, Transport::Tls),
                         transport_name);

TEST_P(HttpClientTest, RequestsReuseOneConnection) {
  HttpClient client(endpoint_);
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.request(
        {.method = "POST", .target = "/a?b=c", .body = "body", .content_type = "text/x"},
        kPatience);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /a?b=c body");
  }
  EXPECT_EQ(server_->stats().connections_total, 1);
  const auto teapot = client.request({.target = "/teapot"}, kPatience);
  ASSERT_TRUE(teapot);
  EXPECT_EQ(teapot->status, 418);
}

bool is_connected_to(int fd, std::uint16_t port) {
  sockaddr_in peer{};
  socklen_t size = sizeof(peer);
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
         ntohs(peer.sin_port) == port;
}

int option_of(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, level, option, &value, &size), 0);
  return value;
}

// Who only listens would never learn that the server is gone.
TEST_P(HttpClientTest, AStreamAsksWhetherItsServerIsStillThere) {
  HttpClient client(endpoint_);
  const auto stream = client.stream({.target = "/stream"}, kPatience);
  ASSERT_TRUE(stream) << stream.error().message;
  constexpr int kDescriptorsMax = 1'024;
  int found = 0;
  for (int fd = 0; fd < kDescriptorsMax; ++fd) {
    if (!is_connected_to(fd, server_->address().port)) {
      continue;
    }
    ++found;
    EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), limits::kClientKeepaliveSeconds);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), limits::kClientKeepaliveProbeSeconds);
    EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), limits::kClientKeepaliveProbesMax);
  }
  EXPECT_EQ(found, 1);
}

TEST_P(HttpClientTest, AStreamGivesWhatArrivesTimesOutAndIsInterrupted) {
  const UniqueFd interrupt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  HttpClient client(endpoint_, interrupt.get());
  auto stream = client.stream({.target = "/stream"}, kPatience);
  ASSERT_TRUE(stream) << stream.error().message;
  std::string bytes;
  while (bytes.empty()) {
    ASSERT_TRUE(stream->read(bytes, kPatience));
  }
  EXPECT_EQ(bytes, "data: one\n\n");
  const auto quiet = stream->read(bytes, Duration{1});
  ASSERT_TRUE(quiet);
  EXPECT_EQ(*quiet, WaitEnd::TimedOut);
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(interrupt.get(), &one, sizeof(one)), 8);
  const auto ended = stream->read(bytes, kPatience);
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, WaitEnd::Interrupted);
  EXPECT_FALSE(stream->done());
}

TEST_P(HttpClientTest, AnIdleConnectionThatTheServerClosedIsReplacedForAGet) {
  HttpClient client(endpoint_);
  ASSERT_TRUE(client.request({.target = "/"}, kPatience));
  const auto address = server_->address();
  server_->stop();
  server_.reset();
  auto again =
      net::HttpServer::start(address, "--http", handler_, clock_, {.tls = identity_.get()});
  ASSERT_TRUE(again) << again.error().message;
  const auto answer = client.request({.target = "/again"}, kPatience);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "GET /again ");
}

TEST_P(HttpClientTest, NobodyThereIsUnavailableWithTheAddress) {
  server_->stop();
  server_.reset();
  HttpClient client(endpoint_);
  const auto answer = client.request({.target = "/"}, kPatience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(answer.error().sys_errno, ECONNREFUSED);
  EXPECT_NE(answer.error().message.find(endpoint_.port), std::string::npos);
}

TEST_P(HttpClientTest, CarriesLargeBodies) {
  const std::string body(900'000, 'x');
  const auto answer = HttpClient(endpoint_).request(
      {.method = "POST", .target = "/", .body = body, .content_type = "text/x"}, kPatience);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "POST / " + body);
}

class HttpsClientTest : public HttpClientTest {};
// A file in memory with so many bytes.
UniqueFd file_of(const std::string& bytes) {
  UniqueFd file(::memfd_create("body", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), 0), std::ssize(bytes));
  return file;
}

TEST_P(HttpClientTest, SendsAFileOfAnySize) {
  HttpClient client(endpoint_);
  for (const std::size_t size : {0UL, 1UL, 65'536UL, 3'000'000UL}) {
    std::string body(size, 'b');
    if (size > 1) {
      body.back() = 'e';
    }
    const auto answer = client.send_file({.method = "POST", .target = "/echo"}, file_of(body).get(),
                                         std::ssize(body), kPatience);
    ASSERT_TRUE(answer) << size << ": " << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /echo " + body);
  }
}

TEST_P(HttpClientTest, AFileThatIsNotWantedIsNotSent) {
  HttpClient client(endpoint_);
  // There is nothing to send: it would fail to be read.
  const auto refused =
      client.send_file({.method = "POST", .target = "/refused"}, -1, 1 << 30, kPatience);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(refused->body, "no");
  const auto large =
      client.send_file({.method = "POST", .target = "/echo"}, -1, 1 << 30, kPatience);
  ASSERT_TRUE(large) << large.error().message;
  EXPECT_EQ(large->status, 413);
}

TEST_P(HttpClientTest, AFileThatBecomesShorterIsSaid) {
  HttpClient client(endpoint_);
  const auto answer = client.send_file({.method = "POST", .target = "/echo"},
                                       file_of("short").get(), 1'000, kPatience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Aborted);
}

INSTANTIATE_TEST_SUITE_P(Over, HttpsClientTest, ::testing::Values(Transport::Tls), transport_name);

TEST_P(HttpsClientTest, SaysWhatIsWrongWithTheCertificate) {
  const tls::testing::TestCertificates others;
  EXPECT_NE(failure("https://127.0.0.1", {.authority = others.ca()}).find("--ca FILE or HEARTH_CA"),
            std::string::npos);
  EXPECT_NE(failure("https://127.0.0.1", {}).find("not from an authority trusted here"),
            std::string::npos);
  certificates_.server("server", {"example.org"});
  ASSERT_TRUE(identity_->reload() == tls::ServerIdentity::Reload::Replaced);
  EXPECT_NE(failure("https://127.0.0.1", files_).find("is for example.org, not for 127.0.0.1"),
            std::string::npos);
}

TEST_P(HttpsClientTest, SaysThatAClientCertificateIsWanted) {
  server_->stop();
  identity_ = certificates_.identity(/*wants_client_certificate=*/true);
  serve_with(identity_.get());
  EXPECT_NE(failure("https://127.0.0.1", files_).find("--client-cert"), std::string::npos);
  const auto endpoint = parse_endpoint(server_->address().to_string(), certificates_.client("ann"));
  ASSERT_TRUE(endpoint);
  const auto answer = HttpClient(*endpoint).request({.target = "/"}, kPatience);
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST(EndpointTest, IsHttpsWhenSaidOrWhenAnAuthorityIsGiven) {
  const tls::testing::TestCertificates certificates;
  const tls::ClientFiles files{.authority = certificates.ca()};
  EXPECT_EQ(parse_endpoint("host:1")->url(), "http://host:1");
  EXPECT_EQ(parse_endpoint("host:1", files)->url(), "https://host:1");
  EXPECT_EQ(parse_endpoint("http://host:1", files)->url(), "http://host:1");
  EXPECT_EQ(parse_endpoint("https://[::1]")->url(), "https://[::1]:7070");
  const auto missing = parse_endpoint("https://host", {.authority = "/nonexistent/ca.pem"});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

TEST(EndpointTest, ReadsAddressesAndRefusesWhatIsNone) {
  EXPECT_EQ(parse_endpoint("http://localhost:80/")->host, "localhost");
  EXPECT_EQ(parse_endpoint("127.0.0.1:8080")->port, "8080");
  EXPECT_EQ(parse_endpoint("http://[::1]:9")->host, "::1");
  EXPECT_EQ(parse_endpoint("http://host")->port, "7070");
  for (const char* bad :
       {"", "http://", "ftp://x", "https://", "http://x:y", "http://[::1", "http://a/b",
        "x:", "a]:1", "user@host:1", "host?x:1", "ho st:1", "[::1]7070"}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

}  // namespace
}  // namespace hearth::client
