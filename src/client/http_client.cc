// Beast asserts what a peer can break: a last chunk's header whose rest comes a byte at a time. It
// does right without, as in a release.
#define BOOST_DISABLE_ASSERTS
#include "client/http_client.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "client/stream_socket.h"

namespace hearth::client {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadChunkBytes = 64 * 1024;
constexpr std::uint64_t kResponseBodyBytesMax = 256U * 1024 * 1024;

error_code to_error_code(StreamSocket::End end) {
  switch (end) {
    case StreamSocket::End::Done:
      return {};
    case StreamSocket::End::Closed:
      return boost::asio::error::eof;
    case StreamSocket::End::TimedOut:
      return boost::asio::error::timed_out;
    case StreamSocket::End::Interrupted:
      return boost::asio::error::interrupted;
    case StreamSocket::End::Broken:
      break;
  }
  return boost::asio::error::connection_aborted;
}

}  // namespace

// The stream Beast reads from.
struct Connection {
  explicit Connection(std::unique_ptr<StreamSocket> opened) : socket(std::move(opened)) {}

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& failed) {
    // Beast reads into one buffer at a time.
    const boost::asio::mutable_buffer space = *boost::asio::buffer_sequence_begin(buffers);
    failed = {};
    if (space.size() == 0) {
      return 0;
    }
    const StreamSocket::Outcome outcome =
        socket->read_some({static_cast<char*>(space.data()), space.size()});
    failed = to_error_code(outcome.end);
    return outcome.bytes;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code failed;
    const std::size_t size = read_some(buffers, failed);
    if (failed) {
      throw boost::system::system_error(failed);
    }
    return size;
  }
  void write_all(std::string_view bytes, error_code& failed) {
    failed = to_error_code(socket->write_all(bytes));
  }

  std::unique_ptr<StreamSocket> socket;
  beast::flat_buffer buffer;
};

namespace {

using BodyParser = http::response_parser<http::buffer_body>;

HttpResponse head_of(const http::response_header<>& header) {
  HttpResponse head;
  head.status = static_cast<int>(header.result_int());
  for (const auto& field : header) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    head.headers[name] = std::string(field.value());
  }
  return head;
}

std::string host_and_port(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + endpoint.port;
}

std::string serialize(const HttpRequest& request, const Endpoint& endpoint,
                      std::optional<std::int64_t> body_bytes = std::nullopt) {
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.contains("Host")) {
    text += "Host: " + host_and_port(endpoint) + "\r\n";
  }
  if (!request.content_type.empty()) {
    text += "Content-Type: " + request.content_type + "\r\n";
  }
  for (const auto& [name, value] : request.headers) {
    text += name + ": " + value + "\r\n";
  }
  if (!request.body.empty() || request.method != "GET") {
    text +=
        "Content-Length: " + std::to_string(body_bytes.value_or(std::ssize(request.body))) + "\r\n";
  }
  return text + "\r\n" + request.body;
}

Error broken(const Endpoint& endpoint, const Connection& connection, const error_code& failed) {
  const std::string why = connection.socket->why();
  Error error =
      unavailable("talk to " + endpoint.url() + ": " + (why.empty() ? failed.message() : why));
  if (failed == boost::asio::error::interrupted) {
    error.code = ErrorCode::Cancelled;
  } else if (failed == boost::asio::error::timed_out) {
    error.code = ErrorCode::DeadlineExceeded;
  }
  return error;
}

Error not_an_address(const std::string& text) {
  return invalid_argument("'" + text +
                          "' is not an address of Hearth; use http://HOST:PORT or "
                          "https://HOST:PORT");
}

}  // namespace

struct ResponseStream::State {
  std::unique_ptr<Connection> connection;
  Endpoint endpoint;
  BodyParser parser;
  HttpResponse head;
};

ResponseStream::ResponseStream() = default;
ResponseStream::~ResponseStream() = default;
ResponseStream::ResponseStream(ResponseStream&&) noexcept = default;
ResponseStream& ResponseStream::operator=(ResponseStream&&) noexcept = default;

const HttpResponse& ResponseStream::head() const {
  return state_->head;
}
bool ResponseStream::done() const {
  return state_->parser.is_done();
}

Result<WaitEnd> ResponseStream::read(std::string& out, Duration timeout) {
  if (done()) {
    return WaitEnd::Data;
  }
  state_->connection->socket->expire_in(timeout);
  std::array<char, kReadChunkBytes> chunk;
  auto& body = state_->parser.get().body();
  body.data = chunk.data();
  body.size = chunk.size();
  error_code failed;
  http::read_some(*state_->connection, state_->connection->buffer, state_->parser, failed);
  out.append(chunk.data(), chunk.size() - body.size);
  body.data = nullptr;
  if (failed == http::error::need_buffer) {
    failed = {};
  }
  if (failed == boost::asio::error::timed_out) {
    return WaitEnd::TimedOut;
  }
  if (failed == boost::asio::error::interrupted) {
    return WaitEnd::Interrupted;
  }
  if (failed) {
    return broken(state_->endpoint, *state_->connection, failed);
  }
  return WaitEnd::Data;
}

std::string Endpoint::url() const {
  return (tls == nullptr ? "http://" : "https://") + host_and_port(*this);
}

Result<Endpoint> parse_endpoint(std::string_view url, const tls::ClientFiles& tls) {
  const std::string text(url);
  bool secure = !tls.authority.empty() || !tls.certificate.empty() || !tls.key.empty();
  if (url.starts_with("https://")) {
    url.remove_prefix(8);
    secure = true;
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
    secure = false;
  } else if (url.find("://") != std::string_view::npos) {
    return not_an_address(text);
  }
  while (url.ends_with('/')) {
    url.remove_suffix(1);
  }
  Endpoint endpoint;
  std::size_t colon = url.rfind(':');
  if (url.starts_with('[')) {
    const std::size_t bracket = url.find(']');
    if (bracket == std::string_view::npos) {
      return invalid_argument("'" + text + "' lacks the ']' of its IPv6 address");
    }
    endpoint.host = url.substr(1, bracket - 1);
    colon = bracket + 1 < url.size() ? bracket + 1 : std::string_view::npos;
    if (colon != std::string_view::npos && url[colon] != ':') {
      return not_an_address(text);
    }
  } else {
    endpoint.host = url.substr(0, colon);
  }
  if (colon != std::string_view::npos) {
    endpoint.port = url.substr(colon + 1);
  }
  const bool numeric = !endpoint.port.empty() && endpoint.port.size() <= 5 &&
                       std::all_of(endpoint.port.begin(), endpoint.port.end(),
                                   [](unsigned char c) { return std::isdigit(c) != 0; });
  const bool is_host =
      !endpoint.host.empty() && endpoint.host.find_first_of("/[]@?# \t\r\n") == std::string::npos;
  if (!is_host || !numeric) {
    return not_an_address(text);
  }
  if (secure) {
    HEARTH_ASSIGN(endpoint.tls, tls::make_client_context(tls));
  }
  return endpoint;
}

HttpClient::HttpClient(Endpoint endpoint, int interrupt_fd)
    : endpoint_(std::move(endpoint)), interrupt_fd_(interrupt_fd) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<Connection>> HttpClient::connect(Duration timeout) const {
  HEARTH_ASSIGN(auto socket, StreamSocket::open(endpoint_, interrupt_fd_, timeout));
  return std::make_unique<Connection>(std::move(socket));
}

Result<HttpResponse> HttpClient::request(const HttpRequest& request, Duration timeout) {
  const bool repeatable = request.method == "GET" || request.method == "HEAD";
  for (bool reused = idle_ != nullptr;; reused = false) {
    std::unique_ptr<Connection> connection = std::move(idle_);
    if (connection == nullptr) {
      HEARTH_ASSIGN(connection, connect(timeout));
    }
    connection->socket->expire_in(timeout);
    error_code failed;
    connection->write_all(serialize(request, endpoint_), failed);
    http::response_parser<http::string_body> parser;
    parser.body_limit(kResponseBodyBytesMax);
    if (!failed) {
      http::read(*connection, connection->buffer, parser, failed);
    }
    if (failed) {
      const bool closed_while_idle = reused && !parser.got_some() &&
                                     failed != boost::asio::error::timed_out &&
                                     failed != boost::asio::error::interrupted;
      if (closed_while_idle && repeatable) {
        continue;
      }
      return broken(endpoint_, *connection, failed);
    }
    HttpResponse response = head_of(parser.get());
    response.body = std::move(parser.get().body());
    if (parser.keep_alive()) {
      idle_ = std::move(connection);
    }
    return response;
  }
}

namespace {

Result<> send_body(Connection& connection, int fd, std::int64_t bytes, Duration timeout,
                   error_code& failed) {
  std::vector<char> piece(kReadChunkBytes);
  for (std::int64_t at = 0; at < bytes && !failed;) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::int64_t>(bytes - at, static_cast<std::int64_t>(piece.size())));
    const ssize_t got = ::pread(fd, piece.data(), wanted, at);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return got < 0 ? system_error("read the file to be sent", errno)
                     : Error{.code = ErrorCode::Aborted,
                             .message = "the file became shorter while it was sent"};
    }
    connection.socket->expire_in(timeout);
    connection.write_all({piece.data(), static_cast<std::size_t>(got)}, failed);
    at += got;
  }
  return {};
}

}  // namespace

Result<HttpResponse> HttpClient::send_file(const HttpRequest& request, int fd, std::int64_t bytes,
                                           Duration timeout) {
  HEARTH_ASSIGN(const std::unique_ptr<Connection> connection, connect(timeout));
  HttpRequest asking = request;
  asking.headers["Expect"] = "100-continue";
  connection->socket->expire_in(timeout);
  error_code failed;
  connection->write_all(serialize(asking, endpoint_, bytes), failed);
  std::optional<http::response_parser<http::string_body>> parser;
  bool is_sent = false;
  while (!failed) {
    parser.emplace();
    parser->body_limit(kResponseBodyBytesMax);
    connection->socket->expire_in(timeout);
    http::read_header(*connection, connection->buffer, *parser, failed);
    if (failed || parser->get().result_int() != 100 || is_sent) {
      break;
    }
    is_sent = true;
    HEARTH_TRY(send_body(*connection, fd, bytes, timeout, failed));
    if (failed && failed != boost::asio::error::interrupted) {
      failed = {};  // it may have said why it takes no more
    }
  }
  if (!failed) {
    http::read(*connection, connection->buffer, *parser, failed);
  }
  if (failed) {
    return broken(endpoint_, *connection, failed);
  }
  HttpResponse response = head_of(parser->get());
  response.body = std::move(parser->get().body());
  return response;
}

Result<ResponseStream> HttpClient::stream(const HttpRequest& request, Duration timeout) {
  ResponseStream stream;
  stream.state_ = std::make_unique<ResponseStream::State>();
  auto& state = *stream.state_;
  state.endpoint = endpoint_;
  HEARTH_ASSIGN(state.connection, connect(timeout));
  state.connection->socket->expire_in(timeout);
  state.parser.body_limit(boost::none);
  error_code failed;
  state.connection->write_all(serialize(request, endpoint_), failed);
  if (!failed) {
    http::read_header(*state.connection, state.connection->buffer, state.parser, failed);
  }
  if (failed) {
    return broken(endpoint_, *state.connection, failed);
  }
  state.head = head_of(state.parser.get());
  return stream;
}

}  // namespace hearth::client
