#include "front/agentlink/server_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>

namespace hearth::front::agentlink {

namespace {

// gRPC asks its core's "config fetcher" before each handshake; grpc++ 1.51 has no name for it, and
// its experimental file watcher would be a second opinion on which files are good.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(const tls::ServerIdentity& identity) : identity_(identity) {}

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    const auto asked = identity_.requires_client_certificate()
                           ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                           : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    grpc_ssl_server_credentials_options* options =
        grpc_ssl_server_credentials_create_options_using_config_fetcher(asked, fetch, this);
    grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(options);
    const int port = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  static grpc_ssl_certificate_config_reload_status fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->fetch(config);
  }

  grpc_ssl_certificate_config_reload_status fetch(grpc_ssl_server_certificate_config** config) {
    const auto current = identity_.current();
    if (given_.exchange(current->generation) == current->generation) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const tls::ServerMaterial& material = current->material;
    const grpc_ssl_pem_key_cert_pair pair{material.key.c_str(), material.certificate.c_str()};
    // gRPC insists on an authority for clients also where none is asked for a certificate.
    const std::string& authority =
        material.client_authority.empty() ? material.certificate : material.client_authority;
    *config = grpc_ssl_server_certificate_config_create(authority.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const tls::ServerIdentity& identity_;
  // The generation gRPC was given last.
  std::atomic<std::uint64_t> given_{std::numeric_limits<std::uint64_t>::max()};
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> make_server_credentials(
    const tls::ServerIdentity& identity) {
  return std::make_shared<ReloadingCredentials>(identity);
}

}  // namespace hearth::front::agentlink
