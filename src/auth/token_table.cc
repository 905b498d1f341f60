#include "auth/token_table.h"

#include <algorithm>
#include <utility>

namespace hearth::auth {
namespace {

Error unauthenticated(std::string message) {
  return Error{
      .code = ErrorCode::Unauthenticated, .message = std::move(message), .kind = "unauthenticated"};
}

bool has_expired(const TokenRecord& token, TimePoint now) {
  return token.expires_at && *token.expires_at <= now;
}

bool is_over(const TokenRecord& token, TimePoint now) {
  return token.revoked_at.has_value() || has_expired(token, now);
}

// Ended tokens are still listed for a while, so that an operator sees why something is refused.
bool may_be_forgotten(const TokenRecord& token, TimePoint now) {
  if (token.kind == TokenKind::Session) {
    return is_over(token, now);
  }
  const std::optional<TimePoint> ended = token.revoked_at ? token.revoked_at : token.expires_at;
  return ended && *ended + limits::kTokenKeptAfterEnd <= now;
}

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

Result<> check_new(const NewToken& token, TimePoint now) {
  if (static_cast<std::int64_t>(token.name.size()) > limits::kNameBytesMax ||
      !is_printable(token.name)) {
    return invalid_field("name", "a token's name has at most " +
                                     std::to_string(limits::kNameBytesMax) +
                                     " bytes and no control characters");
  }
  if (token.kind == TokenKind::Client && token.scopes.empty()) {
    return invalid_field("scopes",
                         "a token without a scope is good for nothing; give one or more "
                         "of submit, read, agent and admin");
  }
  if (token.kind == TokenKind::Join && !token.scopes.empty()) {
    return invalid_field("scopes",
                         "a join token has no scopes: it gives agents credentials of "
                         "their own, and is good for nothing else");
  }
  if (token.kind == TokenKind::Join &&
      (token.uses_max < 1 || token.uses_max > limits::kJoinUsesMax)) {
    return invalid_field(
        "uses", "a join token can be used 1 to " + std::to_string(limits::kJoinUsesMax) + " times");
  }
  if (!token.agent.empty() && token.kind == TokenKind::Client && !token.scopes.has(Scope::Agent)) {
    return invalid_field("agent", "only join tokens and tokens with scope agent are for an agent");
  }
  if (token.expires_at && *token.expires_at <= now) {
    return invalid_field("expiresAt", "a token must expire in the future");
  }
  return {};
}

}  // namespace

TokenTable::TokenTable(std::vector<TokenRecord> rows) {
  for (TokenRecord& row : rows) {
    const TokenId id = row.id;
    rows_.insert_or_assign(id, std::move(row));
  }
}

const TokenRecord* TokenTable::find(const TokenId& id) const {
  const auto found = rows_.find(id);
  return found == rows_.end() ? nullptr : &found->second;
}

Result<> TokenTable::check_standing(const TokenRecord& token, TimePoint now) const {
  const std::string what = "token " + token.id.value();
  if (token.revoked_at) {
    return unauthenticated(what + " was revoked; ask whoever runs this controller for another");
  }
  if (has_expired(token, now)) {
    return unauthenticated(what + " has expired; ask whoever runs this controller for another");
  }
  if (token.kind == TokenKind::Session) {
    const TokenRecord* parent = find(token.parent);
    if (parent == nullptr || is_over(*parent, now)) {
      return unauthenticated("the token behind this session is no longer good; sign in again");
    }
  }
  return {};
}

Result<Caller> TokenTable::identify(std::string_view presented, TimePoint now) const {
  const std::optional<TokenText> text = parse_token(presented);
  if (!text) {
    return unauthenticated("what was sent is no token; a token reads hearth_<id>_<secret>, whole");
  }
  const TokenRecord* token = find(text->id);
  // Also without a record the secret is hashed and compared.
  const SecretHash none{};
  const bool same = equal(hash_secret(text->secret), token == nullptr ? none : token->hash);
  if (token == nullptr || !same) {
    return unauthenticated("this controller does not know token " + text->id.value() +
                           ", or not with this secret; `hearth token list` shows what it knows");
  }
  HEARTH_TRY(check_standing(*token, now));
  return Caller{
      .token = token->id, .kind = token->kind, .scopes = token->scopes, .agent = token->agent};
}

Result<Caller> TokenTable::authorise(std::optional<std::string_view> presented, Need need,
                                     TimePoint now) const {
  if (need == Need::Nothing) {
    return Caller{};
  }
  if (!presented) {
    return unauthenticated("this needs a token with " + std::string(to_string(need)) +
                           ": set HEARTH_TOKEN, name a file with --token-file, or send "
                           "Authorization: Bearer TOKEN");
  }
  HEARTH_ASSIGN(Caller caller, identify(*presented, now));
  const bool granted =
      need == Need::Join ? caller.kind == TokenKind::Join : grants(caller.scopes, need);
  if (!granted) {
    const std::string has = caller.kind == TokenKind::Join
                                ? "is a join token, good for joining an agent only"
                                : "has scope " + caller.scopes.to_string();
    return Error{.code = ErrorCode::PermissionDenied,
                 .message = "this needs " + std::string(to_string(need)) + "; token " +
                            caller.token.value() + " " + has,
                 .kind = "forbidden"};
  }
  return caller;
}

bool TokenTable::holds(const TokenId& token, TimePoint now) const {
  const TokenRecord* found = find(token);
  return token.empty() || (found != nullptr && check_standing(*found, now).has_value());
}

Result<TokenChanges> TokenTable::add(TokenRecord token, TimePoint now) const {
  TokenChanges changes;
  for (const auto& [id, row] : rows_) {
    if (may_be_forgotten(row, now)) {
      changes.erase.push_back(id);
    }
  }
  const auto kept = static_cast<std::int64_t>(rows_.size() - changes.erase.size());
  if (kept >= limits::kTokensMax) {
    return limit_exceeded("kTokensMax", limits::kTokensMax,
                          "there are " + std::to_string(kept) +
                              " tokens already; revoked and expired ones are forgotten after 30 "
                              "days");
  }
  if (find(token.id) != nullptr) {
    return Error{.code = ErrorCode::AlreadyExists,
                 .message = "there is a token " + token.id.value() + " already; try again",
                 .kind = "conflict"};
  }
  changes.put.push_back(std::move(token));
  return changes;
}

Result<TokenChanges> TokenTable::create(const NewToken& token, TimePoint now) const {
  HEARTH_TRY(check_new(token, now));
  return add({.id = token.id,
              .kind = token.kind,
              .name = token.name,
              .scopes = token.scopes,
              .hash = token.hash,
              .agent = token.agent,
              .parent = token.parent,
              .created_at = now,
              .expires_at = token.expires_at,
              .revoked_at = {},
              .uses_max = token.kind == TokenKind::Join ? token.uses_max : 0,
              .uses = 0},
             now);
}

Result<TokenChanges> TokenTable::revoke(const TokenId& id, TimePoint now) const {
  const TokenRecord* token = find(id);
  if (token == nullptr) {
    return not_found("there is no token " + id.value().substr(0, 40) +
                     "; `hearth token list` shows the ids");
  }
  TokenChanges changes;
  if (!token->revoked_at) {
    changes.put.push_back(*token);
    changes.put.back().revoked_at = now;
  }
  return changes;
}

Result<TokenChanges> TokenTable::join(const TokenId& join_token, const NewCredential& credential,
                                      TimePoint now) const {
  const TokenRecord* known = find(credential.id);
  if (known != nullptr && known->kind == TokenKind::Agent && !known->revoked_at &&
      known->agent == credential.agent && equal(known->hash, credential.hash)) {
    return TokenChanges{};
  }
  if (known != nullptr && known->revoked_at) {
    return unauthenticated("credential " + credential.id.value() + " of agent \"" + known->agent +
                           "\" was revoked; to let the agent in again, remove the file "
                           "`credential` from its data directory and start it with a join token");
  }
  const TokenRecord* token = find(join_token);
  if (token == nullptr || token->kind != TokenKind::Join) {
    return unauthenticated("there is no join token " + join_token.value());
  }
  HEARTH_TRY(check_standing(*token, now));
  if (token->uses >= token->uses_max) {
    return unauthenticated("join token " + token->id.value() + " was used already (" +
                           std::to_string(token->uses) + " of " + std::to_string(token->uses_max) +
                           " times); make another with `hearth token create --join`");
  }
  if (!token->agent.empty() && token->agent != credential.agent) {
    return Error{.code = ErrorCode::PermissionDenied,
                 .message = "join token " + token->id.value() + " is for agent \"" + token->agent +
                            "\", not \"" + credential.agent + "\"",
                 .kind = "forbidden"};
  }
  for (const auto& [id, row] : rows_) {
    if (row.kind == TokenKind::Agent && row.agent == credential.agent && !is_over(row, now)) {
      return Error{.code = ErrorCode::AlreadyExists,
                   .message = "agent \"" + credential.agent + "\" has joined before (token " +
                              id.value() + "); if that agent is gone, revoke it with `hearth " +
                              "token revoke " + id.value() + "`, else choose another --id",
                   .kind = "conflict"};
    }
  }
  HEARTH_ASSIGN(TokenChanges changes, add({.id = credential.id,
                                           .kind = TokenKind::Agent,
                                           .name = "agent " + credential.agent,
                                           .scopes = {Scope::Agent},
                                           .hash = credential.hash,
                                           .agent = credential.agent,
                                           .parent = token->id,
                                           .created_at = now,
                                           .expires_at = {},
                                           .revoked_at = {},
                                           .uses_max = 0,
                                           .uses = 0},
                                          now));
  changes.put.push_back(*token);
  ++changes.put.back().uses;
  return changes;
}

Result<TokenChanges> TokenTable::open_session(const TokenId& parent, const TokenId& id,
                                              const SecretHash& hash, TimePoint now) const {
  const TokenRecord* token = find(parent);
  if (token == nullptr || token->kind != TokenKind::Client) {
    return Error{.code = ErrorCode::PermissionDenied,
                 .message =
                     "only a client token opens a session; make one with `hearth token "
                     "create`",
                 .kind = "forbidden"};
  }
  const auto open = std::count_if(rows_.begin(), rows_.end(), [now](const auto& entry) {
    return entry.second.kind == TokenKind::Session && !is_over(entry.second, now);
  });
  if (open >= limits::kSessionsMax) {
    return limit_exceeded("kSessionsMax", limits::kSessionsMax,
                          "too many browser sessions are open; end some or wait for their end");
  }
  TimePoint end = now + limits::kSessionFor;
  if (token->expires_at) {
    end = std::min(end, *token->expires_at);
  }
  return add({.id = id,
              .kind = TokenKind::Session,
              .name = token->name,
              .scopes = token->scopes,
              .hash = hash,
              .agent = token->agent,
              .parent = parent,
              .created_at = now,
              .expires_at = end,
              .revoked_at = {},
              .uses_max = 0,
              .uses = 0},
             now);
}

TokenChanges TokenTable::end_session(const TokenId& id) const {
  const TokenRecord* token = find(id);
  TokenChanges changes;
  if (token != nullptr && token->kind == TokenKind::Session) {
    changes.erase.push_back(id);
  }
  return changes;
}

void TokenTable::apply(const TokenChanges& changes) {
  for (const TokenId& id : changes.erase) {
    rows_.erase(id);
  }
  for (const TokenRecord& token : changes.put) {
    rows_.insert_or_assign(token.id, token);
  }
}

std::vector<TokenId> TokenTable::sessions_of(const TokenId& parent) const {
  std::vector<TokenId> sessions;
  for (const auto& [id, row] : rows_) {
    if (row.kind == TokenKind::Session && row.parent == parent) {
      sessions.push_back(id);
    }
  }
  return sessions;
}

bool TokenTable::has_admin(TimePoint now) const {
  return std::any_of(rows_.begin(), rows_.end(), [now](const auto& entry) {
    return entry.second.scopes.has(Scope::Admin) && entry.second.kind == TokenKind::Client &&
           !is_over(entry.second, now);
  });
}

}  // namespace hearth::auth
