// A terminal taken over for a while: raw keys, the alternate screen, signals as input. Given back
// as it was when this is destroyed, which signals that end programs lead to.
#pragma once

#include <termios.h>

#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cli/session.h"
#include "cli/styled_text.h"
#include "cli/top_view.h"

namespace hearth::cli {

class TerminalScreen {
 public:
  struct Input {
    std::string bytes;     // typed
    int end_signal = 0;    // the program is to end: SIGINT, SIGTERM, SIGHUP or SIGQUIT
    bool suspend = false;  // SIGTSTP
    bool changed = false;  // another size, or come back from being stopped
    bool closed = false;   // nobody types any more
  };

  // `terminal.out_fd` is a terminal. Keys are read when in_fd is one too.
  static Result<TerminalScreen> take(const Terminal& terminal);
  TerminalScreen(TerminalScreen&& other) noexcept;
  TerminalScreen& operator=(TerminalScreen&&) = delete;
  ~TerminalScreen();

  // Readable while there is input.
  [[nodiscard]] int input_fd() const { return epoll_.get(); }
  // Waits until there is some or `timeout` passed.
  void wait(Duration timeout) const;
  Input read_input();

  [[nodiscard]] ScreenSize size() const;
  void paint(const std::vector<StyledLine>& lines, ScreenSize size);
  // The next paint starts from an empty screen.
  void forget() { is_clear_ = false; }
  // Gives the terminal back, stops this process until it is continued, and takes the terminal
  // again.
  void suspend();

 private:
  explicit TerminalScreen(const Terminal& terminal) : terminal_(terminal) {}
  Result<> watch();
  void enter();
  void leave();
  void write(std::string_view text) const;

  Terminal terminal_;
  bool has_keys_ = false;
  bool is_taken_ = false;
  bool is_clear_ = false;
  termios before_{};
  sigset_t mask_before_{};
  bool is_masked_ = false;
  UniqueFd signals_;
  UniqueFd epoll_;
};

}  // namespace hearth::cli
