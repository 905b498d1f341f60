// Server-sent events as text.
#pragma once

#include <string>
#include <string_view>

namespace hearth::rest {

inline constexpr std::string_view kSseComment = ":\n\n";
// How long a client waits before it connects again, in milliseconds.
inline constexpr std::string_view kSseRetry = "retry: 1000\n\n";

// `data` must hold no line end (JSON as we write it holds none). An empty id leaves the client's
// last one as it is.
inline void append_sse(std::string& out, std::string_view event, std::string_view id,
                       std::string_view data) {
  out += "event: ";
  out += event;
  if (!id.empty()) {
    out += "\nid: ";
    out += id;
  }
  out += "\ndata: ";
  out += data;
  out += "\n\n";
}

}  // namespace hearth::rest
