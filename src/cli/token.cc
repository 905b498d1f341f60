// hearth token: over REST; what is printed is shared with the way through a data directory.
#include "cli/token.h"

#include <boost/json.hpp>

#include "auth/scope.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/table.h"
#include "config/quantity.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr const char* kDefaultScopes = "submit,read";

std::string scopes_of(const json::value& token) {
  std::string text;
  for (const json::value& scope : token.at("scopes").as_array()) {
    text += (text.empty() ? "" : ",") + std::string(scope.as_string());
  }
  return text.empty() ? "-" : text;
}

std::string uses_of(const json::value& token) {
  return has_value(token, "usesMax") ? std::to_string(integer_of(token, "uses")) + "/" +
                                           std::to_string(integer_of(token, "usesMax"))
                                     : "-";
}

}  // namespace

Result<std::string> new_token_body(const TokenCommand& command) {
  json::object body;
  if (!command.name.empty()) {
    body["name"] = command.name;
  }
  if (command.join) {
    body["kind"] = "join";
    if (!command.scopes.empty()) {
      return invalid_argument("--join and --scope exclude each other: a join token has no scopes");
    }
    body["uses"] = command.uses;
  } else if (command.uses != 1) {
    return invalid_argument("--uses is for --join only");
  } else {
    HEARTH_ASSIGN(const auth::Scopes scopes,
                  auth::parse_scopes(command.scopes.empty() ? kDefaultScopes : command.scopes));
    json::array names;
    for (int i = 0; i < auth::kScopeCount; ++i) {
      if (scopes.has(static_cast<auth::Scope>(i))) {
        const std::string_view name = to_string(static_cast<auth::Scope>(i));
        names.emplace_back(json::string_view(name.data(), name.size()));
      }
    }
    body["scopes"] = std::move(names);
  }
  if (!command.agent.empty()) {
    body["agent"] = command.agent;
  }
  if (!command.expires.empty()) {
    HEARTH_ASSIGN(const Duration life, config::parse_duration(command.expires));
    body["expiresInMs"] = life.count();
  }
  return json::serialize(body);
}

TokenText made_token_text(const json::value& made, bool as_json) {
  if (as_json) {
    return {
        .out = json::serialize(json::object{{"id", made.at("id")}, {"token", made.at("token")}}) +
               "\n",
        .err = ""};
  }
  const std::string expires = text_of(made, "expiresAt");
  return {.out = text_of(made, "token") + "\n",
          .err = "hearth: made token " + text_of(made, "id") + " (" +
                 (text_of(made, "kind") == "join" ? "join" : scopes_of(made)) +
                 (expires.empty() ? ", never expires" : ", until " + expires) +
                 "); it is shown this once only\n"};
}

std::string token_list_text(const json::value& list, bool as_json) {
  if (as_json) {
    return json::serialize(list) + "\n";
  }
  Table table({"ID", "KIND", "SCOPES", "STATE", "USES", "AGENT", "CREATED", "EXPIRES", "NAME"});
  for (const json::value& token : list.at("tokens").as_array()) {
    table.add({text_of(token, "id"), text_of(token, "kind"), scopes_of(token),
               text_of(token, "state"), uses_of(token), text_of(token, "agent", "-"),
               text_of(token, "createdAt"), text_of(token, "expiresAt", "-"),
               text_of(token, "name", "-")});
  }
  return table.text();
}

std::string revoked_token_text(const json::value& token, bool as_json) {
  return as_json ? json::serialize(token) + "\n" : text_of(token, "id") + " is revoked\n";
}

Result<int> manage_tokens(Session& session, const TokenCommand& command) {
  switch (command.action) {
    case TokenAction::Create: {
      HEARTH_ASSIGN(const std::string body, new_token_body(command));
      HEARTH_ASSIGN(const auto made, session.post("/v1/tokens", body));
      const TokenText text = made_token_text(made, session.json());
      HEARTH_TRY(session.out(text.out));
      HEARTH_TRY(session.err(text.err));
      return kExitFine;
    }
    case TokenAction::List: {
      HEARTH_ASSIGN(const auto list, session.get("/v1/tokens"));
      HEARTH_TRY(session.out(token_list_text(list, session.json())));
      return kExitFine;
    }
    case TokenAction::Revoke:
      for (const std::string& id : command.ids) {
        HEARTH_ASSIGN(const auto token,
                      session.post("/v1/tokens/" + url_encode(id) + "/revoke", "{}"));
        HEARTH_TRY(session.out(revoked_token_text(token, session.json())));
      }
      return kExitFine;
  }
  return kExitFine;
}

}  // namespace hearth::cli
