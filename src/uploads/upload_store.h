// Archives that clients brought for their jobs: taken in whole or not at all, kept as long as a
// live job names them and a while longer, and within bounds.
//
// A body comes in pieces into an IncomingUpload, on whatever thread; keep() has it checked on a
// thread of the store and makes it durable before it says so. An upload that no live job names goes
// after Options::kept_for, or when room is needed, the one that was needed longest ago first; but
// nothing goes so soon after it came that its submitter could not have used it.
//
// Implementations: DiskUploadStore, MemoryUploadStore (testing/); both pass the contract suite.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/upload_limits.h"
#include "uploads/digest.h"

namespace hearth::uploads {

struct Upload {
  std::string id;
  std::int64_t files = 0;
  std::int64_t unpacked_bytes = 0;  // of those files
  std::int64_t bytes = 0;           // of the archive
  Digest digest{};                  // of the archive
  friend bool operator==(const Upload&, const Upload&) = default;
};

struct OpenUpload {
  Upload upload;
  UniqueFd file;  // for reading, with a position of its own
};

// Leaves nothing behind when it is destroyed without being kept. Outlived by its store.
class IncomingUpload {
 public:
  virtual ~IncomingUpload() = default;
  // ResourceExhausted with the limit's name when all uploads together would be too many bytes;
  // Unavailable when the disk is full.
  virtual Result<> write(std::string_view bytes) = 0;
};

struct UploadStats {
  std::int64_t kept = 0;
  std::int64_t bytes = 0;  // with what is coming in
  std::int64_t held = 0;   // named by live jobs
  std::int64_t checks_waiting = 0;
};

// What is found in an archive; the error says which entry and why, or that the machine failed.
struct Content {
  std::int64_t files = 0;
  std::int64_t bytes = 0;
};
using CheckArchive = std::function<Result<Content>(int fd)>;

class UploadStore {
 public:
  virtual ~UploadStore() = default;

  virtual Result<std::unique_ptr<IncomingUpload>> begin() = 0;
  // `done` is called once, on any thread, and must only post. On success the upload survives a
  // power failure.
  using OnKept = std::function<void(Result<Upload>)>;
  virtual void keep(std::unique_ptr<IncomingUpload> incoming, OnKept done) = 0;

  // A job is about to name it: it stays for a while from now on. NotFound.
  virtual Result<Upload> touch(const std::string& id) = 0;
  virtual Result<OpenUpload> open(const std::string& id) = 0;

  // A live job names it, and does so no more. It is not removed in between. Of one that is not
  // there nothing is noted.
  virtual void hold(const std::string& id) = 0;
  virtual void release(const std::string& id) = 0;

  // Removes what nobody needs any more; to be called now and then.
  virtual void sweep() = 0;
  [[nodiscard]] virtual UploadStats stats() = 0;
};

struct UploadLimits {
  std::int64_t kept_max = limits::kUploadsKeptMax;
  std::int64_t bytes_max = limits::kUploadsBytesMax;
  std::int64_t checks_waiting_max = limits::kUploadChecksWaitingMax;
  Duration kept_for = limits::kUploadKeptFor;
  Duration kept_min = limits::kUploadKeptMin;
};

Error no_such_upload(const std::string& id);

}  // namespace hearth::uploads
