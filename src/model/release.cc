#include "model/release.h"

#include <charconv>
#include <string>

namespace hearth {
namespace {

constexpr std::size_t kShownBytes = 64;  // of what came over the network

Error not_together(std::string_view controller, std::string_view agent, const std::string& advice) {
  return Error{.code = ErrorCode::FailedPrecondition,
               .message = "agent version '" + std::string(agent.substr(0, kShownBytes)) +
                          "' and controller version '" + std::string(controller) +
                          "' do not work together (the major must be the same, the minor may "
                          "differ by one): " +
                          advice,
               .kind = "version"};
}

}  // namespace

std::optional<Release> parse_release(std::string_view text) {
  text = text.substr(0, text.find_first_of("-+"));
  Release release;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int* part : {&release.major, &release.minor, &release.patch}) {
    const bool is_last = part == &release.patch;
    const auto [rest, status] = std::from_chars(at, end, *part);
    if (status != std::errc{} || *part < 0 ||
        (is_last ? rest != end : rest == end || *rest != '.')) {
      return std::nullopt;
    }
    at = rest + (is_last ? 0 : 1);
  }
  return release;
}

Result<> check_link_releases(std::string_view controller, std::string_view agent) {
  const std::optional<Release> ours = parse_release(controller);
  const std::optional<Release> theirs = parse_release(agent);
  if (!ours || !theirs) {
    return not_together(controller, agent, "install released versions at both ends");
  }
  const int apart = ours->minor - theirs->minor;
  if (ours->major == theirs->major && apart >= -1 && apart <= 1) {
    return {};
  }
  const bool agent_is_older =
      theirs->major < ours->major || (theirs->major == ours->major && apart > 0);
  return not_together(controller, agent,
                      agent_is_older ? "upgrade the agent" : "upgrade the controller");
}

}  // namespace hearth
