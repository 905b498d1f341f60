#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {

namespace {

constexpr int kStayMs = 60'000;

}  // namespace

std::string refused(int error) {
  const char* name = ::strerrorname_np(error);
  return std::string("refused ") + (name == nullptr ? std::to_string(error) : name);
}

std::string outcome(long result) {
  return result < 0 ? refused(errno) : "allowed";
}

std::string counted(int error, long count) {
  return error == 0 ? "allowed " + std::to_string(count)
                    : refused(error) + " after " + std::to_string(count);
}

long number(const Arguments& arguments, std::size_t index, long otherwise) {
  const std::string given = text(arguments, index);
  char* end = nullptr;
  const long value = std::strtol(given.c_str(), &end, 10);
  return given.empty() || *end != '\0' ? otherwise : value;
}

std::string text(const Arguments& arguments, std::size_t index) {
  return index < arguments.size() ? arguments[index] : "";
}

void wait_ms(int milliseconds) {
  ::poll(nullptr, 0, milliseconds);
}

void stay() {
  wait_ms(kStayMs);
  ::_exit(0);
}

}  // namespace hearth::attack
