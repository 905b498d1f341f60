#include "apps/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace hearth::apps {

Result<SignalFd> SignalFd::block(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : signals) {
    ::sigaddset(&set, number);
  }
  if (const int failed = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); failed != 0) {
    return system_error("block signals", failed);
  }
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) {
    return system_error("make a signal descriptor", errno);
  }
  return SignalFd(std::move(fd));
}

int SignalFd::wait() const {
  for (;;) {
    pollfd ready{fd_.get(), POLLIN, 0};
    ::poll(&ready, 1, -1);
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
      return static_cast<int>(info.ssi_signo);
    }
  }
}

}  // namespace hearth::apps
