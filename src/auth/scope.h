// What a token allows, and what a route or method needs.
//
// `admin` allows everything. No other scope includes another: a token that submits and follows its
// jobs has both `submit` and `read`.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::auth {

enum class Scope : std::uint8_t {
  Submit,  // make, cancel and retry jobs
  Read,    // jobs, their output and events, agents, metrics
  Agent,   // the agent link: take work, report on it
  Admin,   // all of it, and tokens and draining
};
inline constexpr int kScopeCount = 4;

std::string_view to_string(Scope scope);
std::optional<Scope> parse_scope(std::string_view name);

class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) {
      add(scope);
    }
  }
  // As stored; unknown bits of a newer version are dropped.
  static constexpr Scopes from_bits(std::uint32_t bits) {
    Scopes scopes;
    scopes.bits_ = bits & ((1U << static_cast<unsigned>(kScopeCount)) - 1U);
    return scopes;
  }

  constexpr void add(Scope scope) { bits_ |= 1U << static_cast<unsigned>(scope); }
  [[nodiscard]] constexpr bool has(Scope scope) const {
    return (bits_ >> static_cast<unsigned>(scope) & 1U) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }
  [[nodiscard]] std::string to_string() const;  // "submit,read"

  friend bool operator==(const Scopes&, const Scopes&) = default;

 private:
  std::uint32_t bits_ = 0;
};

inline constexpr Scopes kAllScopes = {Scope::Submit, Scope::Read, Scope::Agent, Scope::Admin};

// "submit,read"; InvalidArgument/invalid_field names the scopes there are.
Result<Scopes> parse_scopes(std::string_view text);

enum class Need : std::uint8_t {
  Nothing,   // anybody may ask
  AnyScope,  // whoever is known and may do anything at all
  Submit,
  Read,
  Agent,
  Admin,
  Join,  // a join token, which is good for nothing else
};
inline constexpr int kNeedCount = 7;

// As it is told to who lacks it: "scope admin", "a join token".
std::string_view to_string(Need need);
bool grants(Scopes scopes, Need need);

}  // namespace hearth::auth
