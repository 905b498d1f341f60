#include "tls/session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/ip_text.h"
#include "tls/certificate.h"
#include "tls/descriptor_bio.h"
#include "tls/openssl_ptr.h"

namespace hearth::tls {

namespace {

constexpr std::size_t kRecordBytesMax = 16 * 1024;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "no name at all" : text;
}

Result<CertificateFacts> facts_of(const X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (certificate == nullptr || PEM_write_bio_X509(out.get(), certificate) != 1) {
    ERR_clear_error();
    return not_found("the peer showed no certificate");
  }
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(out.get(), &text));
  return describe_certificate({text, size}, "the peer's certificate");
}

// A session forgets a certificate that it refuses; the message about it needs its names.
int keep_refused(int accepted, X509_STORE_CTX* verification) {
  if (accepted == 0) {
    auto* session = static_cast<SSL*>(
        X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto facts = facts_of(X509_STORE_CTX_get0_cert(verification));
    if (facts) {
      *static_cast<CertificateFacts*>(SSL_get_ex_data(session, 0)) = std::move(*facts);
    }
  }
  return accepted;
}

}  // namespace

Session::Session(ssl_st* owned, int fd, std::string host)
    : session_(owned), host_(std::move(host)) {
  BIO* bio = make_descriptor_bio(fd);
  SSL_set_bio(session_, bio, bio);
}

Session::~Session() {
  SSL_free(session_);
}

Result<std::unique_ptr<Session>> Session::accept(const Context& context, int fd) {
  SSL* session = SSL_new(context.get());
  if (session == nullptr) {
    return internal_error("cannot begin a TLS session: " + take_reason());
  }
  SSL_set_accept_state(session);
  return std::unique_ptr<Session>(new Session(session, fd, ""));
}

Result<std::unique_ptr<Session>> Session::connect(const Context& context, int fd,
                                                  const std::string& host) {
  SSL* session = SSL_new(context.get());
  if (session == nullptr) {
    return internal_error("cannot begin a TLS session: " + take_reason());
  }
  SSL_set_connect_state(session);
  X509_VERIFY_PARAM* wanted = SSL_get0_param(session);
  if (is_ip(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
    SSL_set_tlsext_host_name(session, host.c_str());
  }
  std::unique_ptr<Session> made(new Session(session, fd, host));
  made->refused_ = std::make_unique<CertificateFacts>();
  SSL_set_ex_data(session, 0, made->refused_.get());
  SSL_set_verify(session, SSL_VERIFY_PEER, keep_refused);
  return made;
}

Io Session::handshake() {
  ERR_clear_error();
  return explain(SSL_do_handshake(session_));
}

Moved Session::read(std::span<char> space) {
  Moved moved;
  // Whole records are taken as long as the next one surely fits.
  do {
    ERR_clear_error();
    std::size_t part = 0;
    const std::span<char> rest = space.subspan(moved.bytes);
    moved.io = explain(SSL_read_ex(session_, rest.data(), rest.size(), &part));
    moved.bytes += part;
  } while (moved.io == Io::Done && space.size() - moved.bytes >= kRecordBytesMax);
  if (moved.bytes > 0 && (moved.io == Io::WantRead || moved.io == Io::WantWrite)) {
    moved.io = Io::Done;
  }
  return moved;
}

Moved Session::write(std::string_view bytes) {
  ERR_clear_error();
  Moved moved;
  moved.io = explain(SSL_write_ex(session_, bytes.data(), bytes.size(), &moved.bytes));
  return moved;
}

void Session::close_notify() {
  if (established() && why_.empty()) {
    ERR_clear_error();
    SSL_shutdown(session_);
    ERR_clear_error();
  }
}

bool Session::established() const {
  return SSL_is_init_finished(session_) == 1;
}

bool Session::resumed() const {
  return SSL_session_reused(session_) == 1;
}

std::string Session::protocol() const {
  return SSL_get_version(session_);
}

Io Session::explain(int result) {
  const int saved_errno = errno;
  if (result == 1) {
    return Io::Done;
  }
  switch (SSL_get_error(session_, result)) {
    case SSL_ERROR_WANT_READ:
      return Io::WantRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::WantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::End;
    default:
      break;
  }
  if (why_.empty()) {  // what comes after the first failure is only its echo
    why_ = ERR_peek_error() == 0
               ? std::string("the connection broke: ") + std::strerror(saved_errno)
               : describe_failure();
  }
  ERR_clear_error();
  return Io::Broken;
}

// The peer's certificate was not accepted by this end.
std::string Session::refusal_of_peer() const {
  const long verdict = SSL_get_verify_result(session_);
  const std::string text = X509_verify_cert_error_string(verdict);
  if (host_.empty()) {
    return "the client's certificate was not accepted: " + text;
  }
  const CertificateFacts& facts = *refused_;
  const std::string which = "the server's certificate (issued by \"" + facts.issuer + "\") ";
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is for " + joined(facts.names) + ", not for " + host_ +
             "; connect by one of those names, or give the server a certificate for this one "
             "(hearth cert server --host " +
             host_ + ")";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return which + "expired on " + date_text(facts.not_after) +
             "; give the server a new one (hearth cert server), or check this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return which + "is valid only from " + date_text(facts.not_before) +
             " on; check this machine's clock";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return which +
             "is not from an authority trusted here; name that authority's certificate with --ca "
             "FILE or HEARTH_CA (hearth cert init makes it as ca.pem)";
    default:
      return which + "was not accepted: " + text;
  }
}

std::string Session::describe_failure() const {
  const unsigned long code = ERR_peek_error();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
    return take_reason("TLS failed");
  }
  switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return refusal_of_peer();
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the client showed no certificate, and one is required";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
      return host_.empty() ? "the client does not speak TLS"
                           : "the server does not speak TLS there; use http://, or start it with "
                             "--tls-cert and --tls-key";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "the server wants a certificate from its clients (or shares no cipher with this one); "
             "give --client-cert FILE and --client-key FILE";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      return std::string(host_.empty() ? "the client does not accept this server's certificate"
                                       : "the server does not accept this client's certificate") +
             ": " + take_reason();
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "the connection ended in the middle of TLS";
    default:
      return take_reason("TLS failed");
  }
}

}  // namespace hearth::tls
