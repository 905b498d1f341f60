// Tokens: what is known of one, how it is written, and the hash that is kept in place of its
// secret.
//
// A token reads hearth_<id>_<secret>. The id is not secret: it is shown, logged and revoked by. Its
// first letter tells the kind, so that whoever is handed a token knows what it is for. The secret
// is 256 random bits; only its SHA-256 is ever kept, which for so much randomness needs no salt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/scope.h"
#include "base/strong_id.h"
#include "base/time.h"

namespace hearth::auth {

using TokenId = StrongId<struct TokenIdTag, std::string>;
using SecretHash = std::array<std::uint8_t, 32>;

enum class TokenKind : std::uint8_t {
  Client,   // a person's or a program's
  Join,     // gives agents credentials of their own, and nothing else
  Agent,    // one agent's credential
  Session,  // a browser's, made with a client token
};

// "client", "join", "agent", "session".
std::string_view to_string(TokenKind kind);

struct TokenRecord {
  TokenId id;
  TokenKind kind = TokenKind::Client;
  std::string name;
  Scopes scopes;  // empty for a join token
  SecretHash hash{};
  std::string agent;  // the only agent it is good for; empty: any
  TokenId parent;     // the token it was made with; a session is worth no more than its parent
  TimePoint created_at;
  std::optional<TimePoint> expires_at;
  std::optional<TimePoint> revoked_at;
  std::int64_t uses_max = 0;  // of a join token
  std::int64_t uses = 0;

  friend bool operator==(const TokenRecord&, const TokenRecord&) = default;
};

inline constexpr std::size_t kTokenIdRandomBytes = 6;
inline constexpr std::size_t kTokenSecretBytes = 32;

// `random_hex` has two lower-case digits for each of kTokenIdRandomBytes.
TokenId make_token_id(TokenKind kind, std::string_view random_hex);
bool is_token_id(std::string_view text);

struct TokenText {
  TokenId id;
  TokenKind kind = TokenKind::Client;
  std::string secret;  // in hexadecimal
};

std::string token_text(const TokenId& id, std::string_view secret_hex);
// Nullopt for what cannot be a token at all.
std::optional<TokenText> parse_token(std::string_view text);
// Somewhere in it stands a whole token.
bool holds_token(std::string_view text);

SecretHash hash_secret(std::string_view secret_hex);
// Takes the same time wherever they differ.
bool equal(const SecretHash& a, const SecretHash& b);

}  // namespace hearth::auth
