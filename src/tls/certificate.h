// What a person wants to know about a certificate.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hearth::tls {

struct CertificateFacts {
  std::string subject;             // the common name, or the whole name without one
  std::string issuer;              // likewise
  std::vector<std::string> names;  // DNS names and IP addresses it is for
  TimePoint not_before{};
  TimePoint not_after{};
  std::string fingerprint;  // SHA-256, lower-case hexadecimal
};

// Whether the certificate is for that name or address; "*.example.org" is for one label more.
bool is_for_host(const CertificateFacts& facts, std::string_view host);

// Of the first certificate in `pem`; `what` names it in errors.
Result<CertificateFacts> describe_certificate(std::string_view pem, std::string_view what);

// That the key belongs to the first certificate, that there is a private key at all, and that it
// needs no passphrase.
Result<> check_pair(std::string_view certificate_pem, std::string_view certificate_what,
                    std::string_view key_pem, std::string_view key_what);

// "2026-01-31"
std::string date_text(TimePoint time);

}  // namespace hearth::tls
