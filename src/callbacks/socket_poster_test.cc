// Posts over real sockets to servers that the test plays byte by byte.
#include "callbacks/socket_poster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <map>

#include "base/unique_fd.h"
#include "tls/server_identity.h"
#include "tls/session.h"
#include "tls/testing/test_certificates.h"

namespace hearth::callbacks {
namespace {

constexpr int kPatienceMs = 20'000;

// Listens on a port of 127.0.0.1 that the kernel picks.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd_.get(), 16), 0);
    socklen_t size = sizeof(address);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] UniqueFd accept() const {
    pollfd ready{fd_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, kPatienceMs), 1) << "nobody connects";
    return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  [[nodiscard]] bool is_quiet() const {
    pollfd ready{fd_.get(), POLLIN, 0};
    return ::poll(&ready, 1, 0) == 0;
  }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// Until `end` was seen or the peer is gone.
std::string read_until(int fd, const std::string& end) {
  std::string text;
  std::array<char, 4096> space{};
  while (text.find(end) == std::string::npos) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) {
      break;
    }
    const auto size = ::read(fd, space.data(), space.size());
    if (size <= 0) {
      break;
    }
    text.append(space.data(), static_cast<std::size_t>(size));
  }
  return text;
}

void say(int fd, const std::string& text) {
  EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

class SocketPosterTest : public ::testing::Test {
 protected:
  // What the setting says, and what names resolve to.
  void open(const std::string& setting, Duration time_max = std::chrono::seconds(20)) {
    poster_.reset();
    policy_ = *CallbackPolicy::parse(setting);
    SocketPoster::Options options;
    options.time_max = time_max;
    options.tls.authority = authority_;
    options.resolve = [this](const std::string& host) -> Result<std::vector<Address>> {
      if (const auto address = Address::parse(host)) {
        return std::vector<Address>{*address};
      }
      const auto found = names_.find(host);
      if (found == names_.end()) {
        return unavailable(host + " has no address");
      }
      std::vector<Address> addresses;
      for (const char* text : found->second) {
        addresses.push_back(*Address::parse(text));
      }
      return addresses;
    };
    poster_ = std::make_unique<SocketPoster>(policy_, clock_, std::move(options));
  }
  std::future<PostOutcome> post(const std::string& url, const std::string& body = "{}") {
    auto promise = std::make_shared<std::promise<PostOutcome>>();
    auto outcome = promise->get_future();
    poster_->post(
        {.url = *parse_callback_url(url), .headers = {{"Hearth-Task-Id", "t1"}}, .body = body},
        [promise](PostOutcome ended) { promise->set_value(std::move(ended)); });
    return outcome;
  }
  static PostOutcome get(std::future<PostOutcome>& outcome) {
    if (outcome.wait_for(std::chrono::milliseconds(kPatienceMs)) != std::future_status::ready) {
      ADD_FAILURE() << "no outcome";
      return {};
    }
    return outcome.get();
  }
  PostOutcome answered(const std::string& answer) {
    const Listener listener;
    const std::string origin = "127.0.0.1:" + std::to_string(listener.port());
    open(origin);
    auto outcome = post("http://" + origin + "/");
    UniqueFd peer = listener.accept();
    read_until(peer.get(), "{}");
    say(peer.get(), answer);
    peer.reset();
    return get(outcome);
  }

  SystemClock clock_;
  CallbackPolicy policy_;
  std::map<std::string, std::vector<const char*>> names_;
  std::string authority_;
  std::unique_ptr<SocketPoster> poster_;
};

TEST_F(SocketPosterTest, SendsOneRequestWithTheNamesHost) {
  const Listener listener;
  const std::string port = std::to_string(listener.port());
  names_["hooks.example"] = {"127.0.0.1"};
  open("hooks.example:" + port + ",127.0.0.1:" + port);
  auto outcome = post("http://hooks.example:" + port + "/done?x=1", "{\"a\":1}");
  const UniqueFd peer = listener.accept();
  const std::string request = read_until(peer.get(), "{\"a\":1}");
  EXPECT_TRUE(
      request.starts_with("POST /done?x=1 HTTP/1.1\r\nHost: hooks.example:" + port + "\r\n"))
      << request;
  EXPECT_NE(request.find("\r\nHearth-Task-Id: t1\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nContent-Length: 7\r\n"), std::string::npos);
  EXPECT_TRUE(request.ends_with("\r\n\r\n{\"a\":1}"));
  say(peer.get(), "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  const PostOutcome ended = get(outcome);
  EXPECT_EQ(ended.status, 202) << ended.why;
  EXPECT_TRUE(ended.is_taken());
  EXPECT_EQ(read_until(peer.get(), "never"), "") << "the connection is closed";
}

TEST_F(SocketPosterTest, AnswersAsTheyCome) {
  EXPECT_EQ(answered("HTTP/1.1 500 No\r\n\r\n").status, 500);
  const PostOutcome redirect =
      answered("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n");
  EXPECT_EQ(redirect.status, 302);
  EXPECT_FALSE(redirect.is_taken());
  EXPECT_EQ(answered("SSH-2.0-x\r\n").status, 0);
  EXPECT_NE(answered("HTTP/1.1 200").why.find("hung up"), std::string::npos);
  EXPECT_NE(answered("").why.find("hung up"), std::string::npos);
}

TEST_F(SocketPosterTest, ANameThatLeadsInsideIsNotConnectedTo) {
  const Listener listener;
  const std::string port = std::to_string(listener.port());
  names_["hooks.example"] = {"127.0.0.1", "::1"};
  open("hooks.example:" + port);
  auto outcome = post("http://hooks.example:" + port + "/");
  const PostOutcome ended = get(outcome);
  EXPECT_TRUE(ended.is_forbidden);
  EXPECT_NE(ended.why.find("callback_hosts"), std::string::npos) << ended.why;
  EXPECT_TRUE(listener.is_quiet());
}

TEST_F(SocketPosterTest, OnlyAdmittedAddressesOfANameAreTriedEachInTurn) {
  const Listener listener;
  const std::string port = std::to_string(listener.port());
  // Nothing listens at the second; the first is not listed.
  names_["hooks.example"] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};
  open("hooks.example:" + port + ",127.0.0.1:" + port + ",127.0.0.2:" + port);
  auto outcome = post("http://hooks.example:" + port + "/");
  const UniqueFd peer = listener.accept();
  read_until(peer.get(), "{}");
  say(peer.get(), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(get(outcome).status, 200);
}

TEST_F(SocketPosterTest, FailuresSayWhatFailed) {
  std::string port;
  {
    const Listener listener;
    port = std::to_string(listener.port());
  }
  open("127.0.0.1:" + port + ",nowhere.example");
  auto refused = post("http://127.0.0.1:" + port + "/");
  EXPECT_NE(get(refused).why.find("refused"), std::string::npos);
  auto unknown = post("http://nowhere.example/");
  EXPECT_NE(get(unknown).why.find("nowhere.example has no address"), std::string::npos);
}

TEST_F(SocketPosterTest, OneThatNeverAnswersEndsAndHoldsUpNoOther) {
  const Listener listener;
  const std::string origin = "127.0.0.1:" + std::to_string(listener.port());
  open(origin, Duration(2'000));
  auto never = post("http://" + origin + "/never");
  const UniqueFd silent = listener.accept();
  auto other = post("http://" + origin + "/other");
  const UniqueFd peer = listener.accept();
  read_until(peer.get(), "{}");
  say(peer.get(), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(get(other).status, 200);
  const PostOutcome ended = get(never);
  EXPECT_EQ(ended.status, 0);
  EXPECT_NE(ended.why.find("in time"), std::string::npos) << ended.why;
}

TEST_F(SocketPosterTest, StopEndsWhatIsUnderWayWithoutAWord) {
  const Listener listener;
  const std::string origin = "127.0.0.1:" + std::to_string(listener.port());
  open(origin);
  auto outcome = post("http://" + origin + "/");
  const UniqueFd peer = listener.accept();
  read_until(peer.get(), "{}");
  poster_->stop();
  EXPECT_EQ(read_until(peer.get(), "never"), "") << "closed";
  auto late = post("http://" + origin + "/");
  EXPECT_THROW(late.get(), std::future_error) << "dropped, never called";
}

TEST_F(SocketPosterTest, HttpsBelievesTheAuthorityAndTheNameOnly) {
  tls::testing::TestCertificates certificates;
  const auto identity = certificates.identity();
  const Listener listener;
  const std::string port = std::to_string(listener.port());
  names_["localhost"] = {"127.0.0.1"};
  names_["other.example"] = {"127.0.0.1"};
  authority_ = certificates.ca();
  open("localhost:" + port + ",other.example:" + port + ",127.0.0.1:" + port);
  const auto serve = [&] {
    const UniqueFd peer = listener.accept();
    auto session = std::move(*tls::Session::accept(*identity->current()->context, peer.get()));
    const auto waits = [&peer](tls::Io io) {
      pollfd ready{peer.get(), static_cast<short>(io == tls::Io::WantWrite ? POLLOUT : POLLIN), 0};
      return (io == tls::Io::WantRead || io == tls::Io::WantWrite) &&
             ::poll(&ready, 1, kPatienceMs) == 1;
    };
    tls::Io shaken = session->handshake();
    while (waits(shaken)) {
      shaken = session->handshake();
    }
    if (shaken != tls::Io::Done) {
      return std::string("no handshake");
    }
    std::string request;
    std::array<char, 65536> space{};
    while (request.find("{}") == std::string::npos) {
      const tls::Moved moved = session->read(space);
      request.append(space.data(), moved.bytes);
      if (moved.io != tls::Io::Done && !waits(moved.io)) {
        break;
      }
    }
    session->write("HTTP/1.1 200 OK\r\n\r\n");
    return request;
  };
  auto good = post("https://localhost:" + port + "/in");
  EXPECT_TRUE(serve().starts_with("POST /in HTTP/1.1\r\n"));
  const PostOutcome taken = get(good);
  EXPECT_EQ(taken.status, 200) << taken.why;
  auto wrong = post("https://other.example:" + port + "/in");
  EXPECT_EQ(serve(), "no handshake");
  const PostOutcome refused = get(wrong);
  EXPECT_EQ(refused.status, 0);
  EXPECT_NE(refused.why.find("TLS"), std::string::npos) << refused.why;
}

}  // namespace
}  // namespace hearth::callbacks
