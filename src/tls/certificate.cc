#include "tls/certificate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdio>

#include "tls/openssl_ptr.h"

namespace hearth::tls {

namespace {

std::string name_text(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at >= 0) {
    const ASN1_STRING* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, data);
    if (size >= 0) {
      std::string text(utf8, utf8 + size);
      OPENSSL_free(utf8);
      return text;
    }
  }
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE);
  std::array<char, 256> text{};
  const int size = BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "";
}

TimePoint time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return {};
  }
  return TimePoint(std::chrono::seconds(::timegm(&parts)));
}

std::string ip_text(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
  ::inet_ntop(family, ASN1_STRING_get0_data(address), text.data(), text.size());
  return text.data();
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; list != nullptr && i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type == GEN_DNS) {
      const unsigned char* text = ASN1_STRING_get0_data(name->d.dNSName);
      names.emplace_back(text, text + ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      names.push_back(ip_text(name->d.iPAddress));
    }
  }
  GENERAL_NAMES_free(list);
  return names;
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr std::string_view kHex = "0123456789abcdef";
    text += {kHex[digest.at(i) >> 4U], kHex[digest.at(i) & 15U]};
  }
  return text;
}

int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

BioPtr read_only_bio(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string take_reason(std::string_view otherwise) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? std::string(otherwise) : text;
}

Result<std::vector<CertPtr>> parse_certificates(std::string_view pem, std::string_view what) {
  const BioPtr in = read_only_bio(pem);
  std::vector<CertPtr> certificates;
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(one);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = take_reason();
  if (certificates.empty() || !at_end) {
    return invalid_argument(std::string(what) + " holds no readable certificate (" +
                            (at_end ? "no \"-----BEGIN CERTIFICATE-----\"" : reason) +
                            "); give a file in PEM form");
  }
  return certificates;
}

Result<KeyPtr> parse_key(std::string_view pem, std::string_view what) {
  const BioPtr in = read_only_bio(pem);
  bool passphrase_asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, refuse_passphrase, &passphrase_asked));
  if (passphrase_asked) {
    ERR_clear_error();
    return invalid_argument(std::string(what) +
                            " is protected by a passphrase, which nobody is there to type; store "
                            "it without one, readable by its owner only");
  }
  if (key == nullptr) {
    return invalid_argument(std::string(what) + " holds no readable private key (" + take_reason() +
                            "); give a file in PEM form");
  }
  return key;
}

Result<CertificateFacts> describe_certificate(std::string_view pem, std::string_view what) {
  HEARTH_ASSIGN(const auto certificates, parse_certificates(pem, what));
  const X509* first = certificates.front().get();
  return CertificateFacts{.subject = name_text(X509_get_subject_name(first)),
                          .issuer = name_text(X509_get_issuer_name(first)),
                          .names = names_of(first),
                          .not_before = time_of(X509_get0_notBefore(first)),
                          .not_after = time_of(X509_get0_notAfter(first)),
                          .fingerprint = fingerprint_of(first)};
}

Result<> check_pair(std::string_view certificate_pem, std::string_view certificate_what,
                    std::string_view key_pem, std::string_view key_what) {
  HEARTH_ASSIGN(const auto certificates, parse_certificates(certificate_pem, certificate_what));
  HEARTH_ASSIGN(const KeyPtr key, parse_key(key_pem, key_what));
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    ERR_clear_error();
    return invalid_argument("the key " + std::string(key_what) +
                            " does not belong to the certificate " + std::string(certificate_what) +
                            "; give the two that were made together");
  }
  return {};
}

bool is_for_host(const CertificateFacts& facts, std::string_view host) {
  const auto equal = [](std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
  };
  const std::size_t dot = host.find('.');
  const std::string_view parent =
      dot == 0 || dot == std::string_view::npos ? std::string_view() : host.substr(dot);
  return std::ranges::any_of(facts.names, [&](const std::string& name) {
    const bool is_wildcard = name.starts_with("*.");
    return equal(name, host) ||
           (is_wildcard && !parent.empty() && equal(std::string_view(name).substr(1), parent));
  });
}

std::string date_text(TimePoint time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

}  // namespace hearth::tls
