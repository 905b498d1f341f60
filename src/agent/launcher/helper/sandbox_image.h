// An image's files on their way into a sandbox.
//
// Only the machine's root may say that the image's user 0 shall be the sandbox's (an id-mapped
// mount), and only a process of its own may touch the image's file system, which might not respond.
// So the helper forks a courier once the sandbox's ids are there: it takes the image's tree, maps
// it and hands it to the init through the control socket. It stays until the init has made of it
// what the program sees, for where that, too, takes the machine's root: an overlay keeps its notes
// (that a folder has been replaced, say) in extended attributes, which a user namespace may do in
// `user.` alone, and a tmpfs has those since Linux 6.6.
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/launcher/helper/failure.h"
#include "agent/launcher/sandbox_plan.h"
#include "base/unique_fd.h"

namespace hearth::agent::helper {

// Otherwise there is no image, or nobody with the right to be a courier: the init takes it itself.
inline bool courier_brings_image(const SandboxPlan& plan) {
  return !plan.image_root.empty() && plan.id_base.has_value();
}

// In the courier, which ends. Where the kernel cannot map the image's file system (one older than
// 6.3 a tmpfs, say) its files are nobody's inside, and can be read but by nobody changed.
[[noreturn]] void send_image(int control_fd, pid_t init, const std::string& image_root);

struct BroughtImage {
  UniqueFd tree;
  UniqueFd courier;  // who is dismissed by closing it
};

// In the init.
BroughtImage receive_image(const StatusPipe& status, int control_fd, const std::string& image_root);

// An overlay of these folders of `scratch`, which is somewhere in the init's mount namespace.
inline constexpr const char* kLower = "lower";
inline constexpr const char* kUpper = "upper";
inline constexpr const char* kLayer = "layer";  // what an overlay calls its workdir
UniqueFd receive_overlay(const StatusPipe& status, int courier_fd, int scratch);

}  // namespace hearth::agent::helper
