#include "auth/scope.h"

#include <algorithm>
#include <array>

namespace hearth::auth {
namespace {

struct ScopeRow {
  Scope scope;
  std::string_view name;
};

constexpr std::array<ScopeRow, kScopeCount> kScopes = {{
    {Scope::Submit, "submit"},
    {Scope::Read, "read"},
    {Scope::Agent, "agent"},
    {Scope::Admin, "admin"},
}};

// `by`: any of these scopes will do. Nothing and Join are not a matter of scopes.
struct NeedRow {
  Need need;
  std::string_view name;
  Scopes by;
};

constexpr std::array<NeedRow, kNeedCount> kNeeds = {{
    {Need::Nothing, "nothing", {}},
    {Need::AnyScope, "any scope", kAllScopes},
    {Need::Submit, "scope submit", {Scope::Submit, Scope::Admin}},
    {Need::Read, "scope read", {Scope::Read, Scope::Admin}},
    {Need::Agent, "scope agent", {Scope::Agent, Scope::Admin}},
    {Need::Admin, "scope admin", {Scope::Admin}},
    {Need::Join, "a join token", {}},
}};

}  // namespace

std::string_view to_string(Scope scope) {
  return kScopes.at(static_cast<std::size_t>(scope)).name;
}

std::optional<Scope> parse_scope(std::string_view name) {
  for (const ScopeRow& row : kScopes) {
    if (row.name == name) {
      return row.scope;
    }
  }
  return std::nullopt;
}

std::string Scopes::to_string() const {
  std::string text;
  for (const ScopeRow& row : kScopes) {
    if (has(row.scope)) {
      text += (text.empty() ? "" : ",") + std::string(row.name);
    }
  }
  return text;
}

Result<Scopes> parse_scopes(std::string_view text) {
  Scopes scopes;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(','));
    const std::optional<Scope> scope = parse_scope(name);
    if (!scope) {
      return invalid_field("scopes", "\"" + std::string(name.substr(0, 40)) +
                                         "\" is no scope; there are submit, read, agent and admin");
    }
    scopes.add(*scope);
    text.remove_prefix(std::min(text.size(), name.size() + 1));
  }
  return scopes;
}

std::string_view to_string(Need need) {
  return kNeeds.at(static_cast<std::size_t>(need)).name;
}

bool grants(Scopes scopes, Need need) {
  const NeedRow& row = kNeeds.at(static_cast<std::size_t>(need));
  return need == Need::Nothing || (scopes.bits() & row.by.bits()) != 0;
}

}  // namespace hearth::auth
