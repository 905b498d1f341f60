#include "cli/terminal_screen.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "cli/cell_text.h"

namespace hearth::cli {

namespace {

// Alternate screen, no cursor, no wrapping at the last column.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::string_view kClear = "\x1b[2J";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearToLineEnd = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";
constexpr std::string_view kPlain = "\x1b[0m";
// Terminals that know these show a frame at once; others ignore them.
constexpr std::string_view kBeginFrame = "\x1b[?2026h";
constexpr std::string_view kEndFrame = "\x1b[?2026l";

constexpr ScreenSize kSizeMax{.columns = 1'000, .rows = 500};

std::string_view colour_of(Style style) {
  switch (style) {
    case Style::Plain:
      return "";
    case Style::Strong:
      return "\x1b[1m";
    case Style::Faint:
      return "\x1b[2m";
    case Style::Good:
      return "\x1b[32m";
    case Style::Warning:
      return "\x1b[33m";
    case Style::Bad:
      return "\x1b[31;1m";
    case Style::Heading:
      return "\x1b[4m";
    case Style::Title:
      return "\x1b[7m";
  }
  return "";
}

std::string painted(const StyledLine& line) {
  std::string text;
  for (const Span& span : line) {
    const std::string_view colour = colour_of(span.style);
    text.append(colour).append(span.text);
    if (!colour.empty()) {
      text.append(kPlain);
    }
  }
  return text;
}

}  // namespace

Result<TerminalScreen> TerminalScreen::take(const Terminal& terminal) {
  TerminalScreen screen(terminal);
  screen.has_keys_ = ::isatty(terminal.in_fd) == 1;
  if (screen.has_keys_ && ::tcgetattr(terminal.in_fd, &screen.before_) != 0) {
    return system_error("read the terminal's mode", errno);
  }
  HEARTH_TRY(screen.watch());
  screen.enter();
  return screen;
}

TerminalScreen::TerminalScreen(TerminalScreen&& other) noexcept
    : terminal_(other.terminal_),
      has_keys_(other.has_keys_),
      is_taken_(std::exchange(other.is_taken_, false)),
      is_clear_(other.is_clear_),
      before_(other.before_),
      mask_before_(other.mask_before_),
      is_masked_(std::exchange(other.is_masked_, false)),
      signals_(std::move(other.signals_)),
      epoll_(std::move(other.epoll_)) {}

TerminalScreen::~TerminalScreen() {
  leave();
  if (is_masked_) {
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
}

Result<> TerminalScreen::watch() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH}) {
    ::sigaddset(&set, number);
  }
  if (const int failed = ::pthread_sigmask(SIG_BLOCK, &set, &mask_before_); failed != 0) {
    return system_error("block signals", failed);
  }
  is_masked_ = true;
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!signals_.valid() || !epoll_.valid()) {
    return system_error("make a descriptor for signals", errno);
  }
  for (const int fd : {signals_.get(), terminal_.interrupt_fd, has_keys_ ? terminal_.in_fd : -1}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (fd >= 0 && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return system_error("watch the terminal", errno);
    }
  }
  return {};
}

void TerminalScreen::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(terminal_.out_fd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{terminal_.out_fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return;  // the terminal is gone; reading it says so
    }
  }
}

void TerminalScreen::enter() {
  if (has_keys_) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR | IGNCR | ISTRIP | BRKINT);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(terminal_.in_fd, TCSADRAIN, &raw);
  }
  write(kEnter);
  is_taken_ = true;
  is_clear_ = false;
}

void TerminalScreen::leave() {
  if (!is_taken_) {
    return;
  }
  is_taken_ = false;
  write(kLeave);
  if (has_keys_) {
    ::tcsetattr(terminal_.in_fd, TCSADRAIN, &before_);
  }
}

// As the terminal's own Ctrl-Z does it: the whole job, and not at all when nobody could continue
// it, which the kernel knows.
void TerminalScreen::suspend() {
  leave();
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTSTP);
  ::kill(0, SIGTSTP);
  ::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);  // here it stops, and goes on
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  enter();
}

void TerminalScreen::wait(Duration timeout) const {
  pollfd ready{epoll_.get(), POLLIN, 0};
  ::poll(&ready, 1, static_cast<int>(timeout.count()));
}

TerminalScreen::Input TerminalScreen::read_input() {
  Input input;
  std::array<epoll_event, 4> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  for (int i = 0; i < count; ++i) {
    const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
    if (has_keys_ && fd == terminal_.in_fd) {
      std::array<char, 4096> bytes;
      const ssize_t size = ::read(fd, bytes.data(), bytes.size());
      if (size > 0) {
        input.bytes.append(bytes.data(), static_cast<std::size_t>(size));
      } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
        input.closed = true;
      }
      continue;
    }
    signalfd_siginfo info{};
    while (::read(fd, &info, sizeof(info)) == sizeof(info)) {
      const int number = static_cast<int>(info.ssi_signo);
      if (number == SIGTSTP) {
        input.suspend = true;
      } else if (number == SIGCONT || number == SIGWINCH) {
        input.changed = true;
        if (number == SIGCONT) {
          enter();  // whoever had the terminal meanwhile may have changed its mode
        }
      } else {
        input.end_signal = number;
      }
    }
  }
  return input;
}

ScreenSize TerminalScreen::size() const {
  winsize told{};
  ScreenSize size;
  if (::ioctl(terminal_.out_fd, TIOCGWINSZ, &told) == 0 && told.ws_col > 0 && told.ws_row > 0) {
    size = {.columns = told.ws_col, .rows = told.ws_row};
  }
  return {.columns = std::min(size.columns, kSizeMax.columns),
          .rows = std::min(size.rows, kSizeMax.rows)};
}

void TerminalScreen::paint(const std::vector<StyledLine>& lines, ScreenSize size) {
  std::string frame(kBeginFrame);
  if (!std::exchange(is_clear_, true)) {
    frame += kClear;
  }
  frame += kHome;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    frame += (i == 0 ? "" : "\r\n") + painted(lines[i]);
    // In the last column it would take the character that was just written there.
    if (display_width(plain_text(lines[i])) < size.columns) {
      frame += kClearToLineEnd;
    }
  }
  if (lines.size() < size.rows) {
    frame += kClearBelow;
  }
  frame += kEndFrame;
  write(frame);
}

}  // namespace hearth::cli
