// What stands behind a path: routes, queries, cursors, and the id a reader comes back with.
#include <algorithm>
#include <string>

#include "front/rest/job_events.h"
#include "front/rest/job_query.h"
#include "front/rest/rest_service.h"
#include "fuzz.h"
#include "net/http_message.h"
#include "net/router.h"

namespace hearth::fuzz {
namespace {

std::string encoded(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

void check_jobs(const net::QueryList& pairs) {
  const auto query = rest::read_job_query(pairs);
  if (!query) {
    check_says_why(query.error());
    HEARTH_CHECK(!query.error().field.empty(), "the parameter is not named");
    return;
  }
  HEARTH_CHECK(query->limit >= 1 && query->limit <= limits::kListLimitMax, "list_limit_max");
  HEARTH_CHECK(static_cast<std::int64_t>(query->labels.size()) <= limits::kLabelsMax, "labels_max");
  HEARTH_CHECK(query->states.size() <= limits::kHeaderBytesMax, "more states than fit in a head");
}

void check_query(std::string_view text) {
  const auto pairs = net::parse_query(text);
  if (!pairs) {
    return;
  }
  std::string again;
  for (const auto& [name, value] : *pairs) {
    HEARTH_CHECK(name.find('\0') == std::string::npos, "a NUL comes through");
    again += "&" + encoded(name) + "=" + encoded(value);
  }
  HEARTH_CHECK(net::parse_query(again) == pairs, "a query changes when it is encoded and read");
  check_jobs(*pairs);
  (void)rest::has_job_filter(*pairs);
  for (const std::string_view name : {"limit", "offset", "follow"}) {
    const auto number = front::integer_parameter(*pairs, name, 0, limits::kListLimitMax);
    HEARTH_CHECK(!number || !*number || (**number >= 0 && **number <= limits::kListLimitMax),
                 "a number beyond its bounds");
    if (const auto flag = front::flag_parameter(*pairs, name); !flag) {
      check_says_why(flag.error());
    }
  }
  if (const auto known = front::check_names(*pairs, rest::kJobFilters); !known) {
    check_says_why(known.error());
  }
}

void check_cursor(std::string_view text) {
  if (const auto cursor = rest::parse_job_cursor(text)) {
    HEARTH_CHECK(cursor->stdout_offset >= 0 && cursor->stderr_offset >= 0, "a negative offset");
    HEARTH_CHECK(rest::parse_job_cursor(to_string(*cursor)) == cursor,
                 "a cursor changes when it is written and read");
  }
}

void check_route(std::string_view path) {
  static const net::Router router(rest::RestService::routes());
  for (const std::string_view method : {"GET", "HEAD", "POST", "DELETE", "BREW"}) {
    const net::Router::Match match = router.match(method, path);
    HEARTH_CHECK(match.index == net::Router::kNone || match.index < router.patterns().size(),
                 "a route that is none");
    for (const std::string& parameter : match.parameters) {
      HEARTH_CHECK(!parameter.empty() && parameter.find('\0') == std::string::npos,
                   "an empty parameter or a NUL in one");
    }
  }
}

}  // namespace

bool run(std::string_view input) {
  for (const char c : input) {
    if (c <= ' ' || c > '~') {
      return false;  // the parser of requests lets no such target through
    }
  }
  check_query(input);
  check_cursor(input);
  check_route(input);
  return true;
}

}  // namespace hearth::fuzz
