// Where the operator gives sandboxed jobs the machine's network they have TCP, UDP and names, and
// what listens there; not what lies below, and not the machine's abstract sockets, which share the
// namespace.
#include "tests/attack/attack_fixture.h"

namespace hearth::attack {
namespace {

class NetworkOnTest : public AttackTest {};

TEST_F(NetworkOnTest, GivesTcpAndUdpAndNothingBelow) {
  start_hearth({"--sandbox-network"});
  const auto outcomes = run_group([this] {
    std::vector<std::string> words = canaries().arguments(http_port());
    words.insert(words.begin(), "network");
    return words;
  }());
  const std::map<std::string, std::string> expected = {
      {"tcp-canary", "allowed"},
      {"udp-canary", "allowed"},
      {"hearth-itself", "allowed"},  // docs/security.md: such an agent's controller asks for tokens
      {"icmp-raw", "refused EPERM"},
      {"interface", "refused EPERM"},
      {"netlink-route", "allowed"},
      {"netlink-audit", "refused EAFNOSUPPORT"},
      {"netlink-events", "refused EAFNOSUPPORT"},
      {"packet", "refused EAFNOSUPPORT"},
      {"vsock", "refused EAFNOSUPPORT"},
      {"kernel-crypto", "refused EAFNOSUPPORT"},
      {"bluetooth", "refused EAFNOSUPPORT"},
      {"can", "refused EAFNOSUPPORT"},
      {"tipc", "refused EAFNOSUPPORT"},
      {"xdp", "refused EAFNOSUPPORT"},
      {"key-management", "refused EAFNOSUPPORT"},
      {"rds", "refused EAFNOSUPPORT"},
      {"pair-of-inet", "refused EAFNOSUPPORT"},
      {"abstract-socket", "refused EPERM"},
  };
  for (const auto& [name, outcome] : expected) {
    EXPECT_EQ(outcomes.at(name), outcome) << name;
  }
  EXPECT_EQ(canaries().visited(), (std::vector<std::string>{"tcp", "udp", "path"}));
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
