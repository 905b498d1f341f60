// Faults of disks, clocks and resources for real programs: small file systems of their own that
// fill up or turn read-only, and a shim that lets system calls fail or shows another time.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"
#include "tests/harness/program.h"
#include "tests/harness/shims/faults_shim.h"

namespace hearth::harness {

// Mounts of this process and of what it starts from here on are seen by nobody else and end with
// the last of them, however that ends. False when this machine does not let it.
bool own_mounts();

// A tmpfs of `bytes` on `folder`, which is made. Goes when destroyed.
class SmallDisk {
 public:
  SmallDisk(std::string folder, std::int64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  // Takes all room that is left, with a file of its own; and gives it back.
  void fill();
  void make_room();

 private:
  std::string folder_;
};

// An ext4 of a few MiB in a file, on a loop device.
class BlockDisk {
 public:
  // An image beside `folder`. `is_mounted` is false where there are no loop devices.
  BlockDisk(std::string folder, std::int64_t bytes);
  ~BlockDisk();
  BlockDisk(const BlockDisk&) = delete;
  BlockDisk& operator=(const BlockDisk&) = delete;

  [[nodiscard]] bool is_mounted() const { return mounted_; }
  // What the kernel does when the disk is found to be damaged: no more writes, also to what is
  // open, until it is mounted anew.
  void turn_read_only();
  void mount_again();

 private:
  void mount();
  void unmount();

  std::string folder_;
  std::string image_;
  std::string device_;
  bool mounted_ = false;
};

// The shim's controls. One may serve several programs.
class FaultShim {
 public:
  // Of the files below `path`, where it is a matter of files.
  FaultShim(const std::string& scratch, const std::string& path);
  ~FaultShim();
  FaultShim(const FaultShim&) = delete;
  FaultShim& operator=(const FaultShim&) = delete;

  // For Program::Options.
  [[nodiscard]] std::map<std::string, std::string> environment() const;
  Faults* operator->() { return faults_; }

 private:
  std::string file_;
  Faults* faults_ = nullptr;
};

// User and system time of a process so far.
Duration cpu_time(pid_t pid);

}  // namespace hearth::harness
