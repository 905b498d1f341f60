// What a front door offers over HTTP, as a table of values.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token_table.h"
#include "net/http_server.h"
#include "net/router.h"

namespace hearth::front {

// One request on its way to its answer, let in and with its body whole.
struct Call {
  net::Request request;
  std::vector<std::string> parameters;  // of the path
  net::QueryList query;
  net::Responder responder;
  auth::Caller caller;
};

// Of which content types a body may be, and how large. Types that a form of a web page can send are
// in none: so no other site can make a browser change anything here.
struct BodyRule {
  std::span<const std::string_view> types;
  std::string_view said;  // to who sends another
  std::int64_t bytes_max = limits::kRequestBodyBytesMax;
  std::string_view limit_name = "request_body_bytes_max";
};

inline constexpr std::string_view kJsonTypes[] = {"application/json"};
inline constexpr BodyRule kJsonBody = {.types = kJsonTypes, .said = "application/json"};

struct Route {
  std::string_view method;
  std::string_view path;
  auth::Need need = auth::Need::Admin;
  std::function<void(Call)> handler = {};  // null: the sink answers
  const BodyRule* body = nullptr;          // null: a body is received and not looked at
  // Takes the body as it arrives; an error is answered before a byte of it is read.
  std::function<Result<std::unique_ptr<net::BodySink>>(const net::Request& head)> sink = {};
  bool submits = false;  // counts against the rate of submissions
};

bool takes_type(const BodyRule& rule, std::string_view content_type);

std::vector<net::RoutePattern> patterns_of(const std::vector<Route>& routes);

}  // namespace hearth::front
