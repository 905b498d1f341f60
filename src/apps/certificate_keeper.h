// Keeps the controller's certificate in step with its files: looks now and then, and at once when
// told to (SIGHUP), and logs what came of it.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "config/settings.h"
#include "tls/server_identity.h"

namespace hearth::apps {

class CertificateKeeper {
 public:
  // Null when the settings name no certificate. Has a thread of its own until destroyed.
  static Result<std::unique_ptr<CertificateKeeper>> start(const config::Settings& settings,
                                                          Clock& clock, Log& log);
  ~CertificateKeeper();
  CertificateKeeper(const CertificateKeeper&) = delete;
  CertificateKeeper& operator=(const CertificateKeeper&) = delete;

  [[nodiscard]] const tls::ServerIdentity& identity() const { return *identity_; }
  // Logs also that nothing has changed: somebody asked.
  void reload_now();

 private:
  CertificateKeeper(std::unique_ptr<tls::ServerIdentity> identity, Clock& clock, Log& log);
  void run();
  void look(bool asked);
  void warn_of_end();

  std::unique_ptr<tls::ServerIdentity> identity_;
  Clock& clock_;
  Log& log_;
  TimePoint warned_{};
  Mutex mutex_;
  Condition changed_;
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  bool asked_ HEARTH_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace hearth::apps
