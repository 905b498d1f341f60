// Who may come in over HTTP: finds the credential of a request, asks the doorkeeper, and bounds how
// much is asked for at once.
//
// A credential is `Authorization: Bearer TOKEN`, or the cookie of a browser's session. A cookie is
// sent by a browser whoever made it ask, so it is taken only for a session, is SameSite=Strict, and
// changes nothing without the Origin that OriginPolicy has found to be ours.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/doorkeeper.h"
#include "base/door_limits.h"
#include "base/mutex.h"
#include "net/http_server.h"
#include "net/router.h"

namespace hearth::front {

struct DoorOptions {
  bool is_open = false;  // everybody may do everything: for loopback
  bool is_tls = false;   // cookies are for TLS only
  std::int64_t requests_at_once_max = limits::kRequestsAtOnceMax;
  std::int64_t submits_per_second_max = limits::kSubmitsPerSecondMax;
};

inline constexpr std::string_view kSessionCookie = "hearth_session";

struct Presented {
  std::optional<std::string_view> token;
  bool is_cookie = false;
};
// Views into `request`. A credential of another scheme is presented as an empty token.
Presented presented_by(const net::Request& request);

// Thread-safe. Outlives the requests it let in.
class Door {
 public:
  Door(api::Doorkeeper& keeper, Clock& clock, const DoorOptions& options);

  // Before the body is received; refusals are logged.
  Result<auth::Caller> admit(const net::Request& head, const net::RoutePattern& route,
                             auth::Need need);
  // Once more when the body is there: a token may have been revoked meanwhile.
  Result<auth::Caller> admit_again(const net::Request& request, auth::Need need);
  Result<> count_submit(const auth::Caller& caller, std::string_view peer);
  // Counts one request until the last copy goes.
  Result<std::shared_ptr<void>> begin_request();
  // `source`, ended when what was granted to `caller` ends.
  std::unique_ptr<net::BodySource> guard(std::unique_ptr<net::BodySource> source,
                                         const auth::Caller& caller, net::Wakeup wakeup);

  [[nodiscard]] api::Doorkeeper& keeper() { return keeper_; }
  [[nodiscard]] const DoorOptions& options() const { return options_; }
  // Being answered at this moment.
  [[nodiscard]] std::int64_t requests() const { return requests_.load(); }

 private:
  api::Doorkeeper& keeper_;
  Clock& clock_;
  const DoorOptions options_;
  std::atomic<std::int64_t> requests_{0};
  Mutex mutex_;
  auth::RateLimiter submits_ HEARTH_GUARDED_BY(mutex_);
};

// As problem_response, with what a 401 must say.
net::Response refusal_response(const Error& error);

}  // namespace hearth::front
