// A real program under test: started with pipes, read line by line, signalled, and always ended,
// also when the test crashes: the kernel kills it with the thread that started it.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"

namespace hearth::harness {

struct Exit {
  int code = -1;    // of an exit
  int signal = 0;   // of a kill
  std::string out;  // all that was written to stdout
  std::string err;
};

// stdout and stderr go to files, so that a program never blocks on a test that does not read.
class Program {
 public:
  struct Options {
    std::map<std::string, std::string> environment;
    std::string stdin_bytes;
    std::string directory;  // working directory; empty: the test's
  };

  Program(const std::string& scratch, std::vector<std::string> command, Options options);
  // Kills it (and reaps it) if it still runs.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;
  // Waits until it ended; fails the test (and kills it) when that takes longer than `patience`.
  Exit wait(Duration patience = std::chrono::seconds(60));
  // Waits for a whole line of stdout that starts with `prefix` and returns it; "" (and a failed
  // test) when the program ends or `patience` passes before.
  std::string wait_for_line(const std::string& prefix,
                            Duration patience = std::chrono::seconds(60));
  // The same for any text on stderr or stdout.
  bool wait_for_text(const std::string& text, Duration patience = std::chrono::seconds(60));

  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

 private:
  bool reap(bool block_until_deadline, std::int64_t deadline_ns);
  // Waits until the files may have grown or the deadline passes.
  void wait_for_growth(std::int64_t deadline_ns);

  std::string out_path_;
  std::string err_path_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd inotify_;
  int status_ = 0;
  bool reaped_ = false;
};

}  // namespace hearth::harness
