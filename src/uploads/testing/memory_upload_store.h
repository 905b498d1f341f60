// UploadStore in memory, for tests of those who use one: everything happens in the call.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "uploads/shelf.h"
#include "uploads/upload_store.h"

namespace hearth::uploads::testing {

class MemoryUploadStore final : public UploadStore {
 public:
  // Whatever is no archive to `check` is refused; without one, everything is an archive of one
  // file.
  explicit MemoryUploadStore(Clock& clock, CheckArchive check = {}, const UploadLimits& limits = {})
      : clock_(clock), check_(std::move(check)), shelf_(limits) {}

  Result<std::unique_ptr<IncomingUpload>> begin() override {
    const MutexLock lock(mutex_);
    std::vector<std::string> gone;
    const Result<> fits = shelf_.begin(clock_.monotonic_ns(), gone);
    remove_locked(gone);
    if (!fits) {
      return fits.error();
    }
    return std::unique_ptr<IncomingUpload>(std::make_unique<Incoming>(*this));
  }

  void keep(std::unique_ptr<IncomingUpload> incoming, OnKept done) override {
    auto& bytes = static_cast<Incoming&>(*incoming);
    Result<Upload> kept = take_in(bytes);
    incoming.reset();
    done(std::move(kept));
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
    const MutexLock lock(mutex_);
    const Upload* upload = shelf_.find(id);
    if (upload == nullptr) {
      return no_such_upload(id);
    }
    return OpenUpload{.upload = *upload, .file = file_of(archives_.at(id))};
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
    const MutexLock lock(mutex_);
    remove_locked(shelf_.take_expired(clock_.monotonic_ns()));
  }
  UploadStats stats() override {
    const MutexLock lock(mutex_);
    return shelf_.stats();
  }

  // Every write fails with it until it is taken back.
  void fail_with(std::optional<Error> error) {
    const MutexLock lock(mutex_);
    failure_ = std::move(error);
  }
  // An upload at once, whatever `bytes` are.
  Upload put(const std::string& bytes) {
    Result<Upload> kept = not_found("no upload");
    auto incoming = std::move(begin()).value();
    (void)incoming->write(bytes);
    const CheckArchive check = std::exchange(check_, {});
    keep(std::move(incoming), [&kept](Result<Upload> result) { kept = std::move(result); });
    check_ = check;
    return kept.value();
  }

 private:
  class Incoming final : public IncomingUpload {
   public:
    explicit Incoming(MemoryUploadStore& store) : store_(store) {}
    ~Incoming() override {
      if (!ended) {
        const MutexLock lock(store_.mutex_);
        store_.shelf_.end(std::ssize(bytes), std::nullopt, 0);
      }
    }
    Incoming(const Incoming&) = delete;
    Incoming& operator=(const Incoming&) = delete;

    Result<> write(std::string_view more) override {
      const MutexLock lock(store_.mutex_);
      if (store_.failure_) {
        return *store_.failure_;
      }
      std::vector<std::string> gone;
      const Result<> fits =
          store_.shelf_.reserve(std::ssize(more), store_.clock_.monotonic_ns(), gone);
      store_.remove_locked(gone);
      if (fits) {
        bytes += more;
      }
      return fits;
    }

    std::string bytes;
    bool ended = false;

   private:
    MemoryUploadStore& store_;
  };

  static UniqueFd file_of(const std::string& bytes) {
    UniqueFd file(::memfd_create("upload", MFD_CLOEXEC));
    (void)!::pwrite(file.get(), bytes.data(), bytes.size(), 0);
    return file;
  }

  Result<Upload> take_in(Incoming& incoming) {
    Content content{.files = 1, .bytes = std::ssize(incoming.bytes)};
    if (check_) {
      HEARTH_ASSIGN(content, check_(file_of(incoming.bytes).get()));
    }
    DigestStream digest;
    digest.add(incoming.bytes);
    const MutexLock lock(mutex_);
    Upload upload{.id = "upload-" + std::to_string(++last_),
                  .files = content.files,
                  .unpacked_bytes = content.bytes,
                  .bytes = std::ssize(incoming.bytes),
                  .digest = digest.finish()};
    incoming.ended = true;
    shelf_.end(upload.bytes, upload, clock_.monotonic_ns());
    archives_[upload.id] = incoming.bytes;
    return upload;
  }

  void remove_locked(const std::vector<std::string>& ids) HEARTH_REQUIRES(mutex_) {
    for (const std::string& id : ids) {
      archives_.erase(id);
    }
  }

  Clock& clock_;
  CheckArchive check_;
  Mutex mutex_;
  Shelf shelf_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::string, std::string> archives_ HEARTH_GUARDED_BY(mutex_);
  std::optional<Error> failure_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t last_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::uploads::testing
