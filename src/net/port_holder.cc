#include "net/port_holder.h"

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

namespace hearth::net {

namespace {

constexpr std::string_view kListening = "0A";

// Inodes of the sockets that listen on `port`, from one of /proc/net/tcp and tcp6.
void add_listening_inodes(const char* file, std::uint16_t port, std::set<std::string>& inodes) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);  // column titles
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const std::size_t colon = local.rfind(':');
    if (state != kListening || colon == std::string::npos) {
      continue;
    }
    unsigned value = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), value, 16);
    if (value == port) {
      inodes.insert("socket:[" + inode + "]");
    }
  }
}

bool holds_one_of(const std::filesystem::path& process, const std::set<std::string>& links) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(process / "fd", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code link_error;
    const auto link = std::filesystem::read_symlink(it->path(), link_error);
    if (!link_error && links.contains(link.string())) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<PortHolder> find_port_holder(std::uint16_t port) {
  std::set<std::string> inodes;
  add_listening_inodes("/proc/net/tcp", port, inodes);
  add_listening_inodes("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) {
    return std::nullopt;
  }
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    PortHolder holder;
    const auto [rest, status] = std::from_chars(name.data(), name.data() + name.size(), holder.pid);
    if (status != std::errc{} || rest != name.data() + name.size() ||
        !holds_one_of(it->path(), inodes)) {
      continue;
    }
    std::ifstream comm(it->path() / "comm");
    std::getline(comm, holder.name);
    return holder;
  }
  return std::nullopt;
}

Error port_taken(std::string_view what, std::uint16_t port, std::string_view how_to_choose) {
  std::string message =
      "cannot listen on " + std::string(what) + ": port " + std::to_string(port) + " is taken";
  if (const auto holder = find_port_holder(port)) {
    message += " by process " + std::to_string(holder->pid) + " (" + holder->name + ")";
  } else {
    message += " by another process";
  }
  message += "; choose another with " + std::string(how_to_choose) + " (port 0 picks a free one)";
  return Error{
      .code = ErrorCode::AlreadyExists, .message = std::move(message), .sys_errno = EADDRINUSE};
}

}  // namespace hearth::net
