// A whole net::Connection over a real socket, its loop turned by hand: what comes back must be the
// same in whatever pieces the bytes came, and well framed.
#include "net/http_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/testing/manual_clock.h"
#include "base/unique_fd.h"
#include "fuzz.h"
#include "net/http_loop.h"
#include "net/router.h"

namespace hearth::fuzz {
namespace {

// What a chunk says is what comes out of it, however it was cut.
class EchoSink final : public net::BodySink {
 public:
  Result<> on_data(std::string_view bytes) override {
    body_ += bytes;
    return {};
  }
  void finish(net::Request request, net::Responder responder) override {
    responder.send({.body = request.method + std::to_string(hash_of(body_))});
  }

 private:
  std::string body_;
};

class CountSource final : public net::BodySource {
 public:
  Pull pull(std::string& out, std::size_t /*max*/) override {
    out += "count " + std::to_string(left_) + "\n";
    return --left_ == 0 ? Pull::End : Pull::More;
  }

 private:
  int left_ = 3;
};

class Handler final : public net::HttpHandler {
 public:
  net::BodyPlan plan(const net::Request& head) override {
    net::BodyPlan plan{.bytes_max = 512, .limit_name = "body_max", .sink = nullptr, .refuse = {}};
    if (head.path == "/sink") {
      plan.sink = std::make_unique<EchoSink>();
    } else if (head.path == "/refuse") {
      plan.refuse = net::Response{.status = 415, .headers = {}, .body = "no"};
    }
    return plan;
  }
  void handle(net::Request request, net::Responder responder) override {
    if (request.path == "/stream") {
      responder.stream({.headers = {}, .body = {}}, std::make_unique<CountSource>());
    } else {
      responder.send({.headers = {{"X-Echo", request.query}},
                      .body = request.method + " " + request.target + " " + request.body});
    }
  }
};

struct Server {
  hearth::testing::ManualClock clock;
  Handler handler;
  std::shared_ptr<net::ServerShared> shared = std::make_shared<net::ServerShared>(
      handler, clock, net::HttpServerOptions{.header_bytes_max = 1'024, .tick = Duration(0)});
  std::shared_ptr<net::Loop> loop = std::make_shared<net::Loop>(shared);
  UniqueFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};

  Server() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    HEARTH_CHECK(::bind(listener.get(), generic, size) == 0, "bind");
    HEARTH_CHECK(::listen(listener.get(), 8) == 0, "listen");
    HEARTH_CHECK(::getsockname(listener.get(), generic, &size) == 0, "getsockname");
  }
  UniqueFd connect() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
    // Closing resets, so that a million connections do not use up the ports.
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    HEARTH_CHECK(
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
        "connect");
    net::Socket socket(loop->io.get_executor());
    socket.assign(net::asio::ip::tcp::v4(),
                  ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ++shared->connections;
    loop->adopt(std::move(socket), {}, std::nullopt);
    return fd;
  }
  // Until nothing is left to do.
  void turn() {
    loop->io.restart();
    while (loop->io.poll() > 0) {
    }
  }
};

// False when the server has ended the connection.
bool receive(const UniqueFd& client, std::string& received) {
  std::array<char, 16 * 1024> chunk{};
  for (;;) {
    const auto got = ::recv(client.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got <= 0) {
      return got < 0 && errno == EAGAIN;
    }
    received.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

// Bytes that have not arrived when the loop turns arrive with the next, and so in other pieces.
std::string answers_to(Server& server, const Pieces& pieces) {
  const UniqueFd client = server.connect();
  std::string received;
  bool open = true;
  for (const std::string_view piece : pieces) {
    if (!open || ::send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) {
      break;
    }
    server.turn();
    open = receive(client, received);
  }
  ::shutdown(client.get(), SHUT_WR);
  // The server has nothing to wait for but this end; if it does, that is the finding.
  for (int turns = 0; receive(client, received); ++turns) {
    HEARTH_CHECK(turns < 1'000, "a connection stays behind");
    server.loop->io.restart();
    server.loop->io.run_one_for(std::chrono::milliseconds(10));
  }
  server.turn();
  return received;
}

// Each answer is a head and as much body as it says; nothing may be left over.
void check_framed(std::string_view rest) {
  while (!rest.empty()) {
    HEARTH_CHECK(rest.starts_with("HTTP/1.1 "), "what comes is no answer");
    const int status = (rest[9] - '0') * 100;
    const std::size_t end = rest.find("\r\n\r\n");
    HEARTH_CHECK(end != std::string_view::npos, "an answer's head has no end");
    const std::string_view head = rest.substr(0, end + 2);
    rest.remove_prefix(end + 4);
    if (status == 100) {
      continue;
    }
    const std::size_t length = head.find("Content-Length: ");
    if (length != std::string_view::npos) {
      const auto bytes =
          static_cast<std::size_t>(std::stoul(std::string(head.substr(length + 16, 9))));
      // A HEAD is told a length and sent no body.
      if (rest.starts_with("HTTP/1.1 ") || rest.empty()) {
        continue;
      }
      HEARTH_CHECK(bytes <= rest.size(), "an answer is cut short");
      rest.remove_prefix(bytes);
    } else if (head.find("chunked") != std::string_view::npos) {
      const std::size_t last = rest.find("0\r\n\r\n");
      if (rest.starts_with("HTTP/1.1 ") || rest.empty()) {
        continue;  // likewise
      }
      HEARTH_CHECK(last != std::string_view::npos, "a chunked body has no end");
      rest.remove_prefix(last + 5);
    } else {
      HEARTH_CHECK(head.find("Connection: close") != std::string_view::npos,
                   "an answer without framing must close");
      return;
    }
  }
}

// A head that is broken and not whole may be refused or still waited for when the end comes.
void check_alike(const std::string& whole, const std::string& in_pieces) {
  const std::string& longer = whole.size() > in_pieces.size() ? whole : in_pieces;
  const std::string& shorter = whole.size() > in_pieces.size() ? in_pieces : whole;
  const std::string_view rest = std::string_view(longer).substr(shorter.size());
  const bool is_refusal =
      rest.starts_with("HTTP/1.1 4") && rest.find("Connection: close") != rest.npos;
  if (!longer.starts_with(shorter) || !is_refusal) {
    check_same(whole, in_pieces);
  }
}

}  // namespace

bool run(std::string_view input) {
  static const auto kept = std::make_unique<Server>();
  Server& server = *kept;
  const std::string whole = answers_to(server, {input});
  check_framed(whole);
  const std::string in_pieces = answers_to(server, cut_at_random(input));
  check_framed(in_pieces);
  // "100 Continue" is only said to who waits for it.
  if (whole.find("100 Continue") == std::string::npos &&
      in_pieces.find("100 Continue") == std::string::npos) {
    check_alike(whole, in_pieces);
  }
  HEARTH_CHECK(server.shared->connections.load() == 0, "a connection stays behind");
  return true;
}

}  // namespace hearth::fuzz
