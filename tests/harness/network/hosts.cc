#include "tests/harness/network/hosts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "tests/harness/cluster.h"

namespace hearth::harness {

namespace {

constexpr int kAll = 100;

UniqueFd current_network() {
  return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

void enter(const UniqueFd& network) {
  HEARTH_CHECK(::setns(network.get(), CLONE_NEWNET) == 0, std::strerror(errno));
}

UniqueFd make_network() {
  const UniqueFd before = current_network();
  HEARTH_CHECK(::unshare(CLONE_NEWNET) == 0, std::strerror(errno));
  UniqueFd made = current_network();
  enter(before);
  return made;
}

// As other processes can open it while this one lives.
std::string path_of(const UniqueFd& network) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(network.get());
}

std::string loss_rule(const std::string& match, const std::string& device, int percent) {
  if (percent == 0) {
    return "";
  }
  const std::string chance =
      percent == kAll ? "" : " numgen random mod 100 < " + std::to_string(percent);
  return "add rule inet faults line " + match + " \"" + device + "\"" + chance + " drop\n";
}

}  // namespace

OnHost::OnHost(const UniqueFd& network) : before_(current_network()) {
  enter(network);
}

OnHost::~OnHost() {
  enter(before_);
}

std::string Network::missing() {
  for (const char* tool : {"ip", "tc", "nft"}) {
    if (!std::filesystem::exists(std::string("/usr/sbin/") + tool) &&
        !std::filesystem::exists(std::string("/sbin/") + tool)) {
      return std::string(tool) + " is not installed (tools/packages.txt)";
    }
  }
  const UniqueFd before = current_network();
  if (::unshare(CLONE_NEWNET) != 0) {
    return std::string("no network namespaces: ") + std::strerror(errno);
  }
  enter(before);
  const UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  return tun.valid() ? "" : std::string("/dev/net/tun: ") + std::strerror(errno);
}

Network::Network(std::string scratch) : scratch_(std::move(scratch)), router_(make_network()) {
  run("ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward");
}

void Network::run(const std::string& script, const std::string& input) const {
  const OnHost here(router_);
  Program::Options options;
  options.stdin_bytes = input;
  const Exit done = Program(scratch_, {"/bin/sh", "-ec", script}, std::move(options)).wait();
  EXPECT_EQ(done.code, 0) << script << "\n" << input << done.err;
}

Host& Network::name_host() {
  Host& host = hosts_.emplace_back();
  const std::string number = std::to_string(hosts_.size());
  host.address = "10.77." + number + ".2";
  host.device = "host" + number;
  host.network = make_network();
  return host;
}

// Both ends of its link exist.
void Network::configure(const Host& host) const {
  const std::string gateway = host.address.substr(0, host.address.rfind('.')) + ".1";
  run("ip addr add " + gateway + "/24 dev " + host.device + " && ip link set " + host.device +
      " up");
  const OnHost there(host);
  const std::string script = "ip link set lo up && ip addr add " + host.address +
                             "/24 dev line && ip link set line up && ip route add default via " +
                             gateway + " dev line onlink";
  const Exit done = Program(scratch_, {"/bin/sh", "-ec", script}, {}).wait();
  EXPECT_EQ(done.code, 0) << script << done.err;
}

void Network::connect(const Host& host) const {
  run("ip link add " + host.device + " type veth peer name line netns " + path_of(host.network));
  configure(host);
}

Host& Network::add_host() {
  Host& host = name_host();
  connect(host);
  return host;
}

void Network::replace(Host& host) {
  run("ip link del " + host.device);
  host.network = make_network();
  connect(host);
}

Host& Network::add_host_behind(const LineFaults& faults, std::uint64_t seed) {
  Host& host = name_host();
  run("ip tuntap add " + host.device + " mode tun");
  {
    const OnHost there(host);
    EXPECT_EQ(Program(scratch_, {"/bin/sh", "-ec", "ip tuntap add line mode tun"}, {}).wait().code,
              0);
  }
  configure(host);
  host.relay = std::make_unique<Program>(
      scratch_,
      std::vector<std::string>{
          program_path("harness_network_relay"), path_of(router_), host.device,
          path_of(host.network), "line", std::to_string(seed), std::to_string(faults.delay_min_ms),
          std::to_string(faults.delay_max_ms), std::to_string(faults.reorder_percent),
          std::to_string(faults.duplicate_percent), std::to_string(faults.drop_percent)},
      Program::Options{});
  EXPECT_EQ(host.relay->wait_for_line("relay ready"), "relay ready");
  return host;
}

void Network::cut(const Host& host) const {
  run("ip link set " + host.device + " down");
}

void Network::mend(const Host& host) const {
  run("ip link set " + host.device + " up");
}

void Network::lose(Host& host, int from_percent, int to_percent) {
  host.lost_from_percent = from_percent;
  host.lost_to_percent = to_percent;
  std::string rules =
      "add table inet faults\nflush table inet faults\n"
      "add chain inet faults line { type filter hook forward priority 0 ; }\n";
  for (const Host& each : hosts_) {
    rules += loss_rule("iifname", each.device, each.lost_from_percent);
    rules += loss_rule("oifname", each.device, each.lost_to_percent);
  }
  run("nft -f -", rules);
}

void Network::limit_rate(const Host& host, int kbit_per_second) const {
  const std::string shaped =
      " root tbf rate " + std::to_string(kbit_per_second) + "kbit burst 4kb latency 500ms";
  run("tc qdisc replace dev " + host.device + shaped);
  const OnHost there(host);
  const Exit done =
      Program(scratch_, {"/bin/sh", "-ec", "tc qdisc replace dev line" + shaped}, {}).wait();
  EXPECT_EQ(done.code, 0) << done.err;
}

// "  device: bytes packets ..."
std::int64_t Network::bytes_from(const Host& host) const {
  const OnHost here(router_);
  std::ifstream in("/proc/self/net/dev");
  for (std::string word; in >> word;) {
    if (word == host.device + ":") {
      std::int64_t bytes = -1;
      in >> bytes;
      return bytes;
    }
  }
  ADD_FAILURE() << "no counter for " << host.device;
  return -1;
}

}  // namespace hearth::harness
