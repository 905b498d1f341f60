// OpenSSL's objects as owned pointers, and its error queue as text. Private to tls/.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::tls {

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using CtxPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;

BioPtr read_only_bio(std::string_view bytes);

// Takes OpenSSL's error queue of this thread: its latest reason, or `otherwise` when it is empty.
std::string take_reason(std::string_view otherwise = "unknown reason");

// `what` names the text in errors ("/etc/hearth/server.pem").
Result<std::vector<CertPtr>> parse_certificates(std::string_view pem, std::string_view what);
Result<KeyPtr> parse_key(std::string_view pem, std::string_view what);

}  // namespace hearth::tls
