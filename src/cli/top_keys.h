// What is typed into `hearth top`, and what it changes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/top_view.h"

namespace hearth::cli {

enum class KeyKind : std::uint8_t {
  Text,  // one character
  Enter,
  Escape,
  Tab,
  BackTab,
  Backspace,
  EraseAll,  // Ctrl-U
  Up,
  Down,
  PageUp,
  PageDown,
  Home,
  End,
  Interrupt,  // Ctrl-C
  Suspend,    // Ctrl-Z
  Redraw,     // Ctrl-L
};

struct Key {
  KeyKind kind = KeyKind::Text;
  std::string text;

  friend bool operator==(const Key&, const Key&) = default;
};

// Keys out of the bytes that a terminal sends; what belongs together may arrive in parts.
class KeyDecoder {
 public:
  std::vector<Key> feed(std::string_view bytes);
  // Nothing follows at once: an Escape that is still open was that key.
  std::vector<Key> flush();
  [[nodiscard]] bool is_open() const { return !pending_.empty(); }

 private:
  std::string pending_;
};

enum class TopAction : std::uint8_t { None, Leave, Suspend, Redraw };

// `page`: rows that are seen of what is scrolled.
TopAction press(TopView& view, const Key& key, std::size_t page);

}  // namespace hearth::cli
