#include "tls/server_identity.h"

#include <utility>

#include "base/files.h"
#include "base/limits.h"

namespace hearth::tls {

namespace {

bool is_same(const ServerMaterial& a, const ServerMaterial& b) {
  return a.certificate == b.certificate && a.key == b.key &&
         a.client_authority == b.client_authority;
}

std::string all_of(const ServerMaterial& material) {
  return material.certificate + '\0' + material.key + '\0' + material.client_authority;
}

}  // namespace

Result<std::unique_ptr<ServerIdentity>> ServerIdentity::load(ServerFiles files, Clock& clock) {
  if (files.certificate.empty() || files.key.empty()) {
    return invalid_argument(
        "TLS needs a certificate and its key: give both --tls-cert FILE and --tls-key FILE (hearth "
        "cert init makes them)");
  }
  std::unique_ptr<ServerIdentity> identity(new ServerIdentity(std::move(files), clock));
  HEARTH_ASSIGN(ServerMaterial material, identity->read());
  HEARTH_ASSIGN(auto first, identity->check(std::move(material)));
  const MutexLock lock(identity->mutex_);
  identity->current_ = std::move(first);
  return identity;
}

std::shared_ptr<const ServerIdentity::Snapshot> ServerIdentity::current() const {
  const MutexLock lock(mutex_);
  return current_;
}

Result<ServerIdentity::Reload> ServerIdentity::reload() {
  const auto old = current();
  auto material = read();
  const std::string seen = material ? all_of(*material) : material.error().message;
  if (material && is_same(*material, old->material)) {
    const MutexLock lock(mutex_);
    refused_.clear();
    return Reload::Unchanged;
  }
  {
    const MutexLock lock(mutex_);
    if (seen == refused_) {
      return Reload::Unchanged;
    }
  }
  Result<std::shared_ptr<const Snapshot>> checked =
      material ? check(std::move(*material))
               : Result<std::shared_ptr<const Snapshot>>(material.error());
  const MutexLock lock(mutex_);
  if (!checked) {
    refused_ = seen;
    return std::move(checked).error();
  }
  refused_.clear();
  auto next = std::make_shared<Snapshot>(**checked);
  next->generation = current_->generation + 1;
  current_ = std::move(next);
  return Reload::Replaced;
}

Result<ServerMaterial> ServerIdentity::read() const {
  ServerMaterial material;
  HEARTH_ASSIGN(material.certificate,
                read_file(files_.certificate, limits::kCertificateFileBytesMax));
  HEARTH_ASSIGN(material.key, read_file(files_.key, limits::kCertificateFileBytesMax));
  if (!files_.client_authority.empty()) {
    HEARTH_ASSIGN(material.client_authority,
                  read_file(files_.client_authority, limits::kCertificateFileBytesMax));
  }
  return material;
}

Result<std::shared_ptr<const ServerIdentity::Snapshot>> ServerIdentity::check(
    ServerMaterial material) const {
  auto snapshot = std::make_shared<Snapshot>();
  HEARTH_ASSIGN(snapshot->context, make_server_context(material, files_));
  HEARTH_ASSIGN(snapshot->facts, describe_certificate(material.certificate, files_.certificate));
  if (snapshot->facts.not_after <= clock_.now()) {
    return invalid_argument("the certificate " + files_.certificate + " expired on " +
                            date_text(snapshot->facts.not_after) +
                            "; make a new one (hearth cert server)");
  }
  snapshot->material = std::move(material);
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

}  // namespace hearth::tls
