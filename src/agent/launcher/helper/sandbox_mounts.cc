#include "agent/launcher/helper/sandbox_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace hearth::agent::helper {
namespace mounts {

UniqueFd try_file_system(const char* type, const std::vector<Option>& options, unsigned attributes,
                         std::string& step) {
  step = type;
  const UniqueFd context(fsopen(type, FSOPEN_CLOEXEC));
  if (!context.valid()) {
    return UniqueFd();
  }
  for (const Option& option : options) {
    const bool flag = option.value.empty();
    step = std::string(type) + " " + option.name + "=" + option.value;
    if (fsconfig(context.get(), flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, option.name,
                 flag ? nullptr : option.value.c_str(), 0) != 0) {
      return UniqueFd();
    }
  }
  step = std::string("make ") + type;
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return UniqueFd();
  }
  step = std::string("mount ") + type;
  return UniqueFd(fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
}

UniqueFd new_file_system(const StatusPipe& status, ChildStage stage, const char* type,
                         const std::vector<Option>& options, unsigned attributes) {
  std::string step;
  UniqueFd tree = try_file_system(type, options, attributes, step);
  if (!tree.valid()) {
    status.fail(stage, errno, step);
  }
  return tree;
}

void make_place(const StatusPipe& status, ChildStage stage, int root, const std::string& path,
                bool folder) {
  UniqueFd inner;
  int at = root;
  std::string_view rest = path;
  for (std::size_t slash = 0; (slash = rest.find('/')) != std::string_view::npos;) {
    const std::string part(rest.substr(0, slash));
    if (mkdirat(at, part.c_str(), 0755) != 0 && errno != EEXIST) {
      status.fail(stage, errno, path);
    }
    inner.reset(openat(at, part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner.valid()) {
      status.fail(stage, errno, path);
    }
    at = inner.get();
    rest.remove_prefix(slash + 1);
  }
  const std::string last(rest);
  if (folder) {
    if (mkdirat(at, last.c_str(), 0755) != 0 && errno != EEXIST) {
      status.fail(stage, errno, path);
    }
    return;
  }
  if (mknodat(at, last.c_str(), S_IFREG | 0644, 0) != 0 && errno != EEXIST) {
    status.fail(stage, errno, path);
  }
}

void write_text(const StatusPipe& status, ChildStage stage, int root, const char* path,
                const std::string& text) {
  const UniqueFd file(
      openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid() || write(file.get(), text.data(), text.size()) != std::ssize(text)) {
    status.fail(stage, errno, path);
  }
}

void set_attributes(const StatusPipe& status, ChildStage stage, int tree, std::uint64_t attributes,
                    const std::string& detail) {
  mount_attr wanted{.attr_set = attributes};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof wanted) != 0) {
    status.fail(stage, errno, detail);
  }
}

}  // namespace mounts

void SandboxMounts::fail(ChildStage stage, const std::string& detail) const {
  status_.fail(stage, errno, detail);
}

void SandboxMounts::take(ChildStage stage, const std::string& source, std::string target,
                         bool needed) {
  UniqueFd tree(open_tree(AT_FDCWD, source.c_str(),
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_NO_AUTOMOUNT));
  if (!tree.valid()) {
    if (needed || errno != ENOENT) {
      fail(stage, source);
    }
    return;
  }
  trees_.push_back({.fd = std::move(tree), .target = std::move(target), .stage = stage});
}

void SandboxMounts::take_from_machine() {
  // Mounts that the machine makes or ends meanwhile must not come in here, nor ours out.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    fail(ChildStage::Root, "make mounts private");
  }
  if (plan_.image_root.empty()) {
    take_system();
    take_etc();
  } else {
    take_image();
  }
  take_paths();
  take_devices();
}

void SandboxMounts::make_inside() {
  stage_scratch(mounts::kStage);
  if (mkdirat(scratch_, "root", 0755) != 0) {
    fail(ChildStage::ScratchMount, "root");
  }
  if (plan_.image_root.empty()) {
    make_root(scratch_, "root");
  } else {
    make_overlay();
  }
  place_trees();
  place_devices();
  place_proc();
  place_scratch();
  seal_root();
  enter_root();
}

void SandboxMounts::make_template() {
  take_from_machine();
  // The kernel gives a user namespace a /proc of its own only where it can see one already.
  UniqueFd proc(open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!proc.valid()) {
    fail(ChildStage::Proc, "/proc");
  }
  mounts::set_attributes(status_, ChildStage::Proc, proc.get(),
                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, "/proc");
  make_root(AT_FDCWD, mounts::kStage);
  place_trees();
  place_devices();
  move_to(ChildStage::Proc, proc.get(), "proc");
  seal_root();
  enter_root();
}

// The scratch itself stays below its folder at /work, where no path leads to it.
void SandboxMounts::make_inside_from_template() {
  root_.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_.valid()) {
    fail(ChildStage::Root, "/");
  }
  stage_scratch("/work");
  place_proc();
  place_scratch();
}

void SandboxMounts::move_to(ChildStage stage, int tree, const std::string& target) const {
  if (move_mount(tree, "", root_.get(), target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(stage, target);
  }
}

void SandboxMounts::place_trees() {
  for (const MachineLink& link : links_) {
    if (symlinkat(link.text.c_str(), root_.get(), link.target.c_str()) != 0) {
      fail(ChildStage::Root, link.target);
    }
  }
  for (const MachineTree& tree : trees_) {
    struct stat info {};
    if (fstat(tree.fd.get(), &info) != 0) {
      fail(tree.stage, tree.target);
    }
    mounts::set_attributes(status_, tree.stage, tree.fd.get(),
                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, tree.target);
    mounts::make_place(status_, tree.stage, root_.get(), tree.target, S_ISDIR(info.st_mode));
    move_to(tree.stage, tree.fd.get(), tree.target);
  }
}

// Its folders are taken as trees of their own, since a mount shows one place only.
void SandboxMounts::stage_scratch(const char* stage) {
  if (move_mount(scratch_, "", AT_FDCWD, stage, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(ChildStage::ScratchMount, "the scratch");
  }
  constexpr std::array<std::pair<const char*, const char*>, 3> kFolders = {
      {{"work", "work"}, {"tmp", "tmp"}, {"shm", "dev/shm"}}};
  for (const auto& [name, target] : kFolders) {
    UniqueFd tree(open_tree(scratch_, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!tree.valid()) {
      fail(ChildStage::ScratchMount, name);
    }
    folders_.push_back(
        {.fd = std::move(tree), .target = target, .stage = ChildStage::ScratchMount});
  }
}

void SandboxMounts::place_scratch() {
  for (const MachineTree& folder : folders_) {
    move_to(folder.stage, folder.fd.get(), folder.target);
  }
}

}  // namespace hearth::agent::helper
