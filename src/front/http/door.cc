#include "front/http/door.h"

#include <utility>

#include "net/problem.h"

namespace hearth::front {

namespace {

constexpr std::string_view kBearer = "bearer ";

Error refused(ErrorCode code, std::string_view kind, std::string message) {
  return Error{.code = code, .message = std::move(message), .kind = std::string(kind)};
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  return text;
}

std::optional<std::string_view> cookie_of(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    const std::string_view pair = trim(cookies.substr(0, cookies.find(';')));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
    cookies.remove_prefix(std::min(cookies.size(), cookies.find(';')));
    cookies.remove_prefix(cookies.empty() ? 0 : 1);
  }
  return std::nullopt;
}

bool changes_something(const net::Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

// A session only by its cookie, and everything else only as a bearer token.
Result<> check_manner(const net::Request& request, const auth::Caller& caller,
                      const Presented& presented) {
  if ((caller.kind == auth::TokenKind::Session) != presented.is_cookie) {
    return refused(ErrorCode::Unauthenticated, "unauthenticated",
                   presented.is_cookie
                       ? "a cookie carries sessions only; open one with POST /v1/session"
                       : "a session is carried by its cookie only; send a token instead");
  }
  if (presented.is_cookie && changes_something(request) && request.count_header("origin") == 0) {
    return refused(ErrorCode::PermissionDenied, "forbidden",
                   "a session changes nothing without the Origin that browsers send; use a token "
                   "outside of browsers");
  }
  return {};
}

// Ends what it reads from when its caller's token ends: at once when revoked, at the next look when
// expired.
class GuardedSource final : public net::BodySource {
 public:
  GuardedSource(std::unique_ptr<net::BodySource> source, api::Doorkeeper& keeper,
                auth::TokenId token, net::Wakeup wakeup)
      : source_(std::move(source)),
        keeper_(keeper),
        token_(std::move(token)),
        wakeup_(std::move(wakeup)),
        watch_(keeper_.watch(token_, [wakeup = wakeup_] { wakeup.notify(); })) {}
  ~GuardedSource() override { keeper_.unwatch(watch_); }

  Pull pull(std::string& out, std::size_t max) override {
    return keeper_.holds(token_) ? source_->pull(out, max) : Pull::End;
  }
  void on_quiet(std::string& out) override {
    if (keeper_.holds(token_)) {
      source_->on_quiet(out);
    } else {
      wakeup_.notify();
    }
  }
  void on_stop(std::string& out) override { source_->on_stop(out); }

 private:
  std::unique_ptr<net::BodySource> source_;
  api::Doorkeeper& keeper_;
  const auth::TokenId token_;
  const net::Wakeup wakeup_;
  const std::uint64_t watch_;
};

}  // namespace

Presented presented_by(const net::Request& request) {
  if (request.count_header("authorization") > 0) {
    const std::string_view value = request.header("authorization");
    const bool is_bearer = request.count_header("authorization") == 1 &&
                           net::equals_ignoring_case(value.substr(0, kBearer.size()), kBearer);
    return {.token = is_bearer ? trim(value.substr(kBearer.size())) : std::string_view(),
            .is_cookie = false};
  }
  return {.token = cookie_of(request.header("cookie"), kSessionCookie), .is_cookie = true};
}

Door::Door(api::Doorkeeper& keeper, Clock& clock, const DoorOptions& options)
    : keeper_(keeper),
      clock_(clock),
      options_(options),
      submits_({.burst = options.submits_per_second_max,
                .refill = std::chrono::seconds(1),
                .keys_max = static_cast<std::size_t>(limits::kRatesKnownMax)}) {}

Result<auth::Caller> Door::admit(const net::Request& head, const net::RoutePattern& route,
                                 auth::Need need) {
  if (auth::holds_token(head.target)) {
    return refused(ErrorCode::InvalidArgument, "invalid_request",
                   "a token stands in the URL, where it is logged and shared; send it as "
                   "Authorization: Bearer TOKEN, and revoke this one");
  }
  if (options_.is_open) {
    return auth::anybody();
  }
  if (need == auth::Need::Nothing) {
    return auth::Caller{};
  }
  const Presented presented = presented_by(head);
  const std::string to = std::string(route.method) + " " + std::string(route.path);
  const api::Visit visit{.peer = head.peer, .to = to, .need = need, .presented = presented.token};
  HEARTH_ASSIGN(auth::Caller caller, keeper_.admit(visit));
  if (auto checked = check_manner(head, caller, presented); !checked) {
    keeper_.log_refusal(visit, caller.token, checked.error());
    return checked.error();
  }
  return caller;
}

Result<auth::Caller> Door::admit_again(const net::Request& request, auth::Need need) {
  if (options_.is_open) {
    return auth::anybody();
  }
  if (need == auth::Need::Nothing) {
    return auth::Caller{};
  }
  return keeper_.identify(presented_by(request).token.value_or(std::string_view()));
}

Result<> Door::count_submit(const auth::Caller& caller, std::string_view peer) {
  const MutexLock lock(mutex_);
  const auto wait = submits_.take(
      caller.token.empty() ? peer : std::string_view(caller.token.value()), clock_.monotonic_ns());
  if (!wait) {
    return {};
  }
  Error error = limit_exceeded("kSubmitsPerSecondMax", options_.submits_per_second_max,
                               "too many submissions a second; submit batches, or wait");
  error.kind = "rate_limited";
  return error;
}

Result<std::shared_ptr<void>> Door::begin_request() {
  std::shared_ptr<void> counted(nullptr, [this](void*) { requests_.fetch_sub(1); });
  if (requests_.fetch_add(1) < options_.requests_at_once_max) {
    return counted;
  }
  Error error = limit_exceeded("kRequestsAtOnceMax", options_.requests_at_once_max,
                               "too many requests are being answered; try again");
  error.kind = "rate_limited";
  return error;
}

std::unique_ptr<net::BodySource> Door::guard(std::unique_ptr<net::BodySource> source,
                                             const auth::Caller& caller, net::Wakeup wakeup) {
  if (caller.token.empty()) {
    return source;
  }
  return std::make_unique<GuardedSource>(std::move(source), keeper_, caller.token,
                                         std::move(wakeup));
}

net::Response refusal_response(const Error& error) {
  net::Response response = net::problem_response(error);
  if (error.limit == "kAuthFailuresMax") {
    // When the next try is let through at the latest.
    const auto wait = std::chrono::ceil<std::chrono::seconds>(limits::kAuthFailuresPer /
                                                              limits::kAuthFailuresMax);
    std::erase_if(response.headers, [](const auto& field) { return field.first == "Retry-After"; });
    response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  }
  if (response.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"hearth\"");
  }
  return response;
}

}  // namespace hearth::front
