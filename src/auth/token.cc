#include "auth/token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/check.h"

namespace hearth::auth {
namespace {

struct KindRow {
  TokenKind kind;
  char letter;
  std::string_view name;
};

constexpr std::array<KindRow, 4> kKinds = {{
    {TokenKind::Client, 'c', "client"},
    {TokenKind::Join, 'j', "join"},
    {TokenKind::Agent, 'a', "agent"},
    {TokenKind::Session, 's', "session"},
}};

constexpr std::string_view kPrefix = "hearth_";
constexpr std::size_t kIdSize = 1 + 2 * kTokenIdRandomBytes;
constexpr std::size_t kSecretSize = 2 * kTokenSecretBytes;
constexpr std::size_t kTextSize = kPrefix.size() + kIdSize + 1 + kSecretSize;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

const KindRow* row_of(char letter) {
  const auto* found = std::find_if(kKinds.begin(), kKinds.end(),
                                   [letter](const KindRow& row) { return row.letter == letter; });
  return found == kKinds.end() ? nullptr : found;
}

}  // namespace

std::string_view to_string(TokenKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind)).name;
}

TokenId make_token_id(TokenKind kind, std::string_view random_hex) {
  HEARTH_CHECK(random_hex.size() + 1 == kIdSize, "a token id needs all its randomness");
  return TokenId(kKinds.at(static_cast<std::size_t>(kind)).letter + std::string(random_hex));
}

bool is_token_id(std::string_view text) {
  return text.size() == kIdSize && row_of(text.front()) != nullptr && is_hex(text.substr(1));
}

std::string token_text(const TokenId& id, std::string_view secret_hex) {
  return std::string(kPrefix) + id.value() + "_" + std::string(secret_hex);
}

std::optional<TokenText> parse_token(std::string_view text) {
  if (text.size() != kTextSize || !text.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const std::string_view id = text.substr(kPrefix.size(), kIdSize);
  const std::string_view secret = text.substr(kTextSize - kSecretSize);
  if (!is_token_id(id) || text[kPrefix.size() + kIdSize] != '_' || !is_hex(secret)) {
    return std::nullopt;
  }
  return TokenText{.id = TokenId(std::string(id)),
                   .kind = row_of(id.front())->kind,
                   .secret = std::string(secret)};
}

bool holds_token(std::string_view text) {
  for (std::size_t at = text.find(kPrefix); at != std::string_view::npos;
       at = text.find(kPrefix, at + 1)) {
    if (parse_token(text.substr(at, kTextSize))) {
      return true;
    }
  }
  return false;
}

SecretHash hash_secret(std::string_view secret_hex) {
  SecretHash hash{};
  SHA256(reinterpret_cast<const unsigned char*>(secret_hex.data()), secret_hex.size(), hash.data());
  return hash;
}

bool equal(const SecretHash& a, const SecretHash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hearth::auth
