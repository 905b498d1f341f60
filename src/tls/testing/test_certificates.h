// Certificates made at test time: one authority in a scratch directory, and what it signs as files.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"
#include "tls/authority.h"
#include "tls/context.h"
#include "tls/server_identity.h"

namespace hearth::tls::testing {

class TestCertificates {
 public:
  TestCertificates() : authority_(*make_authority("test", now(), now() + std::chrono::hours(48))) {
    write("ca.pem", authority_.certificate);
    server("server", {"localhost", "127.0.0.1"});
  }

  // NAME.pem and NAME.key; written again they are renewed.
  ServerFiles server(const std::string& name, std::vector<std::string> hosts,
                     Duration lifetime = std::chrono::hours(24)) {
    return keep(name, {.name = name, .hosts = std::move(hosts), .not_after = now() + lifetime});
  }
  ClientFiles client(const std::string& name) {
    const ServerFiles pair = keep(name, {.usage = Usage::Client,
                                         .name = name,
                                         .hosts = {},
                                         .not_after = now() + std::chrono::hours(1)});
    return {.authority = ca(), .certificate = pair.certificate, .key = pair.key};
  }
  [[nodiscard]] ServerFiles files(const std::string& name = "server") const {
    return {.certificate = path(name + ".pem"), .key = path(name + ".key"), .client_authority = ""};
  }
  [[nodiscard]] std::string ca() const { return path("ca.pem"); }
  [[nodiscard]] std::string path(const std::string& name) const { return dir_.file(name); }
  void write(const std::string& name, std::string_view text) const {
    EXPECT_TRUE(write_file_atomically(path(name), text, 0600));
  }
  std::unique_ptr<ServerIdentity> identity(bool wants_client_certificate = false) {
    ServerFiles wanted = files();
    wanted.client_authority = wants_client_certificate ? ca() : "";
    return std::move(*ServerIdentity::load(wanted, clock_));
  }
  TimePoint now() { return clock_.now(); }

 private:
  ServerFiles keep(const std::string& name, const LeafWish& wish) {
    // Validity begins five minutes early, so that "already expired" can be asked for.
    const Issued issued = *issue(authority_, wish, now());
    write(name + ".pem", issued.certificate);
    write(name + ".key", issued.key);
    return files(name);
  }

  hearth::testing::TempDir dir_;
  SystemClock clock_;
  Issued authority_;
};

}  // namespace hearth::tls::testing
