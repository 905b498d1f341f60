#include "store/testing/faulty_vfs.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

#include "base/random.h"

namespace hearth::store::testing {
namespace {

// What SQLite allocates for an open file: ours, with the system's behind it in the same memory.
struct File {
  sqlite3_file base{};
  FaultyVfs* vfs = nullptr;
  std::string* path = nullptr;
  sqlite3_file* real = nullptr;
};

File& self(sqlite3_file* file) {
  return *reinterpret_cast<File*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return self(file).real;
}

int close(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete self(file).path;
  return code;
}
int read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), data, size, offset);
}
int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const int fault = self(file).vfs->before_write();
  if (fault == SQLITE_OK) {
    return real(file)->pMethods->xWrite(real(file), data, size, offset);
  }
  // As a full disk does: some of it is there.
  (void)real(file)->pMethods->xWrite(real(file), data, size / 2, offset);
  return fault;
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync(sqlite3_file* file, int /*flags*/) {
  const int code = self(file).vfs->before_sync(*self(file).path);
  if (code == SQLITE_OK) {
    self(file).vfs->after_sync(*self(file).path);
  }
  return code;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_reserved_lock(sqlite3_file* file, int* result) {
  return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
int file_control(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int shm_map(sqlite3_file* file, int page, int size, int extend, volatile void** memory) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void shm_barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

constexpr sqlite3_io_methods kMethods = {.iVersion = 2,
                                         .xClose = close,
                                         .xRead = read,
                                         .xWrite = write,
                                         .xTruncate = truncate,
                                         .xSync = sync,
                                         .xFileSize = file_size,
                                         .xLock = lock,
                                         .xUnlock = unlock,
                                         .xCheckReservedLock = check_reserved_lock,
                                         .xFileControl = file_control,
                                         .xSectorSize = sector_size,
                                         .xDeviceCharacteristics = characteristics,
                                         .xShmMap = shm_map,
                                         .xShmLock = shm_lock,
                                         .xShmBarrier = shm_barrier,
                                         .xShmUnmap = shm_unmap,
                                         .xFetch = nullptr,
                                         .xUnfetch = nullptr};

sqlite3_vfs* system_vfs() {
  return sqlite3_vfs_find("unix");
}

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* memory, int flags, int* out_flags) {
  File* file = new (memory) File;
  file->vfs = static_cast<FaultyVfs*>(vfs->pAppData);
  file->real = reinterpret_cast<sqlite3_file*>(file + 1);
  const int code = system_vfs()->xOpen(system_vfs(), path, file->real, flags, out_flags);
  if (file->real->pMethods != nullptr) {
    file->base.pMethods = &kMethods;
    file->path = new std::string(path == nullptr ? "" : path);
  }
  return code;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  static_cast<FaultyVfs*>(vfs->pAppData)->deleted(path);
  return system_vfs()->xDelete(system_vfs(), path, sync_directory);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

FaultyVfs::FaultyVfs() : name_("faulty-" + random_hex(8)) {
  vfs_ = std::make_unique<sqlite3_vfs>(*system_vfs());
  vfs_->pNext = nullptr;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->szOsFile = static_cast<int>(sizeof(File)) + system_vfs()->szOsFile;
  vfs_->xOpen = open;
  vfs_->xDelete = remove;
  sqlite3_vfs_register(vfs_.get(), 0);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(vfs_.get());
}

void FaultyVfs::count_down() {
  if (kill_at_ > 0 && --kill_at_ == 0) {
    ::kill(::getpid(), SIGKILL);
  }
}

int FaultyVfs::before_write() {
  count_down();
  return full_ ? SQLITE_FULL : write_errors_ ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

int FaultyVfs::before_sync(const std::string& path) {
  count_down();
  const MutexLock lock(mutex_);
  const bool failing = !failing_suffix_.empty() && path.ends_with(failing_suffix_);
  return sync_errors_ || failing ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

void FaultyVfs::after_sync(const std::string& path) {
  const MutexLock lock(mutex_);
  ++syncs_[path];
  if (remember_syncs_) {
    synced_[path] = content_of(path);
  }
}

void FaultyVfs::deleted(const std::string& path) {
  const MutexLock lock(mutex_);
  synced_.erase(path);
}

void FaultyVfs::fail_syncs_of(const std::string& suffix) {
  const MutexLock lock(mutex_);
  failing_suffix_ = suffix;
}

std::int64_t FaultyVfs::syncs_of(const std::string& suffix) {
  const MutexLock lock(mutex_);
  std::int64_t syncs = 0;
  for (const auto& [path, count] : syncs_) {
    syncs += path.ends_with(suffix) ? count : 0;
  }
  return syncs;
}

void FaultyVfs::write_synced_files_to(const std::string& directory) {
  const MutexLock lock(mutex_);
  for (const auto& [path, content] : synced_) {
    const std::string name = std::filesystem::path(path).filename();
    std::ofstream(directory + "/" + name, std::ios::binary | std::ios::trunc) << content;
  }
}

}  // namespace hearth::store::testing
