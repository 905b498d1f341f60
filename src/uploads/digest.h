// SHA-256 of bytes that come in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace hearth::uploads {

inline constexpr std::size_t kDigestBytes = 32;
using Digest = std::array<std::uint8_t, kDigestBytes>;

class DigestStream {
 public:
  DigestStream();
  void add(std::string_view bytes);
  // Once, at the end.
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string to_hex(const Digest& digest);
std::optional<Digest> parse_digest(std::string_view hex);
// As it travels; of any other length: none.
std::string to_bytes(const Digest& digest);
std::optional<Digest> digest_of_bytes(std::string_view bytes);

}  // namespace hearth::uploads
