// Output and descriptors that whoever reads them might mistake, or choke on.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr std::size_t kPiece = 65'536;

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string repeat(char fill, std::size_t bytes) {
  const std::string piece(kPiece, fill);
  while (bytes > 0) {
    const std::size_t size = std::min(bytes, piece.size());
    if (!write_whole(STDOUT_FILENO, std::string_view(piece).substr(0, size))) {
      ::_exit(3);
    }
    bytes -= size;
  }
  return "";
}

std::string flood(const Arguments& given) {
  return repeat('y', static_cast<std::size_t>(number(given, 0, 1)) * 1'048'576);
}

std::string tiny_writes(const Arguments& given) {
  const long most = number(given, 0, 1);
  for (long count = 0; count < most; ++count) {
    if (!write_whole(STDOUT_FILENO, "x")) {
      ::_exit(3);
    }
  }
  return "";
}

std::string alternate(const Arguments& given) {
  const long most = number(given, 0, 1);
  for (long count = 0; count < most; ++count) {
    const std::string line = std::to_string(count) + "\n";
    if (!write_whole(STDOUT_FILENO, line) || !write_whole(STDERR_FILENO, line)) {
      ::_exit(3);
    }
  }
  return "";
}

std::string close_early(const Arguments&) {
  ::close(STDOUT_FILENO);
  wait_ms(200);
  [[maybe_unused]] const bool said = write_whole(STDERR_FILENO, "still here\n");
  return "";
}

// What the agent and its launcher say to each other, as far as a job can guess it: ends of other
// jobs, exits, lengths in front.
std::string frames(const Arguments&) {
  std::string all;
  for (std::uint8_t kind = 0; kind < 16; ++kind) {
    for (const std::uint32_t length : {0U, 1U, 64U, 0xffffU, 0x7fff'ffffU, 0xffff'ffffU}) {
      std::array<char, 4> head{};
      std::memcpy(head.data(), &length, sizeof length);
      all += static_cast<char>(kind);
      all.append(head.data(), head.size());
      all.append(32, '\0');
    }
  }
  all += "R\nA\n{\"state\":\"COMPLETED\",\"exitCode\":0}\nevent: end\ndata: {}\n\n\x1b]8;;\x07\n";
  int reached = 0;
  for (int fd = 3; fd < 64; ++fd) {
    reached += ::write(fd, all.data(), all.size()) >= 0 ? 1 : 0;
  }
  [[maybe_unused]] const bool said =
      write_whole(STDOUT_FILENO, all) && write_whole(STDERR_FILENO, all);
  return reached == 0 ? "refused EBADF" : "allowed " + std::to_string(reached);
}

// The pipe is the agent's too: what a job sets on its end must not make the agent wait.
std::string settings_of_pipe(const Arguments&) {
  ::fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 4096);
  ::fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK | O_DIRECT | O_ASYNC);
  ::fcntl(STDOUT_FILENO, F_SETOWN, 1);
  const std::string line(100, 'p');
  for (int i = 0; i < 1'000; ++i) {
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) {
      wait_ms(1);
    }
  }
  return "";
}

// The memory file that its standard input is read from.
std::string change_input(const Arguments&) {
  const std::string more(kPiece, 'i');
  const long grown = ::write(STDIN_FILENO, more.data(), more.size());
  const int error = errno;
  ::ftruncate(STDIN_FILENO, 0);
  return grown < 0 ? refused(error) : "allowed";
}

std::string bytes(const Arguments&) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
  }
  all += "\xed\xa0\x80\xff\xfe\xc0\x80";
  [[maybe_unused]] const bool said = write_whole(STDOUT_FILENO, all);
  return "";
}

std::string count_words(const Arguments& given) {
  std::size_t size = 0;
  for (const std::string& word : given) {
    size += word.size();
  }
  return std::to_string(given.size()) + " " + std::to_string(size);
}

constexpr std::array kTalks = {
    Probe{"flood", flood},
    Probe{"tiny-writes", tiny_writes},
    Probe{"alternate", alternate},
    Probe{"close-early", close_early},
    Probe{"frames", frames},
    Probe{"settings-of-pipe", settings_of_pipe},
    Probe{"change-input", change_input},
    Probe{"bytes", bytes},
    Probe{"count-words", count_words},
};

}  // namespace

std::span<const Probe> talks() {
  return kTalks;
}

}  // namespace hearth::attack
