// Decides who comes through the front doors, and keeps the tokens.
//
// Questions are answered at once on the calling thread. Changes run on a thread of its own, one
// after the other: decided, made durable, and only then in force and answered, so a token that was
// handed out works after any crash, and one that was revoked never does again. Open streams are
// told when what they were granted ends.
//
// Refusals are logged here, with who, where and why, at a bounded rate; secrets never are. Bad
// credentials of one address are answered 429 when there are too many; good ones always pass.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/controller_api.h"
#include "auth/rate_limiter.h"
#include "auth/token_table.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mutex.h"
#include "store/token_store.h"

namespace hearth::api {

// `text` is the token itself: told once, kept nowhere.
struct MadeToken {
  auth::TokenRecord record;
  std::string text;
};

// Somebody at a door.
struct Visit {
  std::string_view peer;  // an address without port
  std::string_view to;    // route or method, as in its table
  auth::Need need = auth::Need::Nothing;
  std::optional<std::string_view> presented;
};

// Thread-safe. Callbacks run on its own thread and must only post.
class Doorkeeper {
 public:
  struct Deps {
    Clock& clock;
    Log& log;
    // The store failed for good: exit and recover.
    std::function<void(const Error&)> on_fatal;
  };
  static Result<std::unique_ptr<Doorkeeper>> start(std::unique_ptr<store::TokenStore> store,
                                                   Deps deps);
  ~Doorkeeper();
  Doorkeeper(const Doorkeeper&) = delete;
  Doorkeeper& operator=(const Doorkeeper&) = delete;
  // Finishes what was asked for; refuses what comes later.
  void stop();

  // Unauthenticated, PermissionDenied/forbidden, or ResourceExhausted/rate_limited.
  Result<auth::Caller> admit(const Visit& visit);
  // The same question asked again later; counts and logs nothing.
  Result<auth::Caller> identify(std::string_view presented);
  [[nodiscard]] bool holds(const auth::TokenId& token);
  // For refusals a door finds by itself, such as an agent that speaks for another.
  void log_refusal(const Visit& visit, const auth::TokenId& token, const Error& why);

  // `ended` is called once when that token is revoked or its session ended, never after unwatch().
  // It runs under a lock: it must only post.
  std::uint64_t watch(const auth::TokenId& token, std::function<void()> ended);
  void unwatch(std::uint64_t id);

  // `token` without id and hash, which are drawn.
  void create(auth::NewToken token, Callback<MadeToken> done);
  void revoke(auth::TokenId id, Callback<auth::TokenRecord> done);
  void join(auth::TokenId join_token, auth::NewCredential credential, Callback<void> done);
  void open_session(auth::TokenId parent, Callback<MadeToken> done);
  void end_session(auth::TokenId session, Callback<void> done);

  [[nodiscard]] std::vector<auth::TokenRecord> list();
  [[nodiscard]] bool has_admin();
  [[nodiscard]] std::int64_t refused() const { return refused_.load(); }
  // Changes of tokens that wait.
  [[nodiscard]] std::int64_t waiting() { return static_cast<std::int64_t>(mailbox_.size()); }
  // Tokens that are known, also those that have ended.
  [[nodiscard]] std::int64_t tokens();

 private:
  using Work = std::function<void()>;
  struct Watch {
    auth::TokenId token;
    std::function<void()> ended;
  };

  Doorkeeper(std::unique_ptr<store::TokenStore> store, Deps deps,
             std::vector<auth::TokenRecord> rows);
  void run();
  // Runs `work` on the own thread, or answers that it cannot.
  template <class T>
  void post(Work work, const Callback<T>& done);
  template <class Decide>
  Result<auth::TokenChanges> decide(Decide decide);
  // Durable, then in force.
  Result<> commit(const auth::TokenChanges& changes);
  void tell_ended(const auth::TokenChanges& changes);
  [[nodiscard]] auth::TokenRecord record(const auth::TokenId& id);
  Error limited(Error refused, std::string_view peer);

  const std::unique_ptr<store::TokenStore> store_;  // the own thread's
  const Deps deps_;
  Mailbox<Work> mailbox_;
  std::atomic<std::int64_t> refused_{0};

  Mutex mutex_;
  auth::TokenTable table_ HEARTH_GUARDED_BY(mutex_);
  auth::RateLimiter failures_ HEARTH_GUARDED_BY(mutex_);
  auth::RateLimiter logged_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t unlogged_ HEARTH_GUARDED_BY(mutex_) = 0;
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;

  Mutex watch_mutex_;
  std::map<std::uint64_t, Watch> watches_ HEARTH_GUARDED_BY(watch_mutex_);
  std::uint64_t last_watch_ HEARTH_GUARDED_BY(watch_mutex_) = 0;

  std::thread thread_;
};

}  // namespace hearth::api
