// hearth-launcher: started by the agent, never by hand. See agent/launcher/helper/server.h.
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "agent/launcher/helper/server.h"
#include "archive/archive.h"

namespace {

constexpr int kSocket = 3;

bool is_packet_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

// What is wrong with the archive, or "".
std::string unpack(int upload_fd, int work_fd) {
  const auto unpacked = hearth::archive::extract_archive(upload_fd, work_fd);
  return unpacked ? std::string() : unpacked.error().message;
}

}  // namespace

int main(int argc, char** argv) {
  const bool templates = argc == 3;
  const bool understood =
      (templates || (argc == 4 && std::strcmp(argv[3], "--no-sandbox-templates") == 0)) &&
      std::strcmp(argv[1], "--exec-deadline-ms") == 0;
  if (!understood || !is_packet_socket(kSocket)) {
    std::fputs(
        "hearth-launcher is started by hearth itself, to start and reap the processes of jobs;\n"
        "there is no use for it by hand. See `hearth agent --help`.\n",
        stderr);
    return 2;
  }
  close_range(kSocket + 1, UINT_MAX, 0);
  // Requests of all jobs pass through its memory.
  prctl(PR_SET_DUMPABLE, 0);
  try {
    hearth::agent::helper::Server server({.socket_fd = kSocket,
                                          .exec_deadline_ms = std::strtoll(argv[2], nullptr, 10),
                                          .sandbox_templates = templates,
                                          .unpack = unpack});
    return server.run();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "hearth-launcher: %s\n", failure.what());
    return 1;
  }
}
