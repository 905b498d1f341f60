// Whom the operator lets tasks call back: the setting callback_hosts. Pure.
//
// Who may submit a task could otherwise have Hearth send requests to whatever this machine reaches,
// databases and metadata services included. So nobody is called that is not listed, and a name that
// is listed is called at public addresses only: its DNS is somebody else's, and may change between
// a check and a call. The address that a name resolves to is asked for here before it is connected
// to. Where it is not public, the operator lists it too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "callbacks/address.h"
#include "callbacks/callback_url.h"

namespace hearth::callbacks {

class CallbackPolicy {
 public:
  // Nobody.
  CallbackPolicy() = default;
  // Comma separated: HOST[:PORT], *.DOMAIN[:PORT], ADDRESS[:PORT], NETWORK/BITS[:PORT] or the
  // beginning of a URL. Without a port the scheme's own is meant; ":*" is any.
  static Result<CallbackPolicy> parse(std::string_view setting);

  // The error says what is wrong with the URL, and names the setting.
  [[nodiscard]] Result<> admits(const CallbackUrl& url) const;
  // Of an admitted URL: whether its host may be called at this address.
  [[nodiscard]] Result<> admits(const CallbackUrl& url, const Address& address) const;

 private:
  struct Port {
    bool is_any = false;
    std::uint16_t number = 0;  // 0: the scheme's own
  };
  // One of name, network and prefix.
  struct Entry {
    std::string name;  // with a leading dot: those that end so
    std::optional<Address> network;
    unsigned bits = 0;
    Port port;
    std::optional<CallbackUrl> prefix;
  };

  static Result<Entry> parse_entry(std::string_view text);
  static bool has_port(const Port& port, const CallbackUrl& url);
  [[nodiscard]] static bool admits(const Entry& entry, const CallbackUrl& url);

  std::vector<Entry> entries_;
};

}  // namespace hearth::callbacks
