#include "callbacks/callback_policy.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ip_text.h"

namespace hearth::callbacks {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr unsigned kV4Bits = 32;
constexpr unsigned kV6Bits = 128;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  while (text.ends_with(' ')) {
    text.remove_suffix(1);
  }
  return text;
}

Error refused(std::string_view entry, const std::string& why) {
  return invalid_argument("'" + std::string(entry.substr(0, 100)) + "' " + why);
}

Result<unsigned> parse_bits(std::string_view text, const Address& network) {
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() ||
      bits > (network.is_v4() ? kV4Bits : kV6Bits)) {
    return invalid_argument("'" + std::string(text) + "' is no number of bits");
  }
  return bits;
}

// A prefix ends where a part of the path does: "/a" is the beginning of "/a/b" and not of "/ab".
bool begins_with(std::string_view target, std::string_view prefix) {
  if (!target.starts_with(prefix)) {
    return false;
  }
  return prefix.ends_with('/') || target.size() == prefix.size() || target[prefix.size()] == '/' ||
         target[prefix.size()] == '?';
}

}  // namespace

Result<CallbackPolicy> CallbackPolicy::parse(std::string_view setting) {
  CallbackPolicy policy;
  while (!setting.empty()) {
    const std::size_t comma = std::min(setting.find(','), setting.size());
    const std::string_view text = trimmed(setting.substr(0, comma));
    setting.remove_prefix(std::min(comma + 1, setting.size()));
    if (text.empty()) {
      continue;
    }
    HEARTH_ASSIGN(Entry entry, parse_entry(text));
    policy.entries_.push_back(std::move(entry));
  }
  return policy;
}

Result<CallbackPolicy::Entry> CallbackPolicy::parse_entry(std::string_view text) {
  Entry entry;
  if (text.find("://") != std::string_view::npos) {
    auto prefix = parse_callback_url(text);
    if (!prefix) {
      return refused(text, prefix.error().message);
    }
    entry.prefix = std::move(*prefix);
    return entry;
  }
  std::string_view host = text;
  std::string_view bits;
  // What follows the last colon is a port, but not within an IPv6 address without brackets.
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.rfind(':');
  const bool is_bare_v6 = bracket == std::string_view::npos && text.find(':') != colon;
  if (colon != std::string_view::npos && !is_bare_v6 &&
      (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view port = text.substr(colon + 1);
    host = text.substr(0, colon);
    entry.port.is_any = port == "*";
    if (!entry.port.is_any) {
      const auto number = parse_port(port);
      if (!number) {
        return refused(text, "must end in a port from 1 to 65535, or in :*");
      }
      entry.port.number = *number;
    }
  }
  if (const std::size_t slash = host.find('/'); slash != std::string_view::npos) {
    bits = host.substr(slash + 1);
    host = host.substr(0, slash);
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  entry.network = Address::parse(host);
  if (entry.network) {
    entry.bits = entry.network->is_v4() ? kV4Bits : kV6Bits;
    if (!bits.empty()) {
      const auto number = parse_bits(bits, *entry.network);
      if (!number) {
        return refused(text, "must have a number of bits after the /");
      }
      entry.bits = *number;
    }
    return entry;
  }
  const bool is_wild = host.starts_with("*.");
  const std::string_view name = is_wild ? host.substr(2) : host;
  if (!bits.empty() || !is_host_name(name)) {
    return refused(text, "is neither HOST[:PORT], *.DOMAIN, an address, a network nor a URL");
  }
  entry.name = (is_wild ? "." : "") + std::string(name);
  std::ranges::transform(entry.name, entry.name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return entry;
}

bool CallbackPolicy::has_port(const Port& port, const CallbackUrl& url) {
  return port.is_any || url.port == (port.number != 0 ? port.number
                                     : url.is_https   ? kHttpsPort
                                                      : kHttpPort);
}

bool CallbackPolicy::admits(const Entry& entry, const CallbackUrl& url) {
  if (entry.prefix) {
    return entry.prefix->is_https == url.is_https && entry.prefix->host == url.host &&
           entry.prefix->port == url.port && begins_with(url.target, entry.prefix->target);
  }
  if (!has_port(entry.port, url)) {
    return false;
  }
  if (entry.network) {
    const auto address = Address::parse(url.host);
    return address && address->is_in(*entry.network, entry.bits);
  }
  return entry.name == url.host || (entry.name.starts_with('.') && url.host.ends_with(entry.name));
}

Result<> CallbackPolicy::admits(const CallbackUrl& url) const {
  if (std::ranges::any_of(entries_, [&url](const Entry& entry) { return admits(entry, url); })) {
    return {};
  }
  return Error{.code = ErrorCode::PermissionDenied,
               .message = entries_.empty()
                              ? "callbacks are off: the operator lists nobody in the setting "
                                "callback_hosts"
                              : url.origin() +
                                    " may not be called back: the operator's setting "
                                    "callback_hosts does not list it"};
}

Result<> CallbackPolicy::admits(const CallbackUrl& url, const Address& address) const {
  HEARTH_TRY(admits(url));
  const std::string_view kind = address.not_public();
  if (kind.empty()) {
    return {};
  }
  // Listed itself, or the host of a listed URL.
  const bool is_listed = std::ranges::any_of(entries_, [&](const Entry& entry) {
    if (entry.prefix) {
      return Address::parse(entry.prefix->host) == address && entry.prefix->port == url.port;
    }
    return entry.network && has_port(entry.port, url) && address.is_in(*entry.network, entry.bits);
  });
  if (is_listed) {
    return {};
  }
  return Error{.code = ErrorCode::PermissionDenied,
               .message = url.host + " is at " + address.text() + ", which is not public (" +
                          std::string(kind) +
                          "); where that is meant, the setting callback_hosts has to list the "
                          "address too"};
}

}  // namespace hearth::callbacks
