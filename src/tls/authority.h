// A small certificate authority, for people who have none: enough to put TLS between a controller,
// its agents and its clients in one command (hearth cert).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hearth::tls {

// PEM texts. The key is in PKCS#8 form, without a passphrase.
struct Issued {
  std::string certificate;
  std::string key;
};

enum class Usage { Server, Client };

struct LeafWish {
  Usage usage = Usage::Server;
  std::string name;                // the common name
  std::vector<std::string> hosts;  // DNS names ("*.example.org" too) and IP addresses
  TimePoint not_after{};
};

// ECDSA on P-256 throughout. Validity begins a little before `now`, for clocks that run behind.
Result<Issued> make_authority(std::string_view name, TimePoint now, TimePoint not_after);

// InvalidArgument for a host that is no name, for a lifetime past the authority's, and for an
// authority that is none or whose key is another's.
Result<Issued> issue(const Issued& authority, const LeafWish& wish, TimePoint now);

}  // namespace hearth::tls
