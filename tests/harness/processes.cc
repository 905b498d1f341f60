#include "tests/harness/processes.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hearth::harness {

namespace fs = std::filesystem;

namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// The fields after the name: state, then the parent.
std::string after_name(pid_t pid) {
  const std::string stat = contents("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos ? "" : stat.substr(name_end + 2);
}

}  // namespace

// By operator<<, which catches what a buffer throws when a process in /proc ends while it is read.
std::string contents(const fs::path& path) {
  const std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void each_process(const std::function<void(pid_t, const fs::path&)>& visit) {
  std::error_code gone;
  for (fs::directory_iterator at("/proc", gone), end; !gone && at != end; at.increment(gone)) {
    if (is_number(at->path().filename())) {
      visit(std::stoi(at->path().filename()), at->path());
    }
  }
}

void each_folder(const fs::path& top, const std::function<void(const fs::path&)>& visit) {
  std::error_code gone;
  for (fs::directory_iterator at(top, gone), end; !gone && at != end; at.increment(gone)) {
    if (at->is_directory(gone) && !at->is_symlink(gone)) {
      visit(at->path());
      each_folder(at->path(), visit);
    }
  }
}

std::vector<std::string> groups_of(pid_t pid) {
  std::vector<std::string> found;
  each_folder("/sys/fs/cgroup", [&](const fs::path& folder) {
    if (folder.string().find("/hearth-") != std::string::npos &&
        ("\n" + contents(folder / "cgroup.procs")).find("\n" + std::to_string(pid) + "\n") !=
            std::string::npos) {
      found.push_back(folder.string());
    }
  });
  return found;
}

pid_t parent_of(pid_t pid) {
  const std::string fields = after_name(pid);
  return fields.size() < 3 ? 0 : std::atoi(fields.c_str() + 2);
}

char state_of(pid_t pid) {
  const std::string fields = after_name(pid);
  return fields.empty() ? '\0' : fields.front();
}

std::vector<pid_t> launchers_of(pid_t agent) {
  std::vector<pid_t> found;
  each_process([&](pid_t pid, const fs::path& path) {
    if (contents(path / "comm") == "hearth-launcher\n" && parent_of(pid) == agent) {
      found.push_back(pid);
    }
  });
  return found;
}

Watched watch(pid_t pid) {
  Watched watched{.pid = pid, .fd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
  EXPECT_TRUE(watched.fd.valid()) << "process " << pid << " is gone already";
  return watched;
}

bool ends(const Watched& watched, Duration patience) {
  pollfd ended{watched.fd.get(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(patience.count())) == 1;
}

}  // namespace hearth::harness
