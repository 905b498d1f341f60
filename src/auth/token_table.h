// Every token there is, and the decisions about them.
//
// The questions (identify, authorise) are answered from memory. What changes something returns the
// rows to write: the caller makes them durable first and then hands them to apply(). Ids and
// secrets are drawn by the caller. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token.h"
#include "base/limits.h"
#include "base/result.h"

namespace hearth::auth {

// To be written together or not at all.
struct TokenChanges {
  std::vector<TokenRecord> put;
  std::vector<TokenId> erase;

  [[nodiscard]] bool empty() const { return put.empty() && erase.empty(); }
};

// Who asks, as far as doors need to know.
struct Caller {
  TokenId token;  // empty: nobody was asked, the door is open
  TokenKind kind = TokenKind::Client;
  Scopes scopes;
  std::string agent;  // the only agent it may speak for; empty: any
};

// Who comes through a door that asks for no token.
inline Caller anybody() {
  return {.token = {}, .kind = TokenKind::Client, .scopes = kAllScopes, .agent = {}};
}

struct NewToken {
  TokenId id;
  SecretHash hash{};
  TokenKind kind = TokenKind::Client;  // or Join
  std::string name;
  Scopes scopes;
  std::string agent;
  std::optional<TimePoint> expires_at;
  std::int64_t uses_max = 1;  // of a join token
  TokenId parent;
};

// What a joining agent made for itself.
struct NewCredential {
  TokenId id;
  SecretHash hash{};
  std::string agent;
};

class TokenTable {
 public:
  explicit TokenTable(std::vector<TokenRecord> rows = {});

  // Unauthenticated for what is no token, is not known, has expired, was revoked or is used up: the
  // message says which, but unknown ids and wrong secrets look the same.
  [[nodiscard]] Result<Caller> identify(std::string_view presented, TimePoint now) const;
  // Unauthenticated when there is no credential and one is needed; PermissionDenied/forbidden when
  // it does not allow what is needed, which the message names.
  [[nodiscard]] Result<Caller> authorise(std::optional<std::string_view> presented, Need need,
                                         TimePoint now) const;
  // Whether what was granted to that token still holds.
  [[nodiscard]] bool holds(const TokenId& token, TimePoint now) const;

  Result<TokenChanges> create(const NewToken& token, TimePoint now) const;
  // NotFound; of a revoked one, nothing.
  Result<TokenChanges> revoke(const TokenId& id, TimePoint now) const;
  // The same credential again, as after a lost answer, is fine and costs no use.
  Result<TokenChanges> join(const TokenId& join_token, const NewCredential& credential,
                            TimePoint now) const;
  // `parent` is a client token that is good now.
  Result<TokenChanges> open_session(const TokenId& parent, const TokenId& id,
                                    const SecretHash& hash, TimePoint now) const;
  // Revokes a session; of what is none, nothing.
  [[nodiscard]] TokenChanges end_session(const TokenId& id) const;

  void apply(const TokenChanges& changes);

  [[nodiscard]] const TokenRecord* find(const TokenId& id) const;
  // Tokens made with that one that end with it.
  [[nodiscard]] std::vector<TokenId> sessions_of(const TokenId& parent) const;
  [[nodiscard]] const std::map<TokenId, TokenRecord>& rows() const { return rows_; }
  [[nodiscard]] bool has_admin(TimePoint now) const;

 private:
  [[nodiscard]] Result<> check_standing(const TokenRecord& token, TimePoint now) const;
  [[nodiscard]] Result<TokenChanges> add(TokenRecord token, TimePoint now) const;

  std::map<TokenId, TokenRecord> rows_;
};

}  // namespace hearth::auth
