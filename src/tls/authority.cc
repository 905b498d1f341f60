#include "tls/authority.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "base/ip_text.h"
#include "base/random.h"
#include "tls/certificate.h"
#include "tls/openssl_ptr.h"

namespace hearth::tls {

namespace {

constexpr Duration kClockSlack = std::chrono::minutes(5);
constexpr std::size_t kSerialBytes = 16;
constexpr std::size_t kNameBytesMax = 64;  // of a common name, by X.520
constexpr std::size_t kHostBytesMax = 253;
constexpr int kVersion3 = 2;

Error failed(std::string_view what) {
  return internal_error("cannot make a certificate: " + std::string(what) + ": " + take_reason());
}

// Strict, because hosts are written into a list with commas.
Result<> check_host(const std::string& host) {
  const std::string_view name =
      host.starts_with("*.") ? std::string_view(host).substr(2) : std::string_view(host);
  const bool clean = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
  if (is_ip(host) || (!name.empty() && host.size() <= kHostBytesMax && clean)) {
    return {};
  }
  return invalid_argument("'" + host.substr(0, kHostBytesMax) +
                          "' is neither a host name nor an IP address; give names such as "
                          "build.example.org or 192.0.2.7, without a port");
}

Result<std::string> to_pem(const X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(out.get(), certificate) != 1) {
    return failed("write it");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Result<std::string> to_pem(const EVP_PKEY* key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("write its key");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

struct Extension {
  int nid;
  std::string value;
};

Result<> add_extensions(X509& certificate, X509& issuer, const std::vector<Extension>& list) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  for (const Extension& one : list) {
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, one.nid, one.value.c_str());
    const bool added = made != nullptr && X509_add_ext(&certificate, made, -1) == 1;
    X509_EXTENSION_free(made);
    if (!added) {
      return failed(one.value);
    }
  }
  return {};
}

Result<CertPtr> begin_certificate(EVP_PKEY& key, std::string_view name, TimePoint from,
                                  TimePoint until) {
  CertPtr certificate(X509_new());
  X509_set_version(certificate.get(), kVersion3);
  std::array<std::byte, kSerialBytes> serial{};
  fill_random(serial);
  serial[0] &= std::byte{0x7f};  // positive
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                             static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  const auto seconds = [](TimePoint time) { return static_cast<std::time_t>(to_ms(time) / 1000); };
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds(from - kClockSlack));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds(until));
  const std::string common(name.substr(0, kNameBytesMax));
  const auto* text = reinterpret_cast<const unsigned char*>(common.data());
  if (X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                 MBSTRING_UTF8, text, static_cast<int>(common.size()), -1,
                                 0) != 1 ||
      X509_set_pubkey(certificate.get(), &key) != 1) {
    return failed("name it '" + common + "'");
  }
  return certificate;
}

Result<Issued> sign(X509& certificate, EVP_PKEY& key, EVP_PKEY& signer) {
  if (X509_sign(&certificate, &signer, EVP_sha256()) == 0) {
    return failed("sign it");
  }
  HEARTH_ASSIGN(std::string certificate_pem, to_pem(&certificate));
  HEARTH_ASSIGN(std::string key_pem, to_pem(&key));
  return Issued{std::move(certificate_pem), std::move(key_pem)};
}

Result<KeyPtr> new_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) {
    return failed("make its key");
  }
  return key;
}

Result<> check_authority(const Issued& authority, TimePoint not_after) {
  HEARTH_TRY(check_pair(authority.certificate, "the authority's certificate", authority.key,
                        "the authority's key"));
  HEARTH_ASSIGN(const auto certificates,
                parse_certificates(authority.certificate, "the authority's certificate"));
  if (X509_check_ca(certificates.front().get()) != 1) {
    return invalid_argument("the certificate given as the authority's is not one: it may not sign");
  }
  HEARTH_ASSIGN(const auto facts,
                describe_certificate(authority.certificate, "the authority's certificate"));
  if (not_after > facts.not_after) {
    return invalid_argument("the authority itself ends on " + date_text(facts.not_after) +
                            ", before the certificate would; ask for fewer days, or make a new "
                            "authority in another directory");
  }
  return {};
}

}  // namespace

Result<Issued> make_authority(std::string_view name, TimePoint now, TimePoint not_after) {
  HEARTH_ASSIGN(const KeyPtr key, new_key());
  HEARTH_ASSIGN(const CertPtr certificate, begin_certificate(*key, name, now, not_after));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  HEARTH_TRY(add_extensions(*certificate, *certificate,
                            {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                             {NID_key_usage, "critical,keyCertSign,cRLSign"},
                             {NID_subject_key_identifier, "hash"}}));
  return sign(*certificate, *key, *key);
}

Result<Issued> issue(const Issued& authority, const LeafWish& wish, TimePoint now) {
  HEARTH_TRY(check_authority(authority, wish.not_after));
  std::string alternatives;
  for (const std::string& host : wish.hosts) {
    HEARTH_TRY(check_host(host));
    alternatives +=
        (alternatives.empty() ? "" : ",") + (is_ip(host) ? "IP:" + host : "DNS:" + host);
  }
  if (wish.usage == Usage::Server && alternatives.empty()) {
    return invalid_argument("a server's certificate needs at least one host: give --host NAME");
  }
  HEARTH_ASSIGN(const auto issuer, parse_certificates(authority.certificate, "the authority"));
  HEARTH_ASSIGN(const KeyPtr issuer_key, parse_key(authority.key, "the authority's key"));
  HEARTH_ASSIGN(const KeyPtr key, new_key());
  HEARTH_ASSIGN(const CertPtr certificate, begin_certificate(*key, wish.name, now, wish.not_after));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.front().get()));
  std::vector<Extension> extensions = {
      {NID_basic_constraints, "critical,CA:FALSE"},
      {NID_key_usage, "critical,digitalSignature"},
      {NID_ext_key_usage, wish.usage == Usage::Server ? "serverAuth" : "clientAuth"},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, "keyid"}};
  if (!alternatives.empty()) {
    extensions.push_back({NID_subject_alt_name, alternatives});
  }
  HEARTH_TRY(add_extensions(*certificate, *issuer.front(), extensions));
  return sign(*certificate, *key, *issuer_key);
}

}  // namespace hearth::tls
