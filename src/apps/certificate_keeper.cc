#include "apps/certificate_keeper.h"

#include <chrono>
#include <utility>

#include "base/limits.h"

namespace hearth::apps {

namespace {

constexpr Duration kWarnBeforeEnd = std::chrono::days(14);
constexpr Duration kWarnInterval = std::chrono::days(1);

std::string names_of(const tls::ServerIdentity::Snapshot& snapshot) {
  std::string text;
  for (const std::string& name : snapshot.facts.names) {
    text += (text.empty() ? "" : ",") + name;
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<CertificateKeeper>> CertificateKeeper::start(
    const config::Settings& settings, Clock& clock, Log& log) {
  tls::ServerFiles files{.certificate = settings.text("tls_cert"),
                         .key = settings.text("tls_key"),
                         .client_authority = settings.text("tls_client_ca")};
  if (files.certificate.empty() && files.key.empty() && files.client_authority.empty()) {
    return std::unique_ptr<CertificateKeeper>();
  }
  HEARTH_ASSIGN(auto identity, tls::ServerIdentity::load(std::move(files), clock));
  return std::unique_ptr<CertificateKeeper>(new CertificateKeeper(std::move(identity), clock, log));
}

CertificateKeeper::CertificateKeeper(std::unique_ptr<tls::ServerIdentity> identity, Clock& clock,
                                     Log& log)
    : identity_(std::move(identity)), clock_(clock), log_(log) {
  const auto current = identity_->current();
  log_.info("TLS is on for HTTP and gRPC",
            {{"names", names_of(*current)},
             {"until", tls::date_text(current->facts.not_after)},
             {"clients", identity_->requires_client_certificate() ? "need a certificate" : "any"}});
  warn_of_end();
  thread_ = std::thread([this] { run(); });
}

CertificateKeeper::~CertificateKeeper() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void CertificateKeeper::reload_now() {
  const MutexLock lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

void CertificateKeeper::run() {
  for (;;) {
    bool asked = false;
    {
      const MutexLock lock(mutex_);
      if (!stopping_ && !asked_) {
        changed_.wait_for(mutex_, limits::kCertificateCheckInterval);
      }
      if (stopping_) {
        return;
      }
      asked = std::exchange(asked_, false);
    }
    look(asked);
  }
}

void CertificateKeeper::look(bool asked) {
  const auto outcome = identity_->reload();
  const auto current = identity_->current();
  if (!outcome) {
    log_.error("the new certificate is refused; the one in use stays",
               {{"why", outcome.error().message},
                {"in_use_until", tls::date_text(current->facts.not_after)}});
  } else if (*outcome == tls::ServerIdentity::Reload::Replaced) {
    log_.info("the certificate was replaced; new connections get it",
              {{"names", names_of(*current)}, {"until", tls::date_text(current->facts.not_after)}});
    warned_ = {};
  } else if (asked) {
    log_.info("the certificate files have nothing new that can be used");
  }
  warn_of_end();
}

void CertificateKeeper::warn_of_end() {
  const TimePoint now = clock_.now();
  const TimePoint end = identity_->current()->facts.not_after;
  if (end - now < kWarnBeforeEnd && now - warned_ >= kWarnInterval) {
    warned_ = now;
    log_.warn("the certificate ends soon; renew it (hearth cert server)",
              {{"file", identity_->files().certificate}, {"until", tls::date_text(end)}});
  }
}

}  // namespace hearth::apps
