// The job of the fault tests: e2e_fault_job LOGS RUN_MS OUT_BYTES ERR_BYTES FAIL_FIRST CHILD
//
// Appends a line to LOGS/<job id> when it starts and one when it ends, each with one write, so that
// the file tells what really ran whatever was killed meanwhile:
//   start ATTEMPT MONOTONIC_NS WALL_MS FOLDER
//   end ATTEMPT MONOTONIC_NS CODE
// Between them it writes its output (job_output.h) in pieces spread over RUN_MS. It exits with 3 in
// its first FAIL_FIRST attempts and with 0 after them. With CHILD 1 it leaves a process in a
// session of its own behind that ignores what can be ignored.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <string>

#include "tests/e2e/job_output.h"

namespace {

constexpr int kArguments = 7;
constexpr int kPieces = 4;
constexpr int kFailure = 3;
constexpr int kBroken = 99;

std::int64_t clock_ns(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) {
      ::_exit(kBroken);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void note(const std::string& path, const std::string& line) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    ::_exit(kBroken);
  }
  ::close(fd);
}

std::string_view piece(const std::string& bytes, int index) {
  const std::size_t size = (bytes.size() + kPieces - 1) / kPieces;
  const std::size_t start = std::min(bytes.size(), size * static_cast<std::size_t>(index));
  return std::string_view(bytes).substr(start, size);
}

void leave_child() {
  if (::fork() == 0) {
    ::setsid();
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
      ::signal(number, SIG_IGN);
    }
    for (;;) {
      ::pause();
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != kArguments) {
    return kBroken;
  }
  const std::string job = variable("HEARTH_JOB_ID");
  const std::string attempt = variable("HEARTH_ATTEMPT");
  const std::string log = std::string(arguments[1]) + "/" + job;
  const int run_ms = std::atoi(arguments[2]);
  const std::int64_t number = std::atoll(attempt.c_str());
  note(log, "start " + attempt + " " + std::to_string(clock_ns(CLOCK_MONOTONIC)) + " " +
                std::to_string(clock_ns(CLOCK_REALTIME) / 1'000'000) + " " + variable("TMPDIR") +
                "\n");
  const std::string out = hearth::e2e::job_output(job, number, "stdout", std::atoll(arguments[3]));
  const std::string err = hearth::e2e::job_output(job, number, "stderr", std::atoll(arguments[4]));
  if (std::atoi(arguments[6]) == 1) {
    leave_child();
  }
  for (int i = 0; i < kPieces; ++i) {
    write_all(STDOUT_FILENO, piece(out, i));
    write_all(STDERR_FILENO, piece(err, i));
    ::poll(nullptr, 0, run_ms / kPieces);
  }
  const int code = number <= std::atoi(arguments[5]) ? kFailure : 0;
  note(log, "end " + attempt + " " + std::to_string(clock_ns(CLOCK_MONOTONIC)) + " " +
                std::to_string(code) + "\n");
  return code;
}
