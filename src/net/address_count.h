// How many connections each client address holds, so that one of them cannot take all there are.
// Thread-safe: connections are accepted on one thread and end on theirs.
#pragma once

#include <cstdint>
#include <unordered_map>

#include <boost/asio/ip/address.hpp>

#include "base/mutex.h"

namespace hearth::net {

class AddressCount {
 public:
  // An IPv4 address, or the /64 that one IPv6 client has all addresses of; kNobody is not counted.
  using Key = std::uint64_t;
  static constexpr Key kNobody = 0;

  static Key key_of(const boost::asio::ip::address& address);

  // False when `key` holds `most` already.
  bool add(Key key, std::int64_t most);
  void remove(Key key);

 private:
  Mutex mutex_;
  std::unordered_map<Key, std::int64_t> held_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::net
