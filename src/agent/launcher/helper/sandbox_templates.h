// Mount namespaces with all that sandboxes of one kind see alike, so that each new one begins with
// a copy and adds only what is its own: /proc and the scratch.
//
// A template is made in the background, by a process of its own, when a sandbox of its kind has
// begun without one, which every sandbox can. It is used for a while only, so that what the machine
// replaces (a package's files, resolv.conf) is soon seen. The kernel locks what is copied into a
// user namespace: inside nothing of it can be unmounted or made writable.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "agent/launcher/sandbox_plan.h"
#include "base/unique_fd.h"

namespace hearth::agent::helper {

class Templates {
 public:
  explicit Templates(bool enabled) : enabled_(enabled) {}

  // The namespace for a sandbox that begins now; -1: it makes all by itself.
  [[nodiscard]] int find(const SandboxPlan& plan, std::int64_t now_ms);

  struct Builder {
    pid_t pid = 0;
    int fd = -1;  // readable when there is something for finish()
  };
  // Forks a builder if there is use for one.
  std::optional<Builder> begin(const SandboxPlan& plan, std::int64_t now_ms);

  // Its descriptor, upon whose end the builder ends; not valid when `pid` is not a builder's.
  UniqueFd finish(pid_t pid, std::int64_t now_ms);

 private:
  struct Template {
    pid_t builder = 0;  // while it is being made
    UniqueFd builder_fd;
    UniqueFd mounts;
    std::int64_t until_ms = 0;  // used so long, and not begun anew before
  };

  void make_room();

  bool enabled_;
  std::unordered_map<std::string, Template> templates_;
};

}  // namespace hearth::agent::helper
