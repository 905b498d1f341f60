// What every command works with: the controller's REST interface, where text goes, and Ctrl-C.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "cli/options.h"
#include "client/http_client.h"

namespace hearth::cli {

// The outside world of a command; tests give pipes. `interrupt_fd` (or -1) is readable once per
// Ctrl-C and holds signalfd_siginfo records.
struct Terminal {
  int in_fd = 0;
  int out_fd = 1;
  int err_fd = 2;
  int interrupt_fd = -1;
};

class Session {
 public:
  static Result<Session> open(const Common& common,
                              const std::map<std::string, std::string>& environment,
                              Terminal terminal);

  // The same controller, with requests that are cut short by another descriptor.
  [[nodiscard]] Session with_interrupt(int fd) const;

  // Answers of status 2xx parsed; others as an Error made from the problem document (kind = its
  // code).
  Result<boost::json::value> get(const std::string& target);
  Result<boost::json::value> post(const std::string& target, const std::string& body,
                                  std::string_view content_type = "application/json");
  // The body is `bytes` of the file `fd`, from its start; asks first whether it would be taken.
  Result<boost::json::value> post_file(const std::string& target, int fd, std::int64_t bytes,
                                       std::string_view content_type);
  // Repeats it for as long as the controller may be away (kAbsenceMax): for what must not fail
  // because the network did so at that moment.
  Result<boost::json::value> get_patiently(const std::string& target);
  // Not cut short by a Ctrl-C, which stays pending: for what the first Ctrl-C itself asks for.
  Result<boost::json::value> post_uninterrupted(const std::string& target, const std::string& body);
  // The same for bytes that are not JSON.
  Result<client::HttpResponse> get_raw(const std::string& target);
  Result<client::ResponseStream> stream(const std::string& target,
                                        const std::string& last_event_id);

  // Writes everything; a closed pipe is an error the command ends with.
  Result<> out(std::string_view text) const;
  Result<> err(std::string_view text) const;

  // Waits for `duration` or a Ctrl-C; true for the latter, which is taken.
  bool wait(Duration duration) const;
  bool take_interrupt() const;

  [[nodiscard]] bool json() const { return json_; }
  [[nodiscard]] const Terminal& terminal() const { return terminal_; }
  [[nodiscard]] std::string url() const;

 private:
  Session(client::Endpoint endpoint, std::string token, bool json, Terminal terminal);
  // The same request with the token, if there is one.
  [[nodiscard]] client::HttpRequest signed_by_token(client::HttpRequest request) const;
  Result<boost::json::value> post_by(client::HttpClient& client, const std::string& target,
                                     const std::string& body, std::string_view content_type) const;

  Terminal terminal_;
  bool json_;
  client::Endpoint endpoint_;
  std::string token_;
  std::unique_ptr<client::HttpClient> client_;
};

// An absence of the controller, or of the network to it, of this length is survived (spec §4).
inline constexpr Duration kAbsenceMax{60'000};
// Nobody answered, or not yet: the same may be asked again.
bool is_absence(const Error& error);

// How a command ends: 0 fine, 1 the answer is bad news, 2 wrong usage, 125 Hearth failed.
inline constexpr int kExitFine = 0;
inline constexpr int kExitBadNews = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitHearthFailed = 125;

// What `file` holds, or else the variable HEARTH_TOKEN; empty without either.
Result<std::string> find_token(const std::string& file,
                               const std::map<std::string, std::string>& environment);
Error problem_of(const client::HttpResponse& response);
std::string url_encode(std::string_view text);
Result<std::string> read_all(int fd, std::int64_t bytes_max);

}  // namespace hearth::cli
