#include "cli/session.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include <boost/json.hpp>

#include "auth/token.h"
#include "base/door_limits.h"
#include "base/files.h"
#include "base/ip_text.h"
#include "cli/json_text.h"

namespace hearth::cli {

namespace {

constexpr Duration kRequestTimeout{30'000};
constexpr Duration kAbsencePause{250};
constexpr const char* kDefaultUrl = "127.0.0.1:7070";

// Also to a terminal that another program left non-blocking, which files.h is not for.
Result<> write_to_terminal(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return system_error("write output", errno);
    }
  }
  return {};
}

Error with_hint(Error error) {
  if (error.sys_errno == ECONNREFUSED) {
    error.message += "; start one with `hearth up`, or name it with --url or HEARTH_URL";
  }
  return error;
}

// Whoever is on the way could read it. Loopback has nobody on the way.
Result<> refuse_in_plain_text(const client::Endpoint& endpoint) {
  if (endpoint.tls != nullptr || endpoint.host == "localhost" || is_loopback_ip(endpoint.host)) {
    return {};
  }
  return invalid_argument("refused to send the token to " + endpoint.url() +
                          " in plain text, where others could read it; name the controller as "
                          "https://HOST:PORT, with --ca FILE (HEARTH_CA) for an authority of its "
                          "own, or reach it on loopback through a tunnel");
}

ErrorCode code_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorCode::Unauthenticated;
    case 403:
      return ErrorCode::PermissionDenied;
    case 404:
      return ErrorCode::NotFound;
    case 409:
      return ErrorCode::FailedPrecondition;
    case 413:
    case 429:
      return ErrorCode::ResourceExhausted;
    case 503:
      return ErrorCode::Unavailable;
    default:
      return status >= 500 ? ErrorCode::Internal : ErrorCode::InvalidArgument;
  }
}

}  // namespace

bool is_absence(const Error& error) {
  return error.code == ErrorCode::Unavailable || error.code == ErrorCode::DeadlineExceeded;
}

Result<std::string> find_token(const std::string& file,
                               const std::map<std::string, std::string>& environment) {
  std::string token;
  std::string from = "the variable HEARTH_TOKEN";
  if (!file.empty()) {
    HEARTH_ASSIGN(token, read_file(file, limits::kTokenFileBytesMax));
    from = file;
  } else if (const auto set = environment.find("HEARTH_TOKEN"); set != environment.end()) {
    token = set->second;
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.pop_back();
  }
  if (!token.empty() && !auth::parse_token(token)) {
    return invalid_argument(from + " holds no token; a token reads hearth_<id>_<secret>, whole");
  }
  return token;
}

Session::Session(client::Endpoint endpoint, std::string token, bool json, Terminal terminal)
    : terminal_(terminal),
      json_(json),
      endpoint_(std::move(endpoint)),
      token_(std::move(token)),
      client_(std::make_unique<client::HttpClient>(endpoint_, terminal.interrupt_fd)) {}

Result<Session> Session::open(const Common& common,
                              const std::map<std::string, std::string>& environment,
                              Terminal terminal) {
  const auto given = [&environment](const std::string& flag, const char* variable) {
    const auto set = environment.find(variable);
    return flag.empty() && set != environment.end() ? set->second : flag;
  };
  const std::string url = given(common.url, "HEARTH_URL");
  const tls::ClientFiles files{.authority = given(common.tls.authority, "HEARTH_CA"),
                               .certificate = given(common.tls.certificate, "HEARTH_CLIENT_CERT"),
                               .key = given(common.tls.key, "HEARTH_CLIENT_KEY")};
  HEARTH_ASSIGN(auto endpoint, client::parse_endpoint(url.empty() ? kDefaultUrl : url, files));
  HEARTH_ASSIGN(std::string token, find_token(common.token_file, environment));
  if (!token.empty()) {
    HEARTH_TRY(refuse_in_plain_text(endpoint));
  }
  return Session(std::move(endpoint), std::move(token), common.json, terminal);
}

Session Session::with_interrupt(int fd) const {
  Terminal terminal = terminal_;
  terminal.interrupt_fd = fd;
  return Session(endpoint_, token_, json_, terminal);
}

client::HttpRequest Session::signed_by_token(client::HttpRequest request) const {
  if (!token_.empty()) {
    request.headers["Authorization"] = "Bearer " + token_;
  }
  return request;
}

std::string Session::url() const {
  return endpoint_.url();
}

Error problem_of(const client::HttpResponse& response) {
  Error error{.code = code_of_status(response.status), .message = {}};
  const auto problem = parse_json(response.body);
  if (problem && problem->is_object()) {
    error.message = text_of(*problem, "detail", text_of(*problem, "title"));
    error.kind = text_of(*problem, "code");
    error.field = text_of(*problem, "field");
    error.limit = text_of(*problem, "limit");
    error.limit_value = integer_of(*problem, "limitValue");
  }
  if (error.message.empty()) {
    error.message = "the server answered " + std::to_string(response.status);
  }
  return error;
}

Result<client::HttpResponse> Session::get_raw(const std::string& target) {
  auto response = client_->request(signed_by_token({.target = target}), kRequestTimeout);
  if (!response) {
    return with_hint(std::move(response).error());
  }
  if (response->status / 100 != 2) {
    return problem_of(*response);
  }
  return response;
}

Result<boost::json::value> Session::get(const std::string& target) {
  HEARTH_ASSIGN(const auto response, get_raw(target));
  return parse_json(response.body);
}

Result<boost::json::value> Session::get_patiently(const std::string& target) {
  SystemClock clock;
  const std::int64_t until_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(kAbsenceMax).count();
  for (;;) {
    auto answer = get(target);
    if (answer || !is_absence(answer.error()) || clock.monotonic_ns() > until_ns ||
        wait(kAbsencePause)) {
      return answer;
    }
  }
}

Result<boost::json::value> Session::post(const std::string& target, const std::string& body,
                                         std::string_view content_type) {
  return post_by(*client_, target, body, content_type);
}

Result<boost::json::value> Session::post_uninterrupted(const std::string& target,
                                                       const std::string& body) {
  client::HttpClient client(endpoint_);
  return post_by(client, target, body, "application/json");
}

Result<boost::json::value> Session::post_by(client::HttpClient& client, const std::string& target,
                                            const std::string& body,
                                            std::string_view content_type) const {
  auto response = client.request(signed_by_token({.method = "POST",
                                                  .target = target,
                                                  .body = body,
                                                  .content_type = std::string(content_type)}),
                                 kRequestTimeout);
  if (!response) {
    return with_hint(std::move(response).error());
  }
  if (response->status / 100 != 2) {
    return problem_of(*response);
  }
  return parse_json(response->body);
}

Result<boost::json::value> Session::post_file(const std::string& target, int fd, std::int64_t bytes,
                                              std::string_view content_type) {
  auto response = client_->send_file(signed_by_token({.method = "POST",
                                                      .target = target,
                                                      .body = {},
                                                      .content_type = std::string(content_type)}),
                                     fd, bytes, kRequestTimeout);
  if (!response) {
    return with_hint(std::move(response).error());
  }
  if (response->status / 100 != 2) {
    return problem_of(*response);
  }
  return parse_json(response->body);
}

Result<client::ResponseStream> Session::stream(const std::string& target,
                                               const std::string& last_event_id) {
  client::HttpRequest request = signed_by_token({.target = target});
  request.headers["Accept"] = "text/event-stream";
  if (!last_event_id.empty()) {
    request.headers["Last-Event-ID"] = last_event_id;
  }
  auto opened = client_->stream(request, kRequestTimeout);
  if (!opened) {
    return with_hint(std::move(opened).error());
  }
  client::ResponseStream stream = *std::move(opened);
  if (stream.head().status / 100 != 2) {
    client::HttpResponse response = stream.head();
    while (!stream.done()) {
      const auto end = stream.read(response.body, kRequestTimeout);
      if (!end || *end != client::WaitEnd::Data) {
        break;
      }
    }
    return problem_of(response);
  }
  return stream;
}

Result<> Session::out(std::string_view text) const {
  return write_to_terminal(terminal_.out_fd, text);
}
Result<> Session::err(std::string_view text) const {
  return write_to_terminal(terminal_.err_fd, text);
}

bool Session::wait(Duration duration) const {
  pollfd interrupt{terminal_.interrupt_fd, POLLIN, 0};
  ::poll(&interrupt, terminal_.interrupt_fd >= 0 ? 1 : 0, static_cast<int>(duration.count()));
  return take_interrupt();
}

bool Session::take_interrupt() const {
  pollfd interrupt{terminal_.interrupt_fd, POLLIN, 0};
  if (terminal_.interrupt_fd < 0 || ::poll(&interrupt, 1, 0) <= 0) {
    return false;
  }
  signalfd_siginfo info{};
  return ::read(terminal_.interrupt_fd, &info, sizeof(info)) > 0;
}

std::string url_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || c == '-' || c == '_' || c == '.';
    if (plain) {
      encoded.push_back(c);
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

Result<std::string> read_all(int fd, std::int64_t bytes_max) {
  std::string text;
  std::array<char, 64 * 1024> chunk;
  for (;;) {
    const ssize_t size = ::read(fd, chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return system_error("read standard input", errno);
    }
    if (size == 0) {
      return text;
    }
    text.append(chunk.data(), static_cast<std::size_t>(size));
    if (static_cast<std::int64_t>(text.size()) > bytes_max) {
      return invalid_argument("the input is larger than " + human_bytes(bytes_max));
    }
  }
}

}  // namespace hearth::cli
