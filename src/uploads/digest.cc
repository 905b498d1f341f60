#include "uploads/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace hearth::uploads {

DigestStream::DigestStream() : context_(EVP_MD_CTX_new()) {
  HEARTH_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
               "SHA-256 is part of every libcrypto");
}

void DigestStream::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

void DigestStream::add(std::string_view bytes) {
  HEARTH_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
               "a digest takes any bytes");
}

Digest DigestStream::finish() {
  Digest digest{};
  HEARTH_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1,
               "a digest ends once");
  return digest;
}

std::string to_hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : digest) {
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

std::optional<Digest> parse_digest(std::string_view hex) {
  Digest digest{};
  if (hex.size() != 2 * digest.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const char* at = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, digest.at(i), 16);
    if (error != std::errc{} || end != at + 2) {
      return std::nullopt;
    }
  }
  return digest;
}

std::string to_bytes(const Digest& digest) {
  return {digest.begin(), digest.end()};
}

std::optional<Digest> digest_of_bytes(std::string_view bytes) {
  Digest digest{};
  if (bytes.size() != digest.size()) {
    return std::nullopt;
  }
  std::ranges::transform(bytes, digest.begin(),
                         [](char c) { return static_cast<std::uint8_t>(c); });
  return digest;
}

}  // namespace hearth::uploads
