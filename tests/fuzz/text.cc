// Small texts with a form of their own: times, ids, tokens, scopes, addresses, quantities. What is
// taken and written again is taken as the same.
#include <string>

#include "auth/scope.h"
#include "auth/token.h"
#include "base/ip_text.h"
#include "base/rfc3339.h"
#include "client/http_client.h"
#include "config/quantity.h"
#include "fuzz.h"
#include "model/ids.h"
#include "net/listen_address.h"
#include "net/origin_policy.h"

namespace hearth::fuzz {
namespace {

void check_time(std::string_view text) {
  if (const auto time = parse_rfc3339(text)) {
    const std::string written = to_rfc3339(*time);
    HEARTH_CHECK(parse_rfc3339(written) == time, "a time changes when it is written and read");
    HEARTH_CHECK(to_rfc3339(*parse_rfc3339(written)) == written, "a time's text is not stable");
  }
}

void check_ids(std::string_view text) {
  if (const auto id = parse_job_id(text)) {
    HEARTH_CHECK(to_string(*id) == text, "a job's id has two texts");
  }
  const auto token = auth::parse_token(text);
  if (token) {
    HEARTH_CHECK(auth::token_text(token->id, token->secret) == text, "a token has two texts");
    HEARTH_CHECK(auth::is_token_id(token->id.value()), "a token with another's id");
    HEARTH_CHECK(auth::holds_token("x" + std::string(text) + "y"), "a token is not seen");
  }
  HEARTH_CHECK(auth::equal(auth::hash_secret(text), auth::hash_secret(text)), "a hash changes");
}

void check_scopes(std::string_view text) {
  const auto scopes = auth::parse_scopes(text);
  if (!scopes) {
    check_says_why(scopes.error());
    HEARTH_CHECK(scopes.error().field == "scopes", "the field is not named");
    return;
  }
  const auto again = auth::parse_scopes(scopes->to_string());
  HEARTH_CHECK(again && *again == *scopes, "scopes change when they are written and read");
  HEARTH_CHECK(auth::Scopes::from_bits(scopes->bits()) == *scopes, "scopes change when stored");
}

void check_addresses(std::string_view text) {
  if (const auto address = net::parse_listen_address(text)) {
    HEARTH_CHECK(is_ip(address->host), "a host that is no address");
    const auto again = net::parse_listen_address(address->to_string());
    HEARTH_CHECK(again && again->host == address->host && again->port == address->port,
                 "an address changes when it is written and read");
  } else {
    check_says_why(address.error());
  }
  if (text.starts_with("https://")) {
    return;  // reads all of the system's authorities
  }
  if (const auto endpoint = client::parse_endpoint(text)) {
    const auto again = client::parse_endpoint(endpoint->url());
    HEARTH_CHECK(again && again->host == endpoint->host && again->port == endpoint->port,
                 "an endpoint changes when it is written and read");
  }
  const std::string host = net::host_without_port(text);
  const net::Request request{.method = "GET", .headers = {{"host", std::string(text)}}};
  HEARTH_CHECK(net::OriginPolicy{}.check(request).has_value() ==
                   (host == "localhost" || is_loopback_ip(host)),
               "somebody else's name comes through");
}

void check_quantities(std::string_view text) {
  if (const auto duration = config::parse_duration(text)) {
    const auto again = config::parse_duration(std::to_string(duration->count()) + "ms");
    HEARTH_CHECK(duration->count() >= 0 && again && *again == *duration, "a duration changes");
  }
  if (const auto cpu = config::parse_cpu_milli(text)) {
    HEARTH_CHECK(*cpu > 0, "no cores at all");
  }
  if (const auto memory = config::parse_memory_bytes(text)) {
    HEARTH_CHECK(*memory > 0, "no memory at all");
  }
  if (const auto number = config::parse_integer(text)) {
    HEARTH_CHECK(config::parse_integer(std::to_string(*number)).value_or(0) == *number,
                 "a number changes");
  }
}

}  // namespace

bool run(std::string_view input) {
  check_time(input);
  check_ids(input);
  check_scopes(input);
  check_addresses(input);
  check_quantities(input);
  return true;
}

}  // namespace hearth::fuzz
