// Empty network namespaces for sandboxes without a network.
//
// Making and ending one is the dearest part of a sandbox, so they are kept. One serves one sandbox
// at a time, and again when all of that is dead: it is the machine's root's, so nothing inside can
// set anything of it, its only interface is down, and the system call filter leaves programs no
// socket but those of AF_UNIX, of which nothing outlives the processes that hold it.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth::agent::helper {

class Networks {
 public:
  // An error where this process may not make any; the sandbox then makes its own.
  Result<UniqueFd> take();
  void give_back(UniqueFd network);

 private:
  std::vector<UniqueFd> idle_;
};

}  // namespace hearth::agent::helper
