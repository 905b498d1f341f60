// What a sandboxed program sees of files: a root of its own, made before anything of a task is in
// it and only by descriptor, so that no planted name can lead anywhere.
//
// Runs in the sandbox's init, in its own mount namespace, in two steps: what comes from the machine
// is taken as detached copies first, with the machine's names; then the inside is made from them
// and entered. The scratch is mounted over the (copied) machine's /sys meanwhile, which goes away
// with the machine's root.
#pragma once

#include <string>
#include <vector>

#include "agent/launcher/helper/failure.h"
#include "agent/launcher/sandbox_plan.h"
#include "base/unique_fd.h"

namespace hearth::agent::helper {

// A detached copy of a part of the machine's tree, and where inside it goes.
struct MachineTree {
  UniqueFd fd;
  std::string target;  // relative to the root
  ChildStage stage = ChildStage::Root;
};

struct MachineLink {
  std::string target;
  std::string text;
};

class SandboxMounts {
 public:
  // `control_fd` is where a courier brings an image's files.
  SandboxMounts(const StatusPipe& status, const SandboxPlan& plan, int scratch_fd, int control_fd)
      : status_(status), plan_(plan), scratch_(scratch_fd), control_(control_fd) {}

  void take_from_machine();
  void make_inside();

  // Instead of both, in a process of its own: all but /proc and the scratch, and entered.
  void make_template();
  // Instead of both, in the init of a sandbox that began in a copy of such a template.
  void make_inside_from_template();

 private:
  // sandbox_root.cc
  void take_system();
  void take_etc();
  void take_paths();
  void make_root(int stage, const char* place);
  void fill_etc(int root);
  void seal_root();
  void enter_root();
  // sandbox_overlay.cc
  void take_image();
  void make_overlay();
  // sandbox_devices.cc
  void take_devices();
  void place_devices();
  void place_proc();
  // sandbox_mounts.cc
  void take(ChildStage stage, const std::string& source, std::string target, bool needed);
  void place_trees();
  void stage_scratch(const char* stage);
  void place_scratch();
  void move_to(ChildStage stage, int tree, const std::string& target) const;
  [[noreturn]] void fail(ChildStage stage, const std::string& detail) const;

  const StatusPipe& status_;
  const SandboxPlan& plan_;
  int scratch_;
  int control_;
  UniqueFd root_;
  UniqueFd image_;
  UniqueFd courier_;  // who brought it
  std::vector<MachineTree> trees_;
  std::vector<MachineTree> devices_;
  std::vector<MachineTree> folders_;  // of the scratch
  std::vector<MachineLink> links_;
};

// Steps that several parts use; each ends the process with a report when it fails.
namespace mounts {

inline constexpr const char* kStage = "/sys";  // where the scratch is while the inside is made

// A detached file system with the options given as name and value ("" for a flag).
struct Option {
  const char* name;
  std::string value;
};
// None with errno, and in `step` what failed.
UniqueFd try_file_system(const char* type, const std::vector<Option>& options, unsigned attributes,
                         std::string& step);
UniqueFd new_file_system(const StatusPipe& status, ChildStage stage, const char* type,
                         const std::vector<Option>& options, unsigned attributes);

// The folders that lead to `path` below `root`, and at its end a folder or an empty file.
void make_place(const StatusPipe& status, ChildStage stage, int root, const std::string& path,
                bool folder);

void write_text(const StatusPipe& status, ChildStage stage, int root, const char* path,
                const std::string& text);

void set_attributes(const StatusPipe& status, ChildStage stage, int tree, std::uint64_t attributes,
                    const std::string& detail);

}  // namespace mounts
}  // namespace hearth::agent::helper
