#include "agent/launcher/helper/sandbox_landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace hearth::agent::helper {
namespace {

// As the kernel has it since ABI 6; the headers of Debian 12 stop earlier.
struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
constexpr std::uint64_t kAccessRefer = 1ULL << 13U;     // ABI 2
constexpr std::uint64_t kAccessTruncate = 1ULL << 14U;  // ABI 3
constexpr std::uint64_t kScopeAbstractUnixSocket = 1;   // ABI 6
constexpr std::uint64_t kScopeSignal = 2;

constexpr std::uint64_t kChange = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                  LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

constexpr std::array kFolders = {"/work", "/tmp", "/dev/shm"};
constexpr std::array kDevices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                 "/dev/urandom"};

std::uint64_t changes_known(int abi) {
  return kChange | (abi >= 2 ? kAccessRefer : 0) | (abi >= 3 ? kAccessTruncate : 0);
}

void allow(const StatusPipe& status, int ruleset, const char* path, std::uint64_t access) {
  const UniqueFd place(open(path, O_PATH | O_CLOEXEC));
  const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = place.get()};
  if (!place.valid() ||
      syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    status.fail(ChildStage::Landlock, errno, path);
  }
}

}  // namespace

int landlock_abi() {
  const long abi =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

void restrict_files(const StatusPipe& status, const SandboxPlan& plan, int abi) {
  const bool folders = plan.image_root.empty();
  RulesetAttributes wanted;
  wanted.handled_access_fs = folders ? changes_known(abi) : 0;
  wanted.scoped = abi >= 6 ? kScopeAbstractUnixSocket | kScopeSignal : 0;
  if (abi == 0 || (wanted.handled_access_fs | wanted.scoped) == 0) {
    return;
  }
  const std::size_t size = abi >= 6 ? sizeof wanted : sizeof wanted.handled_access_fs;
  const UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset.valid()) {
    status.fail(ChildStage::Landlock, errno, "landlock_create_ruleset");
  }
  if (folders) {
    for (const char* path : kFolders) {
      allow(status, ruleset.get(), path, wanted.handled_access_fs);
    }
    const std::uint64_t write = LANDLOCK_ACCESS_FS_WRITE_FILE | (abi >= 3 ? kAccessTruncate : 0);
    for (const char* path : kDevices) {
      allow(status, ruleset.get(), path, write);
    }
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    status.fail(ChildStage::Landlock, errno, "landlock_restrict_self");
  }
}

}  // namespace hearth::agent::helper
