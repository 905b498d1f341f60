// net::RequestParser as a connection drives it: requests one behind the other, in any pieces.
#include <memory>
#include <string>
#include <utility>

#include "fuzz.h"
#include "net/http_message.h"
#include "net/request_parser.h"

namespace hearth::fuzz {
namespace {

using net::RequestParser;

constexpr std::int64_t kHeaderMax = 1'024;
constexpr std::int64_t kBodyMax = 256;
constexpr std::size_t kUnparsedMax = 4'096;
constexpr std::string_view kRefused = "refused ";
constexpr std::string_view kInHead = "within a head";

void check_request(const net::Request& request) {
  std::size_t header_bytes = 0;
  for (const auto& [name, value] : request.headers) {
    HEARTH_CHECK(!name.empty() && name == net::to_lower(name), "a field's name is lower case");
    HEARTH_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
                 "a field's value holds no line end");
    header_bytes += name.size() + value.size();
  }
  HEARTH_CHECK(header_bytes <= kHeaderMax, "a head is larger than its bound");
  HEARTH_CHECK(static_cast<std::int64_t>(request.body.size()) <= kBodyMax,
               "a body is larger than its bound");
  HEARTH_CHECK(
      request.target == request.path + (request.target == request.path ? "" : "?") + request.query,
      "path and query are the target");
  HEARTH_CHECK(request.version == 10 || request.version == 11, "a version we do not speak");
}

void add(std::string& story, const net::Request& request, bool keep_alive) {
  story += request.method + " " + request.target + " " + std::to_string(request.version);
  story += keep_alive ? " keep\n" : " close\n";
  for (const auto& [name, value] : request.headers) {
    story += name + "=" + value + "\n";
  }
  story += std::to_string(request.body.size()) + " " + request.body + "\n";
}

// All that a connection would see of these pieces.
std::string story_of(const Pieces& pieces) {
  std::string story;
  std::string unparsed;
  auto parser = std::make_unique<RequestParser>(kHeaderMax);
  bool planned = false;
  bool begun = false;  // some of the request has been used
  for (const std::string_view piece : pieces) {
    unparsed += piece;
    for (bool more = true; more && !unparsed.empty();) {
      const auto used = parser->parse(unparsed);
      if (!used) {
        check_says_why(used.error());
        HEARTH_CHECK(parser->http_status() >= 400, "a refusal has its status");
        return story + std::string(kRefused) + std::to_string(parser->http_status()) +
               used.error().message;
      }
      HEARTH_CHECK(*used <= unparsed.size(), "more was used than there is");
      unparsed.erase(0, *used);
      more = *used > 0;
      begun = begun || more;
      if (!planned && parser->state() != RequestParser::State::Head) {
        planned = true;
        more = true;
        if (auto plan = parser->plan_body(kBodyMax, "body_max", nullptr); !plan) {
          check_says_why(plan.error());
          return story + "too large " + std::to_string(parser->http_status());
        }
      }
      if (parser->state() == RequestParser::State::Done) {
        check_request(parser->request());
        add(story, parser->request(), parser->keep_alive());
        parser = std::make_unique<RequestParser>(kHeaderMax);
        planned = false;
        begun = false;
        more = true;
      }
    }
    if (unparsed.size() > kUnparsedMax) {
      return story + "unparsed";  // where a connection gives up depends on the pieces
    }
  }
  const bool in_head =
      parser->state() == RequestParser::State::Head && (begun || !unparsed.empty());
  return story + (in_head ? std::string(kInHead) : "");
}

// A head that came in pieces is looked at when it is whole; one that is broken and not whole may be
// refused or still waited for. What was understood before must be the same.
void check_alike(const std::string& whole, const std::string& in_pieces) {
  for (const auto& [waits, other] : {std::pair(whole, in_pieces), std::pair(in_pieces, whole)}) {
    if (waits.ends_with(kInHead)) {
      const std::string before = waits.substr(0, waits.size() - kInHead.size());
      if (other.starts_with(before + std::string(kRefused))) {
        return;
      }
    }
  }
  check_same(whole, in_pieces);
}

}  // namespace

bool run(std::string_view input) {
  const std::string whole = story_of({input});
  if (whole.ends_with("unparsed")) {
    return true;
  }
  check_alike(whole, story_of(cut_into_bytes(input)));
  check_alike(whole, story_of(cut_at_random(input)));
  return true;
}

}  // namespace hearth::fuzz
