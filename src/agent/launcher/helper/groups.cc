#include "agent/launcher/helper/groups.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

namespace hearth::agent::helper {
namespace {

constexpr std::string_view kProcs = "/cgroup.procs";

// None where `procs` is of a v1 hierarchy, of no hierarchy at all, or not there.
UniqueFd folder_of_v2(const std::string& procs) {
  if (!procs.ends_with(kProcs)) {
    return UniqueFd();
  }
  const std::string folder = procs.substr(0, procs.size() - kProcs.size());
  UniqueFd fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statfs what {};
  if (!fd.valid() || fstatfs(fd.get(), &what) != 0 || what.f_type != CGROUP2_SUPER_MAGIC) {
    return UniqueFd();
  }
  return fd;
}

pid_t clone_with(std::uint64_t flags, const UniqueFd& born_in) {
  clone_args args{.flags = flags, .exit_signal = SIGCHLD};
  if (born_in.valid()) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(born_in.get());
  }
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
}

}  // namespace

GroupEntry plan_entry(const std::vector<std::string>& join_paths) {
  GroupEntry entry;
  for (const std::string& path : join_paths) {
    UniqueFd folder = entry.born_in.valid() ? UniqueFd() : folder_of_v2(path);
    if (folder.valid()) {
      entry.born_in = std::move(folder);
      entry.otherwise.path = path;
    } else {
      entry.files.push_back({path});
    }
  }
  return entry;
}

std::optional<ChildFailure> open_files(GroupEntry& entry) {
  std::vector<GroupFile*> all;
  for (GroupFile& file : entry.files) {
    all.push_back(&file);
  }
  if (entry.born_in.valid()) {
    all.push_back(&entry.otherwise);
  }
  for (GroupFile* file : all) {
    // O_NONBLOCK has a pipe without a reader refused.
    file->fd.reset(open(file->path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file->fd.valid()) {
      return make_failure(ChildStage::JoinGroup, errno, file->path);
    }
  }
  return std::nullopt;
}

pid_t fork_into(GroupEntry& entry, std::uint64_t flags) {
  if (entry.born_in.valid()) {
    if (const pid_t pid = clone_with(flags, entry.born_in); pid >= 0) {
      return pid;
    }
    entry.born_in.reset();
    entry.files.push_back(std::move(entry.otherwise));
  }
  return flags == 0 ? fork() : clone_with(flags, entry.born_in);
}

void enter_groups(const StatusPipe& status, const std::vector<GroupFile>& files) {
  for (const GroupFile& file : files) {
    const UniqueFd opened(file.fd.valid() ? -1 : open(file.path.c_str(), O_WRONLY | O_CLOEXEC));
    const int fd = file.fd.valid() ? file.fd.get() : opened.get();
    if (fd < 0 || write(fd, "0", 1) != 1) {
      status.fail(ChildStage::JoinGroup, errno, file.path);
    }
  }
}

}  // namespace hearth::agent::helper
