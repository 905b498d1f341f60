#include "api/turn.h"

#include <type_traits>

namespace hearth::api {

void answer_error(const ReplySink& sink, const Error& error) {
  std::visit(
      [&error](const auto& waiting) {
        using Kind = std::decay_t<decltype(waiting)>;
        if constexpr (std::is_same_v<Kind, CancelSink> || std::is_same_v<Kind, ExplainSink>) {
          waiting.done(error);
        } else if constexpr (!std::is_same_v<Kind, std::monostate>) {
          waiting(error);
        }
      },
      sink);
}

void answer_error(Turn& turn, const Error& error) {
  for (const auto& [token, sink] : turn.replies) {
    answer_error(sink, error);
  }
  turn.replies.clear();
}

}  // namespace hearth::api
