// The system calls that a sandboxed program is refused, as a BPF program for seccomp.
//
// A deny list: an allow list breaks with every release of an interpreter. What is listed lets a
// program reach parts of the kernel that a task has no use for, or undo what the sandbox is made
// of. Calls of another architecture's table (32 bit, x32) are all refused.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "agent/launcher/helper/failure.h"
#include "base/result.h"

namespace hearth::agent::helper {

// With `network` also sockets of the Internet families, and of netlink for routes and addresses.
Result<std::vector<sock_filter>> build_filter(bool network);

// From here on; NO_NEW_PRIVS must be set.
void install_filter(const StatusPipe& status, const std::vector<sock_filter>& filter);

}  // namespace hearth::agent::helper
