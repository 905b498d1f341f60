// client::HttpClient against a server that answers with the input, whole and in pieces: request()
// and stream() must agree, and end when the server has ended.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "client/http_client.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);  // only a client that hangs meets it

// Serves one connection after the other on a thread of its own.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    HEARTH_CHECK(::bind(listener_.get(), generic, size) == 0, "bind");
    HEARTH_CHECK(::listen(listener_.get(), 8) == 0, "listen");
    HEARTH_CHECK(::getsockname(listener_.get(), generic, &size) == 0, "getsockname");
    port_ = std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  [[nodiscard]] const std::string& port() const { return port_; }
  void answer_with(const Pieces& pieces) {
    const MutexLock lock(mutex_);
    pieces_.assign(pieces.begin(), pieces.end());
  }

 private:
  void serve() {
    for (;;) {
      const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.valid()) {
        return;
      }
      std::array<char, 4'096> chunk{};
      std::string request;
      while (request.find("\r\n\r\n") == std::string::npos) {
        const auto got = ::recv(client.get(), chunk.data(), chunk.size(), 0);
        if (got <= 0) {
          break;
        }
        request.append(chunk.data(), static_cast<std::size_t>(got));
      }
      std::vector<std::string> pieces;  // a client may leave before it has seen them all
      {
        const MutexLock lock(mutex_);
        pieces = pieces_;
      }
      for (const std::string& piece : pieces) {
        if (::send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) {
          break;
        }
      }
      ::shutdown(client.get(), SHUT_WR);
      while (::recv(client.get(), chunk.data(), chunk.size(), 0) > 0) {
      }
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
  }

  UniqueFd listener_;
  std::string port_;
  Mutex mutex_;
  std::vector<std::string> pieces_ HEARTH_GUARDED_BY(mutex_);
  std::thread thread_;
};

void check_error(const Error& error) {
  check_says_why(error);
  HEARTH_CHECK(error.code != ErrorCode::DeadlineExceeded, "the client waits for what cannot come");
}

// Without the fields: only who reads to the end sees a trailer's.
std::string story_of(const client::HttpResponse& response, std::string_view body) {
  return std::to_string(response.status) + "\n" + std::string(body);
}

std::string request_once(Server& server) {
  client::HttpClient client({.host = "127.0.0.1", .port = server.port(), .tls = nullptr});
  const auto response = client.request({.target = "/v1/jobs", .headers = {}}, kPatience);
  if (!response) {
    check_error(response.error());
    return "failed";
  }
  return story_of(*response, response->body);
}

std::string stream_once(Server& server) {
  client::HttpClient client({.host = "127.0.0.1", .port = server.port(), .tls = nullptr});
  auto stream = client.stream({.target = "/v1/events", .headers = {}}, kPatience);
  if (!stream) {
    check_error(stream.error());
    return "failed";
  }
  std::string body;
  while (!stream->done()) {
    const auto read = stream->read(body, kPatience);
    if (!read) {
      check_error(read.error());
      return "failed";
    }
    HEARTH_CHECK(*read == client::WaitEnd::Data, "the client waits for what cannot come");
  }
  return story_of(stream->head(), body);
}

}  // namespace

bool run(std::string_view input) {
  static const auto kept = std::make_unique<Server>();
  Server& server = *kept;
  server.answer_with({input});
  const std::string whole = request_once(server);
  const std::string streamed = stream_once(server);
  server.answer_with(cut_at_random(input));
  check_same(whole, request_once(server));
  check_same(streamed, stream_once(server));
  HEARTH_CHECK(whole == streamed || whole == "failed" || streamed == "failed",
               "request and stream read different answers");
  return true;
}

}  // namespace hearth::fuzz
