#include "cli/top_keys.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "cli/cell_text.h"

namespace hearth::cli {

namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kSequenceBytesMax = 16;
constexpr std::size_t kFilterBytesMax = 200;
// Rows that there never are, so that the end is wherever it is.
constexpr std::size_t kEndOfAll = 1'000'000'000;

struct Sequence {
  std::string_view bytes;  // after ESC
  KeyKind kind;
};
constexpr std::array kSequences = {
    Sequence{"[A", KeyKind::Up},      Sequence{"OA", KeyKind::Up},
    Sequence{"[B", KeyKind::Down},    Sequence{"OB", KeyKind::Down},
    Sequence{"[5~", KeyKind::PageUp}, Sequence{"[6~", KeyKind::PageDown},
    Sequence{"[H", KeyKind::Home},    Sequence{"OH", KeyKind::Home},
    Sequence{"[1~", KeyKind::Home},   Sequence{"[7~", KeyKind::Home},
    Sequence{"[F", KeyKind::End},     Sequence{"OF", KeyKind::End},
    Sequence{"[4~", KeyKind::End},    Sequence{"[8~", KeyKind::End},
    Sequence{"[Z", KeyKind::BackTab},
};

std::optional<KeyKind> control_key(char c) {
  switch (c) {
    case '\r':
    case '\n':
      return KeyKind::Enter;
    case '\t':
      return KeyKind::Tab;
    case '\x03':
      return KeyKind::Interrupt;
    case '\x08':
    case '\x7f':
      return KeyKind::Backspace;
    case '\x0c':
      return KeyKind::Redraw;
    case '\x15':
      return KeyKind::EraseAll;
    case '\x1a':
      return KeyKind::Suspend;
    default:
      return std::nullopt;
  }
}

// Bytes of the sequence that starts with ESC, 0 while it is not whole.
std::size_t sequence_size(std::string_view bytes) {
  if (bytes.size() < 2) {
    return 0;
  }
  if (bytes[1] != '[' && bytes[1] != 'O') {
    return 1;  // ESC itself, and what follows is another key
  }
  for (std::size_t i = 2; i < std::min(bytes.size(), kSequenceBytesMax); ++i) {
    if (bytes[i] >= '@' && bytes[i] <= '~') {
      return i + 1;
    }
  }
  return bytes.size() < kSequenceBytesMax ? 0 : kSequenceBytesMax;
}

std::size_t character_size(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

void erase_last(std::string& text) {
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.back());
    text.pop_back();
    if ((byte & 0xC0) != 0x80) {
      return;
    }
  }
}

void edit(TopView& view, const Key& key) {
  std::string& filter = view.order.filter;
  switch (key.kind) {
    case KeyKind::Text:
      if (filter.size() + key.text.size() <= kFilterBytesMax) {
        filter += key.text;
      }
      break;
    case KeyKind::Backspace:
      erase_last(filter);
      break;
    case KeyKind::EraseAll:
      filter.clear();
      break;
    case KeyKind::Escape:
      filter.clear();
      view.is_editing = false;
      break;
    case KeyKind::Enter:
      view.is_editing = false;
      break;
    default:
      return;
  }
  view.scroll = 0;
}

void show_part(TopView& view, std::optional<TopPart> part) {
  view.part = part;
  view.scroll = 0;
}

// All, then each part alone, then all again.
void turn_part(TopView& view, int step) {
  constexpr int kStops = static_cast<int>(kTopParts) + 1;
  const int at = view.part ? static_cast<int>(*view.part) + 1 : 0;
  const int next = (at + step + kStops) % kStops;
  show_part(view, next == 0 ? std::nullopt : std::optional(static_cast<TopPart>(next - 1)));
}

std::optional<TopSort> sort_of(char c) {
  constexpr std::string_view kKeys = "cmiun";
  const std::size_t at = kKeys.find(c);
  return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<TopSort>(at));
}

TopAction press_text(TopView& view, char c) {
  if (const auto sort = sort_of(c)) {
    view.order.reversed = false;
    view.order.sort = *sort;
    view.scroll = 0;
    return TopAction::None;
  }
  if (c >= '1' && c <= '5') {
    show_part(view, static_cast<TopPart>(c - '1'));
    return TopAction::None;
  }
  switch (c) {
    case 'q':
      return TopAction::Leave;
    case 'r':
      view.order.reversed = !view.order.reversed;
      break;
    case '/':
      view.is_editing = true;
      break;
    case '0':
      show_part(view, std::nullopt);
      break;
    case ' ':
      view.is_paused = !view.is_paused;
      break;
    case '?':
    case 'h':
      view.is_help = true;
      break;
    default:
      break;
  }
  return TopAction::None;
}

void scroll(TopView& view, KeyKind kind, std::size_t page) {
  const auto up = [&view](std::size_t rows) { view.scroll -= std::min(view.scroll, rows); };
  switch (kind) {
    case KeyKind::Up:
      up(1);
      break;
    case KeyKind::Down:
      view.scroll += 1;
      break;
    case KeyKind::PageUp:
      up(page);
      break;
    case KeyKind::PageDown:
      view.scroll += page;
      break;
    case KeyKind::Home:
      view.scroll = 0;
      break;
    case KeyKind::End:
      view.scroll = kEndOfAll;
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<Key> KeyDecoder::feed(std::string_view bytes) {
  pending_ += bytes;
  std::vector<Key> keys;
  while (!pending_.empty()) {
    const char c = pending_.front();
    std::size_t size = 1;
    if (c == kEscape) {
      size = sequence_size(pending_);
      if (size == 0) {
        return keys;
      }
      const std::string_view rest = std::string_view(pending_).substr(1, size - 1);
      if (rest.empty()) {
        keys.push_back({KeyKind::Escape, {}});
      }
      for (const Sequence& known : kSequences) {
        if (known.bytes == rest) {
          keys.push_back({known.kind, {}});
        }
      }
    } else if (const auto control = control_key(c)) {
      keys.push_back({*control, {}});
    } else if (static_cast<unsigned char>(c) >= ' ') {
      size = character_size(c);
      if (pending_.size() < size) {
        return keys;
      }
      keys.push_back({KeyKind::Text, printable(pending_.substr(0, size))});
    }
    pending_.erase(0, size);
  }
  return keys;
}

std::vector<Key> KeyDecoder::flush() {
  const bool is_escape = !pending_.empty() && pending_.front() == kEscape;
  pending_.clear();
  return is_escape ? std::vector<Key>{{KeyKind::Escape, {}}} : std::vector<Key>{};
}

TopAction press(TopView& view, const Key& key, std::size_t page) {
  if (key.kind == KeyKind::Interrupt) {
    return TopAction::Leave;
  }
  if (key.kind == KeyKind::Suspend) {
    return TopAction::Suspend;
  }
  if (key.kind == KeyKind::Redraw) {
    return TopAction::Redraw;
  }
  if (view.is_editing) {
    edit(view, key);
    return TopAction::None;
  }
  if (view.is_help) {
    view.is_help = false;
    return key.text == "q" ? TopAction::Leave : TopAction::None;
  }
  switch (key.kind) {
    case KeyKind::Text:
      return press_text(view, key.text.size() == 1 ? key.text.front() : '\0');
    case KeyKind::Tab:
      turn_part(view, 1);
      break;
    case KeyKind::BackTab:
      turn_part(view, -1);
      break;
    case KeyKind::Escape:
      view.order.filter.clear();
      break;
    default:
      scroll(view, key.kind, page);
      break;
  }
  return TopAction::None;
}

}  // namespace hearth::cli
