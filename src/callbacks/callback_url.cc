#include "callbacks/callback_url.h"

#include <algorithm>
#include <charconv>

#include "base/ip_text.h"
#include "base/task_limits.h"

namespace hearth::callbacks {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::size_t kHostNameBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string lower(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return copy;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, [](char c) {
           return is_letter(c) || is_digit(c) || c == '-' || c == '_';
         });
}

// "127", "0x7f": what ends so is an address to the C library.
bool is_number(std::string_view label) {
  return std::ranges::all_of(label, is_digit) || label.starts_with("0x") || label.starts_with("0X");
}

Error refused(const std::string& why) {
  return invalid_argument("must be http://HOST[:PORT]/PATH or https://…, " + why);
}

// Splits "HOST[:PORT]" or "[ADDRESS][:PORT]".
Result<> read_authority(std::string_view text, CallbackUrl& url) {
  std::string_view host = text;
  std::string_view port;
  const std::size_t end = text.starts_with('[') ? text.find(']') : text.find(':');
  if (text.starts_with('[')) {
    if (end == std::string_view::npos) {
      return refused("and the bracket of its address is not closed");
    }
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!is_ipv6(host)) {
      return refused("and what is in its brackets is no IPv6 address");
    }
  } else if (end != std::string_view::npos) {
    host = text.substr(0, end);
    port = text.substr(end);
  }
  if (!is_ip(host) && !is_host_name(host)) {
    return refused("and its host is neither a name nor an address");
  }
  url.host = lower(host);
  if (port.empty()) {
    return {};
  }
  const auto number = port.starts_with(':') ? parse_port(port.substr(1))
                                            : Result<std::uint16_t>(invalid_argument("no port"));
  if (!number) {
    return refused("and its port is no number from 1 to 65535");
  }
  url.port = *number;
  return {};
}

// Servers and proxies take these for steps upwards.
bool climbs(std::string_view path) {
  std::string plain = lower(path.substr(0, path.find('?')));
  for (std::size_t at = plain.find("%2e"); at != std::string::npos; at = plain.find("%2e")) {
    plain.replace(at, 3, ".");
  }
  std::ranges::replace(plain, '\\', '/');
  plain += '/';
  return plain.find("/../") != std::string::npos || plain.find("/./") != std::string::npos ||
         plain.find("%2f") != std::string::npos || plain.find("%5c") != std::string::npos;
}

}  // namespace

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > kHostNameBytesMax) {
    return false;
  }
  std::string_view last;
  for (std::string_view rest = text;;) {
    const std::size_t dot = rest.find('.');
    last = rest.substr(0, dot);
    if (!is_label(last)) {
      return false;
    }
    if (dot == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(dot + 1);
  }
  return !is_number(last);
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return invalid_argument("'" + std::string(text.substr(0, 20)) + "' is no port");
  }
  return port;
}

std::string CallbackUrl::authority() const {
  const std::string name = is_ipv6(host) ? "[" + host + "]" : host;
  return port == (is_https ? kHttpsPort : kHttpPort) ? name : name + ":" + std::to_string(port);
}

std::string CallbackUrl::origin() const {
  return (is_https ? "https://" : "http://") + authority();
}

Result<CallbackUrl> parse_callback_url(std::string_view text) {
  if (static_cast<std::int64_t>(text.size()) > limits::kCallbackUrlBytesMax) {
    return refused("of at most " + std::to_string(limits::kCallbackUrlBytesMax) + " bytes");
  }
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; })) {
    return refused("and hold visible ASCII only; escape the rest as %XX");
  }
  CallbackUrl url;
  const std::size_t scheme = text.find("://");
  const std::string name = lower(text.substr(0, std::min(scheme, text.size())));
  if (scheme == std::string_view::npos || (name != "http" && name != "https")) {
    return refused("and begin with one of these");
  }
  url.is_https = name == "https";
  url.port = url.is_https ? kHttpsPort : kHttpPort;
  text.remove_prefix(scheme + 3);
  if (text.find('#') != std::string_view::npos || text.find('\\') != std::string_view::npos) {
    return refused("without # and \\");
  }
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  if (text.substr(0, end).find('@') != std::string_view::npos) {
    return refused("without a user");
  }
  HEARTH_TRY(read_authority(text.substr(0, end), url));
  if (end < text.size()) {
    url.target = (text[end] == '?' ? "/" : "") + std::string(text.substr(end));
  }
  if (climbs(url.target)) {
    return refused("and its path must not hold /./, /../ or an escaped slash");
  }
  return url;
}

}  // namespace hearth::callbacks
