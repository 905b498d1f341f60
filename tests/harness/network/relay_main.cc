// A bad line between two network namespaces: what comes out of a TUN device in one is written to
// one in the other, late, twice, in another order or never.
//
//   harness_network_relay NAMESPACE DEVICE NAMESPACE DEVICE SEED MIN MAX REORDER DUPLICATE DROP
//
// A namespace is a file such as /proc/PID/ns/net; the devices exist. Prints "relay ready".
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "base/unique_fd.h"
#include "tests/harness/network/packet_fates.h"

namespace hearth::harness {
namespace {

using Instant = PacketFates::Instant;

constexpr std::size_t kPacketBytesMax = 65'536;
// A line that is full loses what comes.
constexpr std::size_t kPacketsWaitingMax = 10'000;

void fail(const char* what) {
  std::fprintf(stderr, "relay: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

UniqueFd open_tun(const char* network, const char* device) {
  const UniqueFd where(::open(network, O_RDONLY | O_CLOEXEC));
  if (!where.valid() || ::setns(where.get(), CLONE_NEWNET) != 0) {
    fail(network);
  }
  UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
  if (!tun.valid() || ::ioctl(tun.get(), TUNSETIFF, &request) != 0) {
    fail(device);
  }
  return tun;
}

class Direction {
 public:
  Direction(int from, int to, const LineFaults& faults, std::uint64_t seed)
      : from_(from), to_(to), fates_(faults, seed) {}

  [[nodiscard]] int from() const { return from_; }

  void take() {
    std::array<char, kPacketBytesMax> bytes;
    for (;;) {
      const ssize_t size = ::read(from_, bytes.data(), bytes.size());
      if (size <= 0) {
        return;
      }
      for (const Instant due : fates_.next(std::chrono::steady_clock::now())) {
        if (waiting_.size() < kPacketsWaitingMax) {
          waiting_.emplace(due, std::string(bytes.data(), static_cast<std::size_t>(size)));
        }
      }
    }
  }

  void deliver(Instant now) {
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
      const std::string& packet = waiting_.begin()->second;
      // One that the kernel does not take now is one more that got lost.
      [[maybe_unused]] const ssize_t written = ::write(to_, packet.data(), packet.size());
      waiting_.erase(waiting_.begin());
    }
  }

  [[nodiscard]] Instant next() const {
    return waiting_.empty() ? Instant::max() : waiting_.begin()->first;
  }

 private:
  int from_;
  int to_;
  PacketFates fates_;
  std::multimap<Instant, std::string> waiting_;
};

int milliseconds_until(Instant due) {
  if (due == Instant::max()) {
    return -1;
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

[[noreturn]] void relay(Direction there, Direction back) {
  for (;;) {
    std::array<pollfd, 2> ready{pollfd{there.from(), POLLIN, 0}, pollfd{back.from(), POLLIN, 0}};
    ::poll(ready.data(), ready.size(), milliseconds_until(std::min(there.next(), back.next())));
    for (Direction* direction : {&there, &back}) {
      direction->take();
      direction->deliver(std::chrono::steady_clock::now());
    }
  }
}

}  // namespace
}  // namespace hearth::harness

int main(int argc, char** argv) {
  using hearth::harness::Direction;
  using hearth::harness::LineFaults;
  using hearth::harness::open_tun;
  if (argc != 11) {
    std::fputs("relay: wrong number of arguments\n", stderr);
    return 2;
  }
  const auto number = [argv](int at) { return std::atoi(argv[at]); };
  const LineFaults faults{.delay_min_ms = number(6),
                          .delay_max_ms = number(7),
                          .reorder_percent = number(8),
                          .duplicate_percent = number(9),
                          .drop_percent = number(10)};
  const hearth::UniqueFd one = open_tun(argv[1], argv[2]);
  const hearth::UniqueFd other = open_tun(argv[3], argv[4]);
  const std::uint64_t seed = std::strtoull(argv[5], nullptr, 10);
  std::puts("relay ready");
  std::fflush(stdout);
  hearth::harness::relay(Direction(one.get(), other.get(), faults, seed),
                         Direction(other.get(), one.get(), faults, seed + 1));
}
