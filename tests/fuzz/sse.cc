// client::SseParser, and that what the server writes as one event is read as that event.
#include "front/rest/sse.h"

#include <algorithm>
#include <string>

#include "client/sse_parser.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

std::string story_of(const Pieces& pieces, std::size_t bytes_max) {
  client::SseParser parser(bytes_max);
  std::vector<client::SseEvent> events;
  bool is_fine = true;
  for (const std::string_view piece : pieces) {
    const bool is_fed = parser.feed(piece, events).has_value();
    HEARTH_CHECK(is_fine || !is_fed, "what was too long stays so");
    is_fine = is_fed;
  }
  std::string story = is_fine ? "" : "too long ";
  story += parser.last_id() + " " + std::to_string(parser.retry_ms().value_or(-1));
  for (const auto& [id, event, data] : events) {
    HEARTH_CHECK(!event.empty(), "an event has a name");
    HEARTH_CHECK(id.size() <= bytes_max && event.size() <= std::max<std::size_t>(bytes_max, 7) &&
                     data.size() <= bytes_max,
                 "an event is longer than the most");
    story += "\n[" + id + "][" + event + "][" + data + "]";
  }
  return story;
}

bool holds_line_end(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

void check_written(std::string_view input) {
  const std::size_t half = input.size() / 2;
  const std::string_view id = input.substr(0, half / 2);
  const std::string_view name = input.substr(half / 2, half - half / 2);
  const std::string_view data = input.substr(half);
  if (holds_line_end(input) || id.empty() || name.empty() || id.front() == ' ' ||
      name.front() == ' ' || data.starts_with(' ') || id.find('\0') != std::string_view::npos) {
    return;  // the server writes no such ones
  }
  std::string text(rest::kSseRetry);
  text += rest::kSseComment;
  rest::append_sse(text, name, id, data);
  client::SseParser parser;
  std::vector<client::SseEvent> events;
  const bool is_fed = parser.feed(text, events).has_value();
  HEARTH_CHECK(is_fed && events.size() == 1 && events[0].id == id && events[0].event == name &&
                   events[0].data == data && parser.retry_ms() == 1'000,
               "an event is read otherwise than written");
}

}  // namespace

bool run(std::string_view input) {
  constexpr std::size_t kFew = 16;
  for (const std::size_t bytes_max : {client::SseParser::kBytesMax, kFew}) {
    const std::string whole = story_of({input}, bytes_max);
    check_same(whole, story_of(cut_into_bytes(input), bytes_max));
    check_same(whole, story_of(cut_at_random(input), bytes_max));
  }
  check_written(input);
  return true;
}

}  // namespace hearth::fuzz
