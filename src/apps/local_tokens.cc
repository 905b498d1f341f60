#include "apps/local_tokens.h"

#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>

#include <boost/json.hpp>

#include "api/doorkeeper.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/token.h"
#include "front/rest/token_json.h"
#include "net/json_reader.h"
#include "store/sqlite/sqlite_store.h"

namespace hearth::apps {

namespace {

// Blocks until `ask` has called its callback.
template <class T, class Ask>
Result<T> await(const Ask& ask) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto answer = promise->get_future();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return answer.get();
}

std::string token_json(const auth::TokenRecord& token, TimePoint now, const std::string& text) {
  std::string out;
  net::JsonWriter json(out);
  json.begin_object();
  rest::write_token(json, token, now);
  if (!text.empty()) {
    json.member("token", text);
  }
  json.end_object();
  return out;
}

Result<> print_list(api::Doorkeeper& keeper, Clock& clock, bool as_json) {
  std::string out;
  net::JsonWriter json(out);
  json.begin_object().key("tokens").begin_array();
  for (const auth::TokenRecord& token : keeper.list()) {
    json.raw(token_json(token, clock.now(), ""));
  }
  json.end_array().end_object();
  HEARTH_ASSIGN(const auto list, net::parse_json(out));
  std::fputs(cli::token_list_text(list, as_json).c_str(), stdout);
  return {};
}

Result<> create(api::Doorkeeper& keeper, Clock& clock, const cli::TokenCommand& command) {
  HEARTH_ASSIGN(const std::string body, cli::new_token_body(command));
  HEARTH_ASSIGN(const auth::NewToken token, rest::parse_new_token(body, clock.now()));
  HEARTH_ASSIGN(const api::MadeToken made,
                await<api::MadeToken>([&](auto done) { keeper.create(token, std::move(done)); }));
  HEARTH_ASSIGN(const auto json, net::parse_json(token_json(made.record, clock.now(), made.text)));
  const cli::TokenText text = cli::made_token_text(json, command.common.json);
  std::fputs(text.out.c_str(), stdout);
  std::fputs(text.err.c_str(), stderr);
  return {};
}

Result<> revoke(api::Doorkeeper& keeper, Clock& clock, const cli::TokenCommand& command) {
  for (const std::string& id : command.ids) {
    HEARTH_ASSIGN(const auth::TokenRecord token, await<auth::TokenRecord>([&](auto done) {
                    keeper.revoke(auth::TokenId(id), std::move(done));
                  }));
    HEARTH_ASSIGN(const auto json, net::parse_json(token_json(token, clock.now(), "")));
    std::fputs(cli::revoked_token_text(json, command.common.json).c_str(), stdout);
  }
  return {};
}

Result<> manage(const cli::TokenCommand& command) {
  if (command.action != cli::TokenAction::Create && !std::filesystem::exists(command.data)) {
    return not_found("there is no data directory " + command.data);
  }
  auto store = store::open_sqlite_store({.directory = command.data});
  if (!store) {
    Error error = store.error();
    error.message += "; while a controller runs, leave out --data and name it with --url";
    return error;
  }
  SystemClock clock;
  const auto log = make_null_log();
  HEARTH_ASSIGN(auto rows, (*store)->tokens());
  HEARTH_ASSIGN(
      const auto keeper,
      api::Doorkeeper::start(std::move(rows),
                             {.clock = clock, .log = *log, .on_fatal = [](const Error&) {}}));
  switch (command.action) {
    case cli::TokenAction::Create:
      return create(*keeper, clock, command);
    case cli::TokenAction::List:
      return print_list(*keeper, clock, command.common.json);
    case cli::TokenAction::Revoke:
      return revoke(*keeper, clock, command);
  }
  return {};
}

}  // namespace

int manage_local_tokens(const cli::TokenCommand& command) {
  const Result<> done = manage(command);
  if (done) {
    return cli::kExitFine;
  }
  std::fprintf(stderr, "hearth: %s\n", done.error().message.c_str());
  const bool usage = done.error().code == ErrorCode::InvalidArgument && done.error().kind.empty();
  return usage ? cli::kExitUsage : cli::kExitBadNews;
}

}  // namespace hearth::apps
