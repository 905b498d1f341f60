#include "front/rest/token_json.h"

#include <boost/json/value.hpp>

#include "base/door_limits.h"
#include "base/rfc3339.h"
#include "front/http/json_members.h"
#include "front/rest/http_names.h"
#include "model/ids.h"
#include "net/json_reader.h"

namespace hearth::rest {

namespace {

namespace json = boost::json;

using front::write_text_or_null;
using front::write_time;

std::string_view standing_of(const auth::TokenRecord& token, TimePoint now) {
  if (token.revoked_at) {
    return "revoked";
  }
  if (token.expires_at && *token.expires_at <= now) {
    return "expired";
  }
  const bool used_up = token.kind == auth::TokenKind::Join && token.uses >= token.uses_max;
  return used_up ? "used" : "active";
}

Result<> read_scopes(const json::value& value, auth::NewToken& token) {
  HEARTH_ASSIGN(const json::array* names, read_array(value, "scopes"));
  for (const json::value& name : *names) {
    HEARTH_ASSIGN(const std::size_t scope,
                  read_word(name, "scopes", {"submit", "read", "agent", "admin"}));
    token.scopes.add(static_cast<auth::Scope>(scope));
  }
  return {};
}

Result<> read_agent(const json::value& value, auth::NewToken& token) {
  HEARTH_ASSIGN(token.agent, read_text(value, "agent",
                                       {.bytes_max = limits::kNameBytesMax,
                                        .limit = "kNameBytesMax",
                                        .may_be_empty = false}));
  if (!is_valid_name_id(token.agent)) {
    return invalid_field("agent", "an agent's id is 1 to 64 characters of A-Z, a-z, 0-9, '_', '-'");
  }
  return {};
}

Result<> read_member(std::string_view name, const json::value& value, TimePoint now,
                     auth::NewToken& token) {
  if (name == "name") {
    HEARTH_ASSIGN(token.name, read_text(value, "name",
                                        {.bytes_max = limits::kNameBytesMax,
                                         .limit = "kNameBytesMax",
                                         .may_be_empty = true}));
    return {};
  }
  if (name == "kind") {
    HEARTH_ASSIGN(const std::size_t kind, read_word(value, "kind", {"client", "join"}));
    token.kind = static_cast<auth::TokenKind>(kind);
    return {};
  }
  if (name == "scopes") {
    return read_scopes(value, token);
  }
  if (name == "agent") {
    return read_agent(value, token);
  }
  if (name == "uses") {
    HEARTH_ASSIGN(token.uses_max, read_integer(value, "uses", 1, limits::kJoinUsesMax));
    return {};
  }
  if (name == "expiresInMs") {
    HEARTH_ASSIGN(const Duration life,
                  read_milliseconds(value, "expiresInMs", Duration(1), limits::kTokenForMax));
    token.expires_at = now + life;
    return {};
  }
  return unknown_field(FieldPath(name));
}

}  // namespace

void write_token(net::JsonWriter& writer, const auth::TokenRecord& token, TimePoint now) {
  writer.member("id", token.id.value()).member("kind", to_string(token.kind));
  write_text_or_null(writer, "name", token.name);
  writer.key("scopes").begin_array();
  for (int i = 0; i < auth::kScopeCount; ++i) {
    if (token.scopes.has(static_cast<auth::Scope>(i))) {
      writer.string(to_string(static_cast<auth::Scope>(i)));
    }
  }
  writer.end_array();
  writer.member("state", standing_of(token, now));
  write_text_or_null(writer, "agent", token.agent);
  write_text_or_null(writer, "parent", token.parent.value());
  writer.member("createdAt", to_rfc3339(token.created_at));
  write_time(writer, "expiresAt", token.expires_at);
  write_time(writer, "revokedAt", token.revoked_at);
  if (token.kind == auth::TokenKind::Join) {
    writer.member("uses", token.uses).member("usesMax", token.uses_max);
  } else {
    writer.member_null("uses").member_null("usesMax");
  }
}

Result<auth::NewToken> parse_new_token(std::string_view body, TimePoint now) {
  HEARTH_ASSIGN(const json::value value, net::parse_json(body));
  HEARTH_ASSIGN(const json::object* members, read_object(value, ""));
  auth::NewToken token;
  for (const auto& member : *members) {
    HEARTH_TRY(read_member({member.key().data(), member.key().size()}, member.value(), now, token));
  }
  const bool is_join = token.kind == auth::TokenKind::Join;
  if (!is_join && members->contains("uses")) {
    return invalid_field("uses", "only a join token (kind \"join\") is used a number of times");
  }
  if (is_join && !token.expires_at) {
    token.expires_at = now + limits::kJoinTokenFor;
  }
  return token;
}

Result<std::string> parse_session_request(std::string_view body) {
  HEARTH_ASSIGN(const json::value value, net::parse_json(body));
  HEARTH_ASSIGN(const json::object* members, read_object(value, ""));
  for (const auto& member : *members) {
    if (member.key() != "token") {
      return unknown_field(FieldPath(member.key()));
    }
  }
  const json::value* token = members->if_contains("token");
  if (token == nullptr) {
    return invalid_field("token", "the field token is missing; send {\"token\": \"hearth_…\"}");
  }
  return read_text(*token, "token",
                   {.bytes_max = limits::kTokenFileBytesMax,
                    .limit = "kTokenFileBytesMax",
                    .may_be_empty = true});
}

}  // namespace hearth::rest
