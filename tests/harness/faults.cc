#include "tests/harness/faults.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/harness/cluster.h"

namespace hearth::harness {
namespace {

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

bool run(const std::string& scratch, std::vector<std::string> command) {
  return Program(scratch, std::move(command), {}).wait().code == 0;
}

// A loop device that shows `image`, and goes with its last user; "" where there is none.
std::string attach(const std::string& image) {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const UniqueFd file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  constexpr int kTries = 20;  // another may take the free one first
  for (int i = 0; control.valid() && file.valid() && i < kTries; ++i) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    std::string device = "/dev/loop" + std::to_string(number);
    const UniqueFd loop(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    loop_config config{};
    config.fd = static_cast<__u32>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (number >= 0 && loop.valid() && ::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) {
      // Held open by the mount, once there is one.
      if (::mount(device.c_str(), image.substr(0, image.rfind('.')).c_str(), "ext4", 0,
                  "errors=remount-ro") == 0) {
        return device;
      }
      ADD_FAILURE() << failed("mount " + device);
      return "";
    }
  }
  return "";
}

}  // namespace

bool own_mounts() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

SmallDisk::SmallDisk(std::string folder, std::int64_t bytes) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  const std::string options = "mode=0755,size=" + std::to_string(bytes);
  EXPECT_EQ(::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options.c_str()), 0)
      << failed("mount " + folder_);
}

SmallDisk::~SmallDisk() {
  ::umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() {
  const std::string ballast = folder_ + "/ballast";
  const UniqueFd file(::open(ballast.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string block(4'096, 'b');
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
  EXPECT_EQ(errno, ENOSPC) << failed("fill " + folder_);
}

void SmallDisk::make_room() {
  std::filesystem::remove(folder_ + "/ballast");
}

BlockDisk::BlockDisk(std::string folder, std::int64_t bytes)
    : folder_(std::move(folder)), image_(folder_ + ".image") {
  std::filesystem::create_directories(folder_);
  std::ofstream(image_).close();
  std::filesystem::resize_file(image_, static_cast<std::uintmax_t>(bytes));
  const std::string scratch = std::filesystem::path(folder_).parent_path();
  EXPECT_TRUE(run(scratch, {"mkfs.ext4", "-q", "-F", "-m", "0", image_}));
  mount();
}

BlockDisk::~BlockDisk() {
  unmount();
}

void BlockDisk::mount() {
  device_ = attach(image_);
  mounted_ = !device_.empty();
}

void BlockDisk::unmount() {
  if (mounted_) {
    ::umount2(folder_.c_str(), MNT_DETACH);
    mounted_ = false;
  }
}

void BlockDisk::turn_read_only() {
  const std::string name = std::filesystem::path(device_).filename();
  std::ofstream(std::filesystem::path("/sys/fs/ext4") / name / "trigger_fs_error") << "1\n";
}

void BlockDisk::mount_again() {
  unmount();
  mount();
}

FaultShim::FaultShim(const std::string& scratch, const std::string& path) {
  file_ = scratch + "/faults-XXXXXX";
  const UniqueFd file(::mkostemp(file_.data(), O_CLOEXEC));
  EXPECT_EQ(::ftruncate(file.get(), sizeof(Faults)), 0);
  void* mapped = ::mmap(nullptr, sizeof(Faults), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  EXPECT_NE(mapped, MAP_FAILED);
  faults_ = static_cast<Faults*>(mapped);
  path.copy(faults_->path, sizeof(faults_->path) - 1);
}

FaultShim::~FaultShim() {
  ::munmap(faults_, sizeof(Faults));
}

std::map<std::string, std::string> FaultShim::environment() const {
  return {{"LD_PRELOAD", program_path("libhearth_faults_shim.so")}, {"HEARTH_TEST_FAULTS", file_}};
}

Duration cpu_time(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 2)));
  const std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
  constexpr std::size_t kUserTime = 11;
  if (values.size() <= kUserTime + 1) {
    return Duration(0);
  }
  const std::int64_t ticks = std::stoll(values[kUserTime]) + std::stoll(values[kUserTime + 1]);
  return Duration(ticks * 1'000 / ::sysconf(_SC_CLK_TCK));
}

}  // namespace hearth::harness
