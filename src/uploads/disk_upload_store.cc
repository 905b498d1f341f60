#include "uploads/disk_upload_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/mutex.h"
#include "base/random.h"
#include "uploads/shelf.h"
#include "uploads/upload_info.h"

namespace hearth::uploads {
namespace {

constexpr std::int64_t kInfoBytesMax = 1'024;
constexpr std::string_view kInfo = ".info";
constexpr std::size_t kRandomBytes = 16;
constexpr unsigned kPrivate = 0600;

// The disk's fault, which may pass.
Error storage_error(Error error) {
  error.code = ErrorCode::Unavailable;
  error.kind = "storage_unavailable";
  return error;
}

// Sorted by time, and nobody guesses it.
std::string new_id(Clock& clock) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr int kTimeBits = 44;
  const auto ms = static_cast<std::uint64_t>(to_ms(clock.now()));
  std::string id = "u";
  for (int shift = kTimeBits - 4; shift >= 0; shift -= 4) {
    id += kDigits[(ms >> static_cast<unsigned>(shift)) & 15U];
  }
  return id + random_hex(kRandomBytes);
}

class DiskUploadStore;

class IncomingFile final : public IncomingUpload {
 public:
  IncomingFile(DiskUploadStore& store, std::string path, UniqueFd fd)
      : store_(store), path_(std::move(path)), fd_(std::move(fd)) {}
  ~IncomingFile() override;
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;

  Result<> write(std::string_view bytes) override;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  Digest digest() { return digest_.finish(); }
  // It has another name, and its bytes are counted there.
  void kept() { ended_ = true; }

 private:
  DiskUploadStore& store_;
  const std::string path_;
  UniqueFd fd_;
  DigestStream digest_;
  std::int64_t bytes_ = 0;
  bool ended_ = false;
};

class DiskUploadStore final : public UploadStore {
 public:
  DiskUploadStore(std::string folder, CheckArchive check, Clock& clock, Log& log,
                  const DiskUploadOptions& options)
      : folder_(std::move(folder)),
        check_(std::move(check)),
        clock_(clock),
        log_(log),
        limits_(options.limits),
        shelf_(options.limits) {}

  ~DiskUploadStore() override {
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
    for (Check& check : checks_) {
      check.done(unavailable("keep the upload: the controller is stopping"));
    }
  }

  Result<> open_folder(int threads) {
    HEARTH_TRY(make_directories(folder_ + "/incoming", 0700));
    HEARTH_TRY(remove_all_in(folder_ + "/incoming"));
    HEARTH_TRY(sync_directory(folder_ + "/.."));
    HEARTH_TRY(load());
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
    return {};
  }

  Result<std::unique_ptr<IncomingUpload>> begin() override {
    HEARTH_TRY(make_room([this](Shelf& shelf, std::vector<std::string>& gone) {
      return shelf.begin(clock_.monotonic_ns(), gone);
    }));
    std::string path = folder_ + "/incoming/" + random_hex(kRandomBytes);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kPrivate));
    const int failure = errno;
    if (!fd.valid()) {
      end(0);
      return storage_error(system_error("make " + path, failure));
    }
    return std::unique_ptr<IncomingUpload>(
        std::make_unique<IncomingFile>(*this, std::move(path), std::move(fd)));
  }

  void keep(std::unique_ptr<IncomingUpload> incoming, OnKept done) override {
    // Made by begin().
    std::unique_ptr<IncomingFile> file(static_cast<IncomingFile*>(incoming.release()));
    {
      const MutexLock lock(mutex_);
      if (!stopping_ && std::ssize(checks_) < limits_.checks_waiting_max) {
        checks_.push_back({.file = std::move(file), .done = std::move(done)});
        wake_.notify_one();
        return;
      }
    }
    Error error = limit_exceeded("kUploadChecksWaitingMax", limits_.checks_waiting_max,
                                 "check the upload: " + std::to_string(limits_.checks_waiting_max) +
                                     " others wait for that already; try again later");
    error.kind = "rate_limited";
    file.reset();
    done(std::move(error));
  }

  Result<Upload> touch(const std::string& id) override {
    const MutexLock lock(mutex_);
    const Upload* upload = shelf_.find(id);
    if (upload == nullptr) {
      return no_such_upload(id);
    }
    shelf_.touch(id, clock_.monotonic_ns());
    return *upload;
  }

  Result<OpenUpload> open(const std::string& id) override {
    OpenUpload found;
    {
      const MutexLock lock(mutex_);
      const Upload* upload = shelf_.find(id);
      if (upload == nullptr) {
        return no_such_upload(id);
      }
      found.upload = *upload;
    }
    found.file = UniqueFd(::open(path_of(id).c_str(), O_RDONLY | O_CLOEXEC));
    if (!found.file.valid()) {
      return errno == ENOENT ? no_such_upload(id)
                             : storage_error(system_error("open " + path_of(id), errno));
    }
    return found;
  }

  void hold(const std::string& id) override {
    const MutexLock lock(mutex_);
    shelf_.hold(id);
  }
  void release(const std::string& id) override {
    const MutexLock lock(mutex_);
    shelf_.release(id, clock_.monotonic_ns());
  }

  void sweep() override {
    std::vector<std::string> expired;
    std::vector<std::pair<std::string, std::int64_t>> moved;
    {
      const MutexLock lock(mutex_);
      expired = shelf_.take_expired(clock_.monotonic_ns());
      moved = shelf_.take_moved();
    }
    remove(expired);
    for (const auto& [id, since_ns] : moved) {
      note_idle_since(id, since_ns);
    }
  }

  UploadStats stats() override {
    const MutexLock lock(mutex_);
    UploadStats stats = shelf_.stats();
    stats.checks_waiting = std::ssize(checks_);
    return stats;
  }

  // Of an IncomingFile.
  Result<> reserve(std::int64_t bytes) {
    return make_room([this, bytes](Shelf& shelf, std::vector<std::string>& gone) {
      return shelf.reserve(bytes, clock_.monotonic_ns(), gone);
    });
  }
  void end(std::int64_t reserved) {
    const MutexLock lock(mutex_);
    shelf_.end(reserved, std::nullopt, clock_.monotonic_ns());
  }

 private:
  struct Check {
    std::unique_ptr<IncomingFile> file;
    OnKept done;
  };

  [[nodiscard]] std::string path_of(const std::string& id) const { return folder_ + "/" + id; }

  template <class Ask>
  Result<> make_room(Ask ask) {
    std::vector<std::string> gone;
    Result<> fits;
    {
      const MutexLock lock(mutex_);
      fits = ask(shelf_, gone);
    }
    remove(gone);
    return fits;
  }

  void remove(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
      for (const std::string& path : {path_of(id), path_of(id).append(kInfo)}) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
          log_.warn("an upload that nobody needs stays until the next start",
                    {{"why", system_error("delete " + path, errno).message}});
        }
      }
    }
  }

  static Result<> remove_all_in(const std::string& folder) {
    HEARTH_ASSIGN(const std::vector<std::string> names, list_directory(folder));
    for (const std::string& name : names) {
      if (::unlink((folder + "/" + name).c_str()) != 0) {
        return system_error("delete " + folder + "/" + name, errno);
      }
    }
    return {};
  }

  // Of a process that was killed between two steps there is an archive without what is noted of it,
  // or the other way round: nobody was told of either.
  Result<> load() {
    HEARTH_ASSIGN(std::vector<std::string> names, list_directory(folder_));
    std::ranges::sort(names);  // an archive before what is noted of it
    for (const std::string& name : names) {
      const std::string id = name.substr(0, name.find('.'));
      const bool good = name == id ? load_one(id) : name == id + std::string(kInfo) && is_there(id);
      if (name != "incoming" && !good) {
        log_.warn("removing what is left of an upload", {{"file", path_of(name)}});
        ::unlink(path_of(name).c_str());
      }
    }
    return {};
  }

  [[nodiscard]] bool is_there(const std::string& id) const {
    return ::access(path_of(id).c_str(), F_OK) == 0;
  }

  bool load_one(const std::string& id) {
    const Result<std::string> text = read_file(path_of(id).append(kInfo), kInfoBytesMax);
    const Result<Upload> upload = text ? read_info(*text, id) : Result<Upload>(text.error());
    struct stat status {};
    if (!upload || ::stat(path_of(id).c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size != upload->bytes) {
      return false;
    }
    // By the wall clock, which may have been set: it is no older than kept_for and not of the
    // future.
    const std::int64_t age_ms = to_ms(clock_.now()) - status.st_mtim.tv_sec * std::int64_t{1'000};
    const std::int64_t believed_ms = std::clamp<std::int64_t>(age_ms, 0, limits_.kept_for.count());
    const MutexLock lock(mutex_);
    shelf_.found(*upload, clock_.monotonic_ns() - believed_ms * 1'000'000);
    return true;
  }

  void note_idle_since(const std::string& id, std::int64_t since_ns) {
    const std::int64_t ago_ms = (clock_.monotonic_ns() - since_ns) / 1'000'000;
    const std::int64_t at_s = (to_ms(clock_.now()) - ago_ms) / 1'000;
    const timespec at{.tv_sec = at_s, .tv_nsec = 0};
    const timespec times[2] = {at, at};  // NOLINT(modernize-avoid-c-arrays): the call takes one
    // Otherwise it counts as idle for longer, after a restart.
    (void)::utimensat(AT_FDCWD, path_of(id).c_str(), times, 0);
  }

  void work() {
    while (true) {
      Check check;
      {
        const MutexLock lock(mutex_);
        while (checks_.empty() && !stopping_) {
          wake_.wait(mutex_);
        }
        if (stopping_) {
          return;
        }
        check = std::move(checks_.front());
        checks_.pop_front();
      }
      Result<Upload> kept = take_in(*check.file);
      check.file.reset();
      check.done(std::move(kept));
    }
  }

  Result<Upload> take_in(IncomingFile& file) {
    HEARTH_ASSIGN(const Content content, check_(file.fd()));
    Upload upload{.id = new_id(clock_),
                  .files = content.files,
                  .unpacked_bytes = content.bytes,
                  .bytes = file.bytes(),
                  .digest = file.digest()};
    if (const Result<> durable = make_durable(file, upload); !durable) {
      ::unlink(path_of(upload.id).append(kInfo).c_str());
      return storage_error(durable.error());
    }
    const MutexLock lock(mutex_);
    file.kept();
    shelf_.end(file.bytes(), upload, clock_.monotonic_ns());
    return upload;
  }

  Result<> make_durable(const IncomingFile& file, const Upload& upload) const {
    if (::fsync(file.fd()) != 0) {
      return system_error("sync " + file.path(), errno);
    }
    HEARTH_TRY(
        write_file_atomically(path_of(upload.id).append(kInfo), write_info(upload), kPrivate));
    if (::rename(file.path().c_str(), path_of(upload.id).c_str()) != 0) {
      return system_error("rename " + file.path() + " to " + path_of(upload.id), errno);
    }
    if (const Result<> synced = sync_directory(folder_); !synced) {
      ::unlink(path_of(upload.id).c_str());
      return synced;
    }
    return {};
  }

  const std::string folder_;
  const CheckArchive check_;
  Clock& clock_;
  Log& log_;
  const UploadLimits limits_;
  Mutex mutex_;
  Condition wake_;
  Shelf shelf_ HEARTH_GUARDED_BY(mutex_);
  std::deque<Check> checks_ HEARTH_GUARDED_BY(mutex_);
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

IncomingFile::~IncomingFile() {
  if (!ended_) {
    ::unlink(path_.c_str());
    store_.end(bytes_);
  }
}

Result<> IncomingFile::write(std::string_view bytes) {
  HEARTH_TRY(store_.reserve(std::ssize(bytes)));
  bytes_ += std::ssize(bytes);
  digest_.add(bytes);
  if (const Result<> written = write_all(fd_.get(), bytes, path_); !written) {
    return storage_error(written.error());
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<UploadStore>> open_disk_upload_store(std::string folder, CheckArchive check,
                                                            Clock& clock, Log& log,
                                                            DiskUploadOptions options) {
  auto store =
      std::make_unique<DiskUploadStore>(std::move(folder), std::move(check), clock, log, options);
  HEARTH_TRY(store->open_folder(options.threads));
  return std::unique_ptr<UploadStore>(std::move(store));
}

}  // namespace hearth::uploads
