// A program on a terminal of its own: what it shows is a screen, what is typed are keys. The screen
// knows the escape sequences that `hearth top` uses and fails the test on any other.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"

namespace hearth::harness {

class PtyScreen {
 public:
  PtyScreen(std::size_t columns, std::size_t rows);
  void feed(const std::string& bytes);
  void resize(std::size_t columns, std::size_t rows);

  // The screen that is shown: rows without the blanks at their ends.
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_alternate() const { return alternate_; }
  [[nodiscard]] bool has_cursor() const { return cursor_shown_; }
  [[nodiscard]] bool wraps() const { return wraps_; }
  // Something was written past the last column or row.
  [[nodiscard]] bool was_left() const { return was_left_; }

 private:
  struct Page {
    std::vector<std::string> cells;  // characters of each row, one byte each
    std::size_t row = 0;
    std::size_t column = 0;
  };
  Page& page() { return alternate_ ? pages_[1] : pages_[0]; }
  void clear(Page& page) const;
  void put(char c);
  void obey(const std::string& sequence);
  void set_mode(const std::string& mode, bool on);

  std::size_t columns_;
  std::size_t rows_;
  Page pages_[2];
  std::string pending_;
  bool alternate_ = false;
  bool cursor_shown_ = true;
  bool wraps_ = true;
  bool was_left_ = false;
};

class PtyProgram {
 public:
  PtyProgram(std::vector<std::string> command, std::map<std::string, std::string> environment,
             std::size_t columns = 80, std::size_t rows = 24);
  // Kills it if it still runs.
  ~PtyProgram();
  PtyProgram(const PtyProgram&) = delete;
  PtyProgram& operator=(const PtyProgram&) = delete;

  void type(const std::string& keys);
  void resize(std::size_t columns, std::size_t rows);
  void signal(int number) const;
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Waits until `wanted` holds for the screen; fails the test (and shows the screen) otherwise.
  bool wait_for(const std::function<bool(const PtyScreen&)>& wanted, const std::string& what,
                Duration patience = std::chrono::seconds(60));
  bool wait_for_text(const std::string& text);
  bool wait_without_text(const std::string& text);
  // The line of the screen that holds `part`, in words; waits for it.
  std::vector<std::string> wait_for_line(const std::string& part);
  // Waits until it has ended; its status as waitpid tells it.
  int wait_ended(Duration patience = std::chrono::seconds(60));

  [[nodiscard]] const PtyScreen& screen() const { return screen_; }
  [[nodiscard]] termios mode() const;  // of the terminal now
  [[nodiscard]] const termios& first_mode() const { return first_mode_; }

 private:
  // What arrives until then.
  void read_until(std::int64_t deadline_ns);

  pid_t pid_ = -1;
  UniqueFd controller_;  // the test's side
  UniqueFd terminal_;    // the program's; held, so that its mode can be asked for afterwards
  UniqueFd pidfd_;
  termios first_mode_{};
  PtyScreen screen_;
  int status_ = 0;
  bool reaped_ = false;
};

// The line in words.
std::vector<std::string> words(const std::string& line);

}  // namespace hearth::harness
