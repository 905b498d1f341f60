// Preloaded into a program under test: makes the system calls that a disk or a clock stands behind
// answer as a failing disk or a clock that was set would, as long as a control file says so.
//
// HEARTH_TEST_FAULTS names a file of sizeof(Faults) bytes, which the test maps too and changes
// while the program runs (tests/harness/faults.h). Only descriptors of files below Faults::path are
// concerned, so that logs and sockets go on. Children inherit it.
#include "tests/harness/shims/faults_shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

using hearth::harness::Faults;

Faults* map_faults() {
  const char* path = ::getenv("HEARTH_TEST_FAULTS");
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) {
    return nullptr;
  }
  void* mapped = ::mmap(nullptr, sizeof(Faults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<Faults*>(mapped);
}

Faults* faults() {
  static const auto mapped = map_faults();
  return mapped;
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool is_concerned(int file) {
  char link[32];
  char target[sizeof(Faults::path) + 64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = ::readlink(link, target, sizeof target - 1);
  if (length <= 0) {
    return false;
  }
  target[length] = '\0';
  return std::strncmp(target, faults()->path, std::strlen(faults()->path)) == 0;
}

// True when this call is to fail, with errno set.
bool fails(std::atomic<int> Faults::*kind, int file) {
  const int error = faults() == nullptr ? 0 : (faults()->*kind).load();
  if (error == 0 || !is_concerned(file)) {
    return false;
  }
  faults()->hits.fetch_add(1);
  errno = error;
  return true;
}

size_t shortened(int file, size_t count) {
  const bool is_short =
      faults() != nullptr && faults()->short_writes.load() != 0 && count > 1 && is_concerned(file);
  if (is_short) {
    faults()->hits.fetch_add(1);
  }
  return is_short ? (count + 1) / 2 : count;
}

std::int64_t shift_s() {
  return faults() == nullptr ? 0 : faults()->clock_shift_s.load();
}

}  // namespace

extern "C" {

int fsync(int file) {
  static const auto next = real<int (*)(int)>("fsync");
  return fails(&Faults::sync_error, file) ? -1 : next(file);
}

int fdatasync(int file) {
  static const auto next = real<int (*)(int)>("fdatasync");
  return fails(&Faults::sync_error, file) ? -1 : next(file);
}

ssize_t write(int file, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  return fails(&Faults::write_error, file) ? -1 : next(file, bytes, shortened(file, count));
}

ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return fails(&Faults::write_error, file) ? -1 : next(file, bytes, shortened(file, count), at);
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  return fails(&Faults::write_error, file) ? -1 : next(file, bytes, shortened(file, count), at);
}

int clock_gettime(clockid_t clock, timespec* now) {
  static const auto next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = next(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += shift_s();
  }
  return result;
}

int gettimeofday(timeval* now, void* zone) {
  static const auto next = real<int (*)(timeval*, void*)>("gettimeofday");
  const int result = next(now, zone);
  if (result == 0) {
    now->tv_sec += shift_s();
  }
  return result;
}

time_t time(time_t* now) {
  timespec at{};
  ::clock_gettime(CLOCK_REALTIME, &at);
  if (now != nullptr) {
    *now = at.tv_sec;
  }
  return at.tv_sec;
}

}  // extern "C"
