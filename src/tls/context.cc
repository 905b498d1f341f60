#include "tls/context.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/files.h"
#include "base/limits.h"
#include "tls/certificate.h"
#include "tls/openssl_ptr.h"

namespace hearth::tls {

namespace {

// Forward secret and authenticated only; TLS 1.3 has its own list.
constexpr const char* kCiphersOfTls12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kAlpn = "\x08http/1.1";

Result<CtxPtr> make_context(const SSL_METHOD* method) {
  CtxPtr context(SSL_CTX_new(method));
  if (context == nullptr) {
    return internal_error("cannot set up TLS: " + take_reason());
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), kCiphersOfTls12);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections keep no buffer; a write may be taken in part and repeated from another place.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Result<> use_pair(SSL_CTX& context, std::string_view certificate_pem,
                  std::string_view certificate_what, std::string_view key_pem,
                  std::string_view key_what) {
  HEARTH_TRY(check_pair(certificate_pem, certificate_what, key_pem, key_what));
  HEARTH_ASSIGN(const auto chain, parse_certificates(certificate_pem, certificate_what));
  HEARTH_ASSIGN(const KeyPtr key, parse_key(key_pem, key_what));
  if (SSL_CTX_use_certificate(&context, chain.front().get()) != 1) {
    return invalid_argument(std::string(certificate_what) + " cannot be used: " + take_reason());
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    SSL_CTX_add1_chain_cert(&context, chain[i].get());
  }
  if (SSL_CTX_use_PrivateKey(&context, key.get()) != 1) {
    return invalid_argument(std::string(key_what) + " cannot be used: " + take_reason());
  }
  return {};
}

Result<> trust(SSL_CTX& context, std::string_view pem, std::string_view what) {
  HEARTH_ASSIGN(const auto authorities, parse_certificates(pem, what));
  X509_STORE* store = SSL_CTX_get_cert_store(&context);
  for (const CertPtr& authority : authorities) {
    X509_STORE_add_cert(store, authority.get());
  }
  // A certificate that is named is believed, whether or not it signed itself.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  return {};
}

int choose_protocol(SSL* /*session*/, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
  unsigned char* out = nullptr;
  const auto* ours = reinterpret_cast<const unsigned char*>(kAlpn.data());
  if (SSL_select_next_proto(&out, chosen_size, ours, static_cast<unsigned>(kAlpn.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

Result<> admit_by_certificate(SSL_CTX& context, std::string_view pem, std::string_view what) {
  HEARTH_TRY(trust(context, pem, what));
  HEARTH_ASSIGN(const auto authorities, parse_certificates(pem, what));
  for (const CertPtr& authority : authorities) {
    SSL_CTX_add_client_CA(&context, authority.get());
  }
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

}  // namespace

Context::~Context() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const Context>> make_server_context(const ServerMaterial& material,
                                                           const ServerFiles& names) {
  HEARTH_ASSIGN(CtxPtr context, make_context(TLS_server_method()));
  HEARTH_TRY(use_pair(*context, material.certificate, names.certificate, material.key, names.key));
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  // Tickets hold the sessions: the server keeps none.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  constexpr std::string_view kSessionContext = "hearth";
  SSL_CTX_set_session_id_context(context.get(),
                                 reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  if (!material.client_authority.empty()) {
    HEARTH_TRY(admit_by_certificate(*context, material.client_authority, names.client_authority));
  }
  return std::make_shared<const Context>(context.release());
}

Result<std::shared_ptr<const Context>> make_client_context(const ClientFiles& files) {
  HEARTH_ASSIGN(CtxPtr context, make_context(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(kAlpn.data()),
                          static_cast<unsigned>(kAlpn.size()));
  if (files.authority.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    HEARTH_ASSIGN(const std::string pem,
                  read_file(files.authority, limits::kCertificateFileBytesMax));
    HEARTH_TRY(trust(*context, pem, files.authority));
  }
  if (files.certificate.empty() != files.key.empty()) {
    return invalid_argument(
        "a client certificate and its key belong together: give both --client-cert and "
        "--client-key, or neither");
  }
  if (!files.certificate.empty()) {
    HEARTH_ASSIGN(const std::string certificate,
                  read_file(files.certificate, limits::kCertificateFileBytesMax));
    HEARTH_ASSIGN(const std::string key, read_file(files.key, limits::kCertificateFileBytesMax));
    HEARTH_TRY(use_pair(*context, certificate, files.certificate, key, files.key));
  }
  return std::make_shared<const Context>(context.release());
}

}  // namespace hearth::tls
