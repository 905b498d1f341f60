// Routes about tokens and browser sessions.
#include "front/rest/routes.h"
#include "front/rest/token_json.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

net::Response token_response(int status, const auth::TokenRecord& token, TimePoint now,
                             std::string_view text = {}) {
  std::string body;
  net::JsonWriter json(body);
  json.begin_object();
  write_token(json, token, now);
  if (!text.empty()) {
    json.member("token", text);
  }
  json.end_object();
  net::Response response = json_response(status, std::move(body));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

std::string session_cookie(const Door& door, std::string_view value, std::int64_t seconds) {
  return std::string(kSessionCookie) + "=" + std::string(value) +
         "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds) +
         (door.options().is_tls ? "; Secure" : "");
}

net::Response session_response(Context& context, const api::MadeToken& made) {
  const TimePoint now = context.clock.now();
  net::Response response = token_response(201, made.record, now);
  const auto left = std::chrono::floor<std::chrono::seconds>(*made.record.expires_at - now);
  response.headers.emplace_back("Set-Cookie",
                                session_cookie(context.door, made.text, left.count()));
  return response;
}

}  // namespace

void create_token(Context& context, Call call) {
  auto token = parse_new_token(call.request.body, context.clock.now());
  if (!token) {
    call.responder.fail(token.error());
    return;
  }
  token->parent = call.caller.token;
  context.door.keeper().create(
      std::move(*token), [&context, responder = call.responder](Result<api::MadeToken> made) {
        if (!made) {
          responder.fail(made.error());
          return;
        }
        responder.send(token_response(201, made->record, context.clock.now(), made->text));
      });
}

void list_tokens(Context& context, Call call) {
  if (auto names = check_names(call.query, {}); !names) {
    call.responder.fail(names.error());
    return;
  }
  std::string body;
  net::JsonWriter json(body);
  json.begin_object().key("tokens").begin_array();
  for (const auth::TokenRecord& token : context.door.keeper().list()) {
    json.begin_object();
    write_token(json, token, context.clock.now());
    json.end_object();
  }
  json.end_array().end_object();
  call.responder.send(json_response(200, std::move(body)));
}

void revoke_token(Context& context, Call call) {
  if (auto body = check_empty_body(call); !body) {
    call.responder.fail(body.error());
    return;
  }
  context.door.keeper().revoke(
      auth::TokenId(call.parameters.front()),
      [&context, responder = call.responder](Result<auth::TokenRecord> token) {
        if (!token) {
          responder.fail(token.error());
          return;
        }
        responder.send(token_response(200, *token, context.clock.now()));
      });
}

void open_session(Context& context, Call call) {
  const auto token = parse_session_request(call.request.body);
  if (!token) {
    call.responder.fail(token.error());
    return;
  }
  const auto caller = context.door.keeper().admit({.peer = call.request.peer,
                                                   .to = "POST /v1/session",
                                                   .need = auth::Need::AnyScope,
                                                   .presented = *token});
  if (!caller) {
    call.responder.send(refusal_response(caller.error()));
    return;
  }
  context.door.keeper().open_session(
      caller->token, [&context, responder = call.responder](Result<api::MadeToken> made) {
        made ? responder.send(session_response(context, *made)) : responder.fail(made.error());
      });
}

// Takes the cookie away also when its session is over already.
void end_session(Context& context, Call call) {
  net::Response response{.status = 204};
  response.headers.emplace_back("Set-Cookie", session_cookie(context.door, "", 0));
  const Presented presented = presented_by(call.request);
  const auto session = context.door.keeper().identify(presented.token.value_or(""));
  if (!presented.is_cookie || !session) {
    call.responder.send(std::move(response));
    return;
  }
  context.door.keeper().end_session(
      session->token,
      [responder = call.responder, response = std::move(response)](const Result<>& ended) {
        ended ? responder.send(response) : responder.fail(ended.error());
      });
}

}  // namespace hearth::rest
