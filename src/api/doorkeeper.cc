#include "api/doorkeeper.h"

#include <set>
#include <utility>

#include "base/door_limits.h"
#include "base/random.h"

namespace hearth::api {
namespace {

constexpr Duration kIdleWait = std::chrono::hours(1);

Error not_taken(const store::AppendOutcome& outcome) {
  Error error = outcome.error;
  error.code = ErrorCode::Unavailable;
  error.kind = "storage_unavailable";
  error.message =
      "the token store does not take writes (" + outcome.error.message + "); try again later";
  return error;
}

struct Drawn {
  auth::TokenId id;
  std::string secret;
};

Drawn draw(auth::TokenKind kind) {
  return {auth::make_token_id(kind, random_hex(auth::kTokenIdRandomBytes)),
          random_hex(auth::kTokenSecretBytes)};
}

// Only what has the form of an id is shown of a credential that is not known.
std::string shown_id(std::optional<std::string_view> presented) {
  if (!presented) {
    return "none";
  }
  const auto text = auth::parse_token(*presented);
  return text ? text->id.value() : "malformed";
}

}  // namespace

Result<std::unique_ptr<Doorkeeper>> Doorkeeper::start(std::unique_ptr<store::TokenStore> store,
                                                      Deps deps) {
  HEARTH_ASSIGN(std::vector<auth::TokenRecord> rows, store->load());
  std::unique_ptr<Doorkeeper> keeper(
      new Doorkeeper(std::move(store), std::move(deps), std::move(rows)));
  keeper->thread_ = std::thread([self = keeper.get()] { self->run(); });
  return keeper;
}

Doorkeeper::Doorkeeper(std::unique_ptr<store::TokenStore> store, Deps deps,
                       std::vector<auth::TokenRecord> rows)
    : store_(std::move(store)),
      deps_(std::move(deps)),
      mailbox_(static_cast<std::size_t>(limits::kTokenCommandsWaitingMax)),
      table_(std::move(rows)),
      failures_({.burst = limits::kAuthFailuresMax,
                 .refill = limits::kAuthFailuresPer,
                 .keys_max = static_cast<std::size_t>(limits::kRatesKnownMax)}),
      logged_({.burst = limits::kRefusalsLoggedPerMinuteMax,
               .refill = std::chrono::minutes(1),
               .keys_max = 1}) {}

Doorkeeper::~Doorkeeper() {
  stop();
}

void Doorkeeper::stop() {
  mailbox_.close();
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  mailbox_.wake();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Doorkeeper::run() {
  for (;;) {
    std::vector<Work> works = mailbox_.pop_all(mailbox_.size() + 1, kIdleWait);
    for (const Work& work : works) {
      work();
    }
    const MutexLock lock(mutex_);
    if (stopping_ && works.empty()) {
      return;
    }
  }
}

Result<auth::Caller> Doorkeeper::admit(const Visit& visit) {
  Result<auth::Caller> caller;
  {
    const MutexLock lock(mutex_);
    caller = table_.authorise(visit.presented, visit.need, deps_.clock.now());
  }
  if (caller) {
    return caller;
  }
  log_refusal(visit, {}, caller.error());
  // Asking without a credential is no guess.
  if (visit.presented && caller.error().code == ErrorCode::Unauthenticated) {
    return limited(std::move(caller).error(), visit.peer);
  }
  return caller;
}

Error Doorkeeper::limited(Error refused, std::string_view peer) {
  const MutexLock lock(mutex_);
  const std::optional<Duration> wait = failures_.take(peer, deps_.clock.monotonic_ns());
  if (!wait) {
    return refused;
  }
  Error error = limit_exceeded("kAuthFailuresMax", limits::kAuthFailuresMax,
                               "too many bad credentials from " + std::string(peer) +
                                   "; correct the token before you try again");
  error.kind = "rate_limited";
  return error;
}

Result<auth::Caller> Doorkeeper::identify(std::string_view presented) {
  const MutexLock lock(mutex_);
  return table_.identify(presented, deps_.clock.now());
}

bool Doorkeeper::holds(const auth::TokenId& token) {
  const MutexLock lock(mutex_);
  return table_.holds(token, deps_.clock.now());
}

void Doorkeeper::log_refusal(const Visit& visit, const auth::TokenId& token, const Error& why) {
  refused_.fetch_add(1);
  std::int64_t unlogged = 0;
  {
    const MutexLock lock(mutex_);
    if (logged_.take("", deps_.clock.monotonic_ns())) {
      ++unlogged_;
      return;
    }
    unlogged = std::exchange(unlogged_, 0);
  }
  deps_.log.warn("refused", {{"to", visit.to},
                             {"peer", visit.peer},
                             {"token", token.empty() ? shown_id(visit.presented) : token.value()},
                             {"why", why.message},
                             {"not_logged_before", unlogged}});
}

std::uint64_t Doorkeeper::watch(const auth::TokenId& token, std::function<void()> ended) {
  const MutexLock lock(watch_mutex_);
  watches_.emplace(++last_watch_, Watch{.token = token, .ended = std::move(ended)});
  return last_watch_;
}

void Doorkeeper::unwatch(std::uint64_t id) {
  const MutexLock lock(watch_mutex_);
  watches_.erase(id);
}

void Doorkeeper::tell_ended(const auth::TokenChanges& changes) {
  std::set<auth::TokenId> ended(changes.erase.begin(), changes.erase.end());
  {
    const MutexLock lock(mutex_);
    for (const auth::TokenRecord& token : changes.put) {
      if (token.revoked_at) {
        ended.insert(token.id);
        const auto sessions = table_.sessions_of(token.id);
        ended.insert(sessions.begin(), sessions.end());
      }
    }
  }
  const MutexLock lock(watch_mutex_);
  for (auto watch = watches_.begin(); watch != watches_.end();) {
    if (ended.contains(watch->second.token)) {
      watch->second.ended();
      watch = watches_.erase(watch);
    } else {
      ++watch;
    }
  }
}

std::int64_t Doorkeeper::tokens() {
  const MutexLock lock(mutex_);
  return static_cast<std::int64_t>(table_.rows().size());
}

template <class T>
void Doorkeeper::post(Work work, const Callback<T>& done) {
  if (!mailbox_.try_push(std::move(work))) {
    Error error = limit_exceeded("kTokenCommandsWaitingMax", limits::kTokenCommandsWaitingMax,
                                 "too many changes of tokens wait; try again later");
    error.kind = "rate_limited";
    done(std::move(error));
  }
}

template <class Decide>
Result<auth::TokenChanges> Doorkeeper::decide(Decide decide) {
  const MutexLock lock(mutex_);
  return decide(std::as_const(table_), deps_.clock.now());
}

Result<> Doorkeeper::commit(const auth::TokenChanges& changes) {
  const store::AppendOutcome outcome = store_->write(changes);
  if (outcome.status != store::AppendStatus::Durable) {
    if (outcome.status == store::AppendStatus::Fatal) {
      deps_.on_fatal(outcome.error);
    }
    return not_taken(outcome);
  }
  {
    const MutexLock lock(mutex_);
    table_.apply(changes);
  }
  tell_ended(changes);
  return {};
}

auth::TokenRecord Doorkeeper::record(const auth::TokenId& id) {
  const MutexLock lock(mutex_);
  const auth::TokenRecord* found = table_.find(id);
  return found == nullptr ? auth::TokenRecord{} : *found;
}

void Doorkeeper::create(auth::NewToken token, Callback<MadeToken> done) {
  const auto work = [this, token = std::move(token), done]() mutable {
    const Drawn drawn = draw(token.kind);
    token.id = drawn.id;
    token.hash = auth::hash_secret(drawn.secret);
    const auto changes =
        decide([&](const auto& table, TimePoint now) { return table.create(token, now); });
    const Result<> committed = changes ? commit(*changes) : Result<>(changes.error());
    if (!committed) {
      done(committed.error());
      return;
    }
    deps_.log.info("made a token", {{"token", drawn.id.value()},
                                    {"kind", to_string(token.kind)},
                                    {"scopes", token.scopes.to_string()},
                                    {"by", token.parent.value()}});
    done(MadeToken{.record = record(drawn.id), .text = token_text(drawn.id, drawn.secret)});
  };
  post(work, done);
}

void Doorkeeper::revoke(auth::TokenId id, Callback<auth::TokenRecord> done) {
  const auto work = [this, id = std::move(id), done] {
    const auto changes =
        decide([&](const auto& table, TimePoint now) { return table.revoke(id, now); });
    const Result<> committed = changes ? commit(*changes) : Result<>(changes.error());
    if (!committed) {
      done(committed.error());
      return;
    }
    deps_.log.info("revoked a token", {{"token", id.value()}});
    done(record(id));
  };
  post(work, done);
}

void Doorkeeper::join(auth::TokenId join_token, auth::NewCredential credential,
                      Callback<void> done) {
  const auto work = [this, by = std::move(join_token), credential = std::move(credential), done] {
    const auto changes =
        decide([&](const auto& table, TimePoint now) { return table.join(by, credential, now); });
    Result<> committed = changes ? commit(*changes) : Result<>(changes.error());
    if (committed) {
      deps_.log.info(
          "an agent joined",
          {{"agent", credential.agent}, {"token", credential.id.value()}, {"by", by.value()}});
    }
    done(std::move(committed));
  };
  post(work, done);
}

void Doorkeeper::open_session(auth::TokenId parent, Callback<MadeToken> done) {
  const auto work = [this, parent = std::move(parent), done] {
    const Drawn drawn = draw(auth::TokenKind::Session);
    const auto changes = decide([&](const auto& table, TimePoint now) {
      return table.open_session(parent, drawn.id, auth::hash_secret(drawn.secret), now);
    });
    const Result<> committed = changes ? commit(*changes) : Result<>(changes.error());
    if (!committed) {
      done(committed.error());
      return;
    }
    done(MadeToken{.record = record(drawn.id), .text = token_text(drawn.id, drawn.secret)});
  };
  post(work, done);
}

void Doorkeeper::end_session(auth::TokenId session, Callback<void> done) {
  const auto work = [this, session = std::move(session), done] {
    const auto changes = decide([&](const auto& table, TimePoint /*now*/) {
      return Result<auth::TokenChanges>(table.end_session(session));
    });
    done(commit(*changes));
  };
  post(work, done);
}

std::vector<auth::TokenRecord> Doorkeeper::list() {
  const MutexLock lock(mutex_);
  std::vector<auth::TokenRecord> tokens;
  for (const auto& [id, token] : table_.rows()) {
    tokens.push_back(token);
  }
  return tokens;
}

bool Doorkeeper::has_admin() {
  const MutexLock lock(mutex_);
  return table_.has_admin(deps_.clock.now());
}

}  // namespace hearth::api
