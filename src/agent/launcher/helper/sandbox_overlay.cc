// The root of level image: the image's files, with a layer in the scratch over them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "agent/launcher/helper/sandbox_image.h"
#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {

void SandboxMounts::take_image() {
  if (courier_brings_image(plan_)) {
    image_ = receive_image(status_, control_, plan_.image_root);
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
  for (const char* folder : {"lower", "upper", "layer"}) {
    if (mkdirat(scratch_, folder, 0755) != 0) {
      fail(ChildStage::Overlay, folder);
    }
  }
  // Where the inside's own mounts go, also where the image has something else there.
  const UniqueFd upper(openat(scratch_, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const char* folder : {"work", "tmp", "dev", "proc", "etc"}) {
    mounts::make_place(status_, ChildStage::Overlay, upper.get(), folder, true);
  }
  mounts::write_text(status_, ChildStage::Overlay, upper.get(), "etc/hosts",
                     "127.0.0.1 localhost sandbox\n::1 localhost\n");
  mounts::write_text(status_, ChildStage::Overlay, upper.get(), "etc/hostname", "sandbox\n");

  if (move_mount(image_.get(), "", scratch_, "lower", MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(ChildStage::ImageRoot, plan_.image_root);
  }
  const std::string stage = mounts::kStage;
  root_ = mounts::new_file_system(status_, ChildStage::Overlay, "overlay",
                                  {{"lowerdir", stage + "/lower"},
                                   {"upperdir", stage + "/upper"},
                                   {"workdir", stage + "/layer"},
                                   {"userxattr", ""}},
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (move_mount(root_.get(), "", scratch_, "root", MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(ChildStage::Overlay, "root");
  }
}

}  // namespace hearth::agent::helper
