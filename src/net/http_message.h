// One HTTP request and one HTTP response as values, with the text handling every route needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::net {

// Field names are lower case as received or set; values are without surrounding blanks.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

// `path` and `query` are the two halves of `target`, still percent-encoded. `body` is empty when a
// BodySink took it.
struct Request {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  HeaderList headers;
  std::string body;
  std::string peer;  // the client's IP address, without port
  int version = 11;  // 10 or 11
  bool has_body = false;

  // The first of that (lower-case) name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] std::size_t count_header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";  // empty: no Content-Type field
  HeaderList headers;
  std::string body;
  std::string limit = {};  // the one that it refuses for; not sent, but counted
};

std::string_view reason_phrase(int status);

// True for the media type itself, with or without parameters: "application/json; charset=utf-8".
bool is_media_type(std::string_view content_type, std::string_view expected);

// Nullopt for a broken escape or an encoded NUL.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Decoded key=value pairs in order; nullopt when one does not decode.
using QueryList = std::vector<std::pair<std::string, std::string>>;
std::optional<QueryList> parse_query(std::string_view query);

std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Status line and fields, up to and with the empty line. `framing` is the Content-Length or
// Transfer-Encoding field with its line end, or empty. Control characters in values are dropped, so
// that no value can start a field of its own.
void append_head(std::string& out, const Response& response, std::string_view framing,
                 std::string_view date, bool keep_alive);

}  // namespace hearth::net
