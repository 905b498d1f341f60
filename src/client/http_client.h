// A blocking HTTP/1.1 client, plain or over TLS, for the command line and for tests: one thread,
// one connection.
//
// Every wait is bounded by a timeout and can be cut short by a descriptor that becomes readable (a
// signal pipe), so that Ctrl-C works while a stream is followed. Beast stays in the .cc file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "client/sse_parser.h"
#include "tls/context.h"

namespace hearth::client {

struct Endpoint {
  std::string host = "127.0.0.1";
  std::string port = "7070";
  std::shared_ptr<const tls::Context> tls;  // null: plain

  [[nodiscard]] std::string url() const;
};

// Accepts http://HOST[:PORT][/], https://… and HOST:PORT, which is https when an authority or a
// client certificate is given. Reads the files of `tls` for https only.
Result<Endpoint> parse_endpoint(std::string_view url, const tls::ClientFiles& tls = {});

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::string body;
  std::string content_type;
  std::map<std::string, std::string> headers;
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct Connection;

// How a wait ended.
enum class WaitEnd { Data, TimedOut, Interrupted };

// The body of a response as it arrives.
class ResponseStream {
 public:
  ResponseStream();
  ~ResponseStream();
  ResponseStream(ResponseStream&&) noexcept;
  ResponseStream& operator=(ResponseStream&&) noexcept;

  [[nodiscard]] const HttpResponse& head() const;  // body empty
  // Appends what arrived. Data with nothing appended and done() means the end of the body; an error
  // that the connection broke before it.
  Result<WaitEnd> read(std::string& out, Duration timeout);
  [[nodiscard]] bool done() const;

 private:
  friend class HttpClient;
  struct State;
  std::unique_ptr<State> state_;
};

class HttpClient {
 public:
  // `interrupt_fd` is borrowed; -1: none.
  explicit HttpClient(Endpoint endpoint, int interrupt_fd = -1);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Keeps the connection; one that went stale while idle is replaced, once, unless the request is a
  // POST that may have been received (then Unavailable: the caller knows whether to repeat it).
  Result<HttpResponse> request(const HttpRequest& request, Duration timeout);
  // A request whose body is `bytes` of the file `fd`, from its start, on a connection of its own.
  // The server is asked before whether it takes the body; the timeout is that of each step.
  Result<HttpResponse> send_file(const HttpRequest& request, int fd, std::int64_t bytes,
                                 Duration timeout);
  // A connection of its own. Returns once the response's head is there.
  Result<ResponseStream> stream(const HttpRequest& request, Duration timeout);

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  Result<std::unique_ptr<Connection>> connect(Duration timeout) const;

  Endpoint endpoint_;
  int interrupt_fd_;
  std::unique_ptr<Connection> idle_;
};

}  // namespace hearth::client
