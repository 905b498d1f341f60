#include "net/address_count.h"

namespace hearth::net {

namespace {

// No IPv6 client has a multicast address, so this prefix is free for IPv4.
constexpr AddressCount::Key kIpv4Prefix = 0xffff'ffff'0000'0000U;
constexpr std::size_t kIpv6PrefixBytes = 8;

}  // namespace

AddressCount::Key AddressCount::key_of(const boost::asio::ip::address& address) {
  if (address.is_v4()) {
    return kIpv4Prefix | address.to_v4().to_uint();
  }
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    return kIpv4Prefix | boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_uint();
  }
  Key key = 0;
  const auto bytes = v6.to_bytes();
  for (std::size_t i = 0; i < kIpv6PrefixBytes; ++i) {
    key = key << 8U | bytes.at(i);
  }
  return key == kNobody ? 1 : key;
}

bool AddressCount::add(Key key, std::int64_t most) {
  if (key == kNobody) {
    return true;
  }
  const MutexLock lock(mutex_);
  std::int64_t& held = held_[key];
  if (held >= most) {
    return false;
  }
  ++held;
  return true;
}

void AddressCount::remove(Key key) {
  if (key == kNobody) {
    return;
  }
  const MutexLock lock(mutex_);
  const auto found = held_.find(key);
  if (found != held_.end() && --found->second <= 0) {
    held_.erase(found);
  }
}

}  // namespace hearth::net
