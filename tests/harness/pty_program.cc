#include "tests/harness/pty_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

#include "base/clock.h"

namespace hearth::harness {

namespace {

constexpr Duration kLook{50};

std::int64_t now_ns() {
  return SystemClock().monotonic_ns();
}

std::int64_t deadline_in(Duration patience) {
  return now_ns() + std::chrono::nanoseconds(patience).count();
}

int left_ms(std::int64_t deadline_ns) {
  return static_cast<int>(std::max<std::int64_t>((deadline_ns - now_ns()) / 1'000'000, 0));
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

PtyScreen::PtyScreen(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows) {
  clear(pages_[0]);
  clear(pages_[1]);
}

void PtyScreen::clear(Page& page) const {
  page.cells.assign(rows_, std::string(columns_, ' '));
}

void PtyScreen::resize(std::size_t columns, std::size_t rows) {
  columns_ = columns;
  rows_ = rows;
  for (Page& one : pages_) {
    one.cells.resize(rows, std::string(columns, ' '));
    for (std::string& row : one.cells) {
      row.resize(columns, ' ');
    }
    one.row = std::min(one.row, rows - 1);
    one.column = std::min(one.column, columns - 1);
  }
}

void PtyScreen::put(char c) {
  Page& on = page();
  if (c == '\r') {
    on.column = 0;
  } else if (c == '\n') {
    if (on.row + 1 < rows_) {
      ++on.row;
    } else if (alternate_) {
      was_left_ = true;
    } else {
      on.cells.erase(on.cells.begin());
      on.cells.emplace_back(columns_, ' ');
    }
  } else if (on.column < columns_) {
    on.cells[on.row][on.column++] = c;
  } else {
    was_left_ = was_left_ || alternate_;
  }
}

void PtyScreen::set_mode(const std::string& mode, bool on) {
  if (mode == "?1049") {
    alternate_ = on;
    if (on) {
      clear(pages_[1]);
    }
  } else if (mode == "?25") {
    cursor_shown_ = on;
  } else if (mode == "?7") {
    wraps_ = on;
  } else if (mode != "?2026") {
    ADD_FAILURE() << "unknown mode " << mode;
  }
}

void PtyScreen::obey(const std::string& sequence) {
  const std::string arguments = sequence.substr(0, sequence.size() - 1);
  Page& on = page();
  switch (sequence.back()) {
    case 'H':
      on.row = 0;
      on.column = 0;
      break;
    case 'J':
      if (arguments == "2") {
        clear(on);
        was_left_ = false;  // of the size before
        break;
      }
      for (std::size_t row = on.row + 1; row < rows_; ++row) {
        on.cells[row].assign(columns_, ' ');
      }
      [[fallthrough]];
    case 'K':
      std::fill(on.cells[on.row].begin() + static_cast<std::ptrdiff_t>(on.column),
                on.cells[on.row].end(), ' ');
      break;
    case 'h':
    case 'l':
      set_mode(arguments, sequence.back() == 'h');
      break;
    case 'm':
      break;
    default:
      ADD_FAILURE() << "unknown sequence " << sequence;
  }
}

void PtyScreen::feed(const std::string& bytes) {
  pending_ += bytes;
  std::size_t at = 0;
  while (at < pending_.size()) {
    if (pending_[at] != '\x1b') {
      put(pending_[at++]);
      continue;
    }
    const std::size_t end =
        pending_.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", at + 2);
    if (end == std::string::npos) {
      break;
    }
    obey(pending_.substr(at + 2, end - at - 1));
    at = end + 1;
  }
  pending_.erase(0, at);
}

std::vector<std::string> PtyScreen::lines() const {
  std::vector<std::string> lines = pages_[alternate_ ? 1 : 0].cells;
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
  }
  return lines;
}

std::string PtyScreen::text() const {
  std::string text;
  for (const std::string& line : lines()) {
    text += line + "\n";
  }
  return text;
}

PtyProgram::PtyProgram(std::vector<std::string> command,
                       std::map<std::string, std::string> environment, std::size_t columns,
                       std::size_t rows)
    : screen_(columns, rows) {
  environment.emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  environment.emplace("TERM", "xterm-256color");
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) {
    variables.push_back(name + "=" + value);
  }
  auto arguments_of = pointers(command);
  auto variables_of = pointers(variables);
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  int controller = -1;
  int terminal = -1;
  EXPECT_EQ(::openpty(&controller, &terminal, nullptr, nullptr, &size), 0);
  controller_.reset(controller);
  terminal_.reset(terminal);
  ::fcntl(controller, F_SETFD, FD_CLOEXEC);
  EXPECT_EQ(::tcgetattr(terminal, &first_mode_), 0);
  const pid_t test = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    // Between fork and exec, so with bare calls only. Its life hangs on the test's.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == test &&
        ::login_tty(terminal) == 0) {
      ::execvpe(arguments_of[0], arguments_of.data(), variables_of.data());
    }
    ::_exit(127);
  }
  ::fcntl(terminal, F_SETFD, FD_CLOEXEC);
  EXPECT_GT(pid_, 0);
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

PtyProgram::~PtyProgram() {
  if (!reaped_ && pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void PtyProgram::type(const std::string& keys) {
  EXPECT_EQ(::write(controller_.get(), keys.data(), keys.size()),
            static_cast<ssize_t>(keys.size()));
}

void PtyProgram::resize(std::size_t columns, std::size_t rows) {
  screen_.resize(columns, rows);
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  EXPECT_EQ(::ioctl(controller_.get(), TIOCSWINSZ, &size), 0);
}

void PtyProgram::signal(int number) const {
  if (!reaped_) {
    ::kill(pid_, number);
  }
}

termios PtyProgram::mode() const {
  termios mode{};
  EXPECT_EQ(::tcgetattr(terminal_.get(), &mode), 0);
  return mode;
}

void PtyProgram::read_until(std::int64_t deadline_ns) {
  pollfd ready{controller_.get(), POLLIN, 0};
  while (::poll(&ready, 1, left_ms(deadline_ns)) > 0) {
    std::array<char, 64 * 1024> bytes;
    const ssize_t size = ::read(controller_.get(), bytes.data(), bytes.size());
    if (size <= 0) {
      return;
    }
    screen_.feed(std::string(bytes.data(), static_cast<std::size_t>(size)));
    deadline_ns = std::min(deadline_ns, now_ns());  // and what else is there already
  }
}

bool PtyProgram::wait_for(const std::function<bool(const PtyScreen&)>& wanted,
                          const std::string& what, Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  while (!wanted(screen_)) {
    if (left_ms(deadline_ns) == 0) {
      ADD_FAILURE() << "the screen never showed " << what << ":\n" << screen_.text();
      return false;
    }
    read_until(std::min(deadline_ns, deadline_in(std::chrono::seconds(1))));
  }
  return true;
}

bool PtyProgram::wait_for_text(const std::string& text) {
  return wait_for([&text](const PtyScreen& s) { return s.text().find(text) != std::string::npos; },
                  "'" + text + "'");
}

bool PtyProgram::wait_without_text(const std::string& text) {
  return wait_for([&text](const PtyScreen& s) { return s.text().find(text) == std::string::npos; },
                  "itself without '" + text + "'");
}

std::vector<std::string> PtyProgram::wait_for_line(const std::string& part) {
  wait_for_text(part);
  for (const std::string& line : screen_.lines()) {
    if (line.find(part) != std::string::npos) {
      return words(line);
    }
  }
  return {};
}

int PtyProgram::wait_ended(Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  pollfd ended{pidfd_.get(), POLLIN, 0};
  // Its last words are read meanwhile, or it could not write them.
  while (::poll(&ended, 1, 0) == 0 && left_ms(deadline_ns) > 0) {
    read_until(deadline_in(kLook));
  }
  read_until(now_ns());
  if (::waitpid(pid_, &status_, WNOHANG) == pid_) {
    reaped_ = true;
    return status_;
  }
  ADD_FAILURE() << "it still runs; the screen:\n" << screen_.text();
  return -1;
}

}  // namespace hearth::harness
