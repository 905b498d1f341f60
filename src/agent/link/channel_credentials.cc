#include "agent/link/channel_credentials.h"

#include <grpcpp/grpcpp.h>

#include <string_view>

#include "base/files.h"
#include "base/limits.h"

namespace hearth::agent {

Result<std::shared_ptr<grpc::ChannelCredentials>> make_channel_credentials(
    const std::optional<tls::ClientFiles>& tls) {
  if (!tls) {
    return grpc::InsecureChannelCredentials();
  }
  // gRPC reads the same files without a word about what is wrong with them.
  HEARTH_TRY(tls::make_client_context(*tls));
  grpc::SslCredentialsOptions options;
  if (!tls->authority.empty()) {
    HEARTH_ASSIGN(options.pem_root_certs,
                  read_file(tls->authority, limits::kCertificateFileBytesMax));
  }
  if (!tls->certificate.empty()) {
    HEARTH_ASSIGN(options.pem_cert_chain,
                  read_file(tls->certificate, limits::kCertificateFileBytesMax));
    HEARTH_ASSIGN(options.pem_private_key, read_file(tls->key, limits::kCertificateFileBytesMax));
  }
  return grpc::SslCredentials(options);
}

std::string explain_failure(const std::string& message,
                            const std::optional<tls::ClientFiles>& tls) {
  const auto says = [&message](std::string_view text) {
    return message.find(text) != std::string::npos;
  };
  if (!tls) {
    return message;
  }
  const std::string authority =
      tls->authority.empty() ? "the system's authorities" : "the authority in " + tls->authority;
  if (says("CERTIFICATE_VERIFY_FAILED") || says("certificate verify failed")) {
    return "the controller's certificate is not from " + authority +
           ", or is past its time; name its authority with --ca FILE or HEARTH_CA (" + message +
           ")";
  }
  if (says("Peer name") || says("Hostname Verification")) {
    return "the controller's certificate is for other names than the one in --controller; use one "
           "of those, or give the controller a certificate for this one (hearth cert server "
           "--host NAME) (" +
           message + ")";
  }
  if (says("WRONG_VERSION_NUMBER") || says("wrong version number")) {
    return "the controller does not speak TLS there; leave out --ca, --tls and --client-cert, or "
           "start it with --tls-cert and --tls-key (" +
           message + ")";
  }
  return message;
}

}  // namespace hearth::agent
