// Runs a small program of the system and takes its output, within a time and a size.
//
// It runs in a process group of its own, which is killed as a whole at the end. One that cannot
// even be killed (it hangs within the kernel) is left behind and no other is started until it is
// gone. For programs that answer a question about the machine; jobs are the launcher's.
//
// run() on one thread at a time; cancel() on any.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace hearth::agent {

struct CommandAnswer {
  int exit_code = 0;  // 128 + N for signal N
  std::string output;
};

class CommandRunner {
 public:
  struct Options {
    Duration deadline{};
    std::int64_t output_bytes_max = 0;
  };
  // `clock` outlives the runner.
  static Result<std::unique_ptr<CommandRunner>> create(Clock& clock, Options options);
  ~CommandRunner();
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  // Standard output; standard input and error are /dev/null, the environment is PATH and LANG.
  // NotFound when there is no such program, DeadlineExceeded, ResourceExhausted for an output
  // beyond the bound, Cancelled, Unavailable while one before does not die.
  Result<CommandAnswer> run(const std::vector<std::string>& command);
  // Now and for ever.
  void cancel();

 private:
  struct Child {
    pid_t pid = -1;
    UniqueFd pid_fd;
    UniqueFd output;
  };
  CommandRunner(Clock& clock, Options options, UniqueFd cancel_fd);
  Result<Child> start(const std::vector<std::string>& command) const;
  Result<> collect(const Child& child, std::string& output) const;
  Result<bool> take_output(const Child& child, std::string& output) const;
  Result<int> end(const Child& child);

  Clock& clock_;
  const Options options_;
  UniqueFd cancel_fd_;
  pid_t undead_ = -1;
};

}  // namespace hearth::agent
