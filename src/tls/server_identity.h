// The certificate a server shows, kept in step with its files while the server runs.
//
// Sessions begin with what current() gives and keep it to their end; reload() reads the files again
// and replaces it only by something that was checked whole, so that a half-written or broken pair
// never takes a door down. Both doors, HTTP and gRPC, ask the same identity. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "tls/certificate.h"
#include "tls/context.h"

namespace hearth::tls {

class ServerIdentity {
 public:
  struct Snapshot {
    std::uint64_t generation = 0;  // raised by each replacement
    ServerMaterial material;
    CertificateFacts facts;
    std::shared_ptr<const Context> context;
  };
  enum class Reload { Unchanged, Replaced };

  static Result<std::unique_ptr<ServerIdentity>> load(ServerFiles files, Clock& clock);

  [[nodiscard]] std::shared_ptr<const Snapshot> current() const;

  // An error says what is wrong with the new files; the old certificate stays in use. The same
  // broken files are refused once and then reported as Unchanged until they change again.
  Result<Reload> reload();

  [[nodiscard]] bool requires_client_certificate() const {
    return !files_.client_authority.empty();
  }
  [[nodiscard]] const ServerFiles& files() const { return files_; }

 private:
  ServerIdentity(ServerFiles files, Clock& clock) : files_(std::move(files)), clock_(clock) {}
  Result<ServerMaterial> read() const;
  Result<std::shared_ptr<const Snapshot>> check(ServerMaterial material) const;

  const ServerFiles files_;
  Clock& clock_;
  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> current_ HEARTH_GUARDED_BY(mutex_);
  std::string refused_ HEARTH_GUARDED_BY(mutex_);  // what was refused last: the bytes, or the error
};

}  // namespace hearth::tls
