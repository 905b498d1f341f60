#include "net/origin_policy.h"

#include <algorithm>

#include "base/ip_text.h"

namespace hearth::net {

namespace {

Error forbidden(std::string message) {
  return Error{
      .code = ErrorCode::PermissionDenied, .message = std::move(message), .kind = "forbidden"};
}

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(),
                     [value](const auto& entry) { return equals_ignoring_case(entry, value); });
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Quoted in a message; a hostile value must not fill it.
std::string shown(std::string_view value) {
  return "'" + std::string(value.substr(0, 100)) + "'";
}

}  // namespace

std::string host_without_port(std::string_view host) {
  if (!host.empty() && host.front() == '[') {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos) {
      return {};
    }
    const std::string_view rest = host.substr(close + 1);
    const bool good = rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
    return good ? std::string(host.substr(1, close - 1)) : std::string();
  }
  const std::size_t colon = std::min(host.find(':'), host.size());
  if (colon < host.size() && !is_port(host.substr(colon + 1))) {
    return {};
  }
  return to_lower(host.substr(0, colon));
}

Result<> OriginPolicy::check(const Request& request) const {
  const std::string_view host_field = request.header("host");
  const std::string host = host_without_port(host_field);
  // HTTP/1.0 knows no Host; no browser speaks it.
  const bool absent = request.version == 10 && request.count_header("host") == 0;
  const bool is_ours = host == "localhost" || is_loopback_ip(host) || contains(hosts, host) ||
                       (any_address && is_ip(host)) ||
                       (!host.empty() && knows_host && knows_host(host));
  if (!absent && !is_ours) {
    return forbidden("Host " + shown(host_field) +
                     " is not a name of this server; ask for localhost or 127.0.0.1, or have the "
                     "name configured");
  }
  if (request.count_header("origin") == 0) {
    return {};
  }
  const std::string_view origin = request.header("origin");
  const bool same = equals_ignoring_case(origin, "http://" + std::string(host_field)) ||
                    equals_ignoring_case(origin, "https://" + std::string(host_field));
  if (same && request.count_header("origin") == 1) {
    return {};
  }
  if (!contains(origins, origin)) {
    return forbidden("pages of " + shown(origin) + " may not call this server");
  }
  return {};
}

}  // namespace hearth::net
