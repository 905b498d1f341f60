// The root of level image: the image's files, with a layer in the scratch over them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "agent/launcher/helper/sandbox_image.h"
#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {
namespace {

bool takes_user_attributes(const std::string& folder) {
  constexpr const char* kName = "user.hearth";
  return setxattr(folder.c_str(), kName, "", 0, 0) == 0 && removexattr(folder.c_str(), kName) == 0;
}

}  // namespace

void SandboxMounts::take_image() {
  if (courier_brings_image(plan_)) {
    BroughtImage brought = receive_image(status_, control_, plan_.image_root);
    image_ = std::move(brought.tree);
    courier_ = std::move(brought.courier);
  } else {
    image_.reset(open_tree(AT_FDCWD, plan_.image_root.c_str(),
                           OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_NO_AUTOMOUNT));
    if (!image_.valid()) {
      fail(ChildStage::ImageRoot, plan_.image_root);
    }
    mounts::set_attributes(status_, ChildStage::ImageRoot, image_.get(),
                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                           plan_.image_root);
  }
  if (plan_.network) {
    take(ChildStage::Root, "/etc/resolv.conf", "etc/resolv.conf", false);
  }
}

void SandboxMounts::make_overlay() {
  for (const char* folder : {kLower, kUpper, kLayer}) {
    if (mkdirat(scratch_, folder, 0755) != 0) {
      fail(ChildStage::Overlay, folder);
    }
  }
  // Where the inside's own mounts go, also where the image has something else there.
  const UniqueFd upper(openat(scratch_, kUpper, O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const char* folder : {"work", "tmp", "dev", "proc", "etc"}) {
    mounts::make_place(status_, ChildStage::Overlay, upper.get(), folder, true);
  }
  mounts::write_text(status_, ChildStage::Overlay, upper.get(), "etc/hosts",
                     "127.0.0.1 localhost sandbox\n::1 localhost\n");
  mounts::write_text(status_, ChildStage::Overlay, upper.get(), "etc/hostname", "sandbox\n");

  if (move_mount(image_.get(), "", scratch_, kLower, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(ChildStage::ImageRoot, plan_.image_root);
  }
  const std::string stage = std::string(mounts::kStage) + "/";
  if (courier_.valid() && !takes_user_attributes(stage + kUpper)) {
    root_ = receive_overlay(status_, courier_.get(), scratch_);
  } else {
    root_ = mounts::new_file_system(status_, ChildStage::Overlay, "overlay",
                                    {{"lowerdir", stage + kLower},
                                     {"upperdir", stage + kUpper},
                                     {"workdir", stage + kLayer},
                                     {"userxattr", ""}},
                                    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  }
  courier_.reset();
  if (move_mount(root_.get(), "", scratch_, "root", MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(ChildStage::Overlay, "root");
  }
}

}  // namespace hearth::agent::helper
