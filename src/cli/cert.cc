// `hearth cert`: an authority in a directory, and what it signs beside it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "tls/authority.h"
#include "tls/certificate.h"

namespace hearth::cli {

namespace {

using Action = CertCommand::Action;
using std::chrono::days;

constexpr std::int64_t kDaysMax = 825;  // what browsers and phones still accept
constexpr days kAuthorityLifetime{3650};
constexpr unsigned kPublicMode = 0644;
constexpr unsigned kSecretMode = 0600;
constexpr unsigned kDirectoryMode = 0755;

class CertTool {
 public:
  CertTool(const CertCommand& command, Clock& clock, const std::string& host_name)
      : command_(command), now_(clock.now()), host_name_(host_name) {}

  Result<std::string> run() {
    if (command_.action == Action::Show) {
      return show();
    }
    if (command_.days < 1 || command_.days > kDaysMax) {
      return invalid_argument("--days " + std::to_string(command_.days) + " is not between 1 and " +
                              std::to_string(kDaysMax) +
                              ", which is the longest that all clients accept");
    }
    switch (command_.action) {
      case Action::Init:
        return init();
      case Action::Client:
        return client();
      default:
        return server();
    }
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const {
    return command_.dir + "/" + name;
  }

  Result<std::string> init() {
    for (const char* name : {"ca.pem", "ca.key"}) {
      if (std::filesystem::exists(path(name))) {
        return Error{.code = ErrorCode::AlreadyExists,
                     .message = path(name) +
                                " exists, and what was signed by that authority would no longer be "
                                "believed; use it (hearth cert server --dir " +
                                command_.dir + "), or name another directory with --dir"};
      }
    }
    HEARTH_ASSIGN(
        const tls::Issued authority,
        tls::make_authority("Hearth authority of " + host_name_, now_, now_ + kAuthorityLifetime));
    // Tried before anything is written: a mistyped host must not leave half an authority.
    HEARTH_TRY(sign(authority, tls::Usage::Server, server_hosts()));
    HEARTH_TRY(make_directories(command_.dir, kDirectoryMode));
    HEARTH_TRY(write_file_atomically(path("ca.key"), authority.key, kSecretMode));
    HEARTH_TRY(write_file_atomically(path("ca.pem"), authority.certificate, kPublicMode));
    HEARTH_ASSIGN(const std::string made, server());
    return made + "The authority is " + path("ca.pem") +
           ": give that file to clients and agents. " + path("ca.key") +
           " signs for it: keep it secret.\n\n"
           "On loopback:\n"
           "  hearth controller --tls-cert " +
           path("server.pem") + " --tls-key " + path("server.key") +
           "\n"
           "For other machines the same with --http 0.0.0.0:7070 --grpc 0.0.0.0:50051, and "
           "tokens:\n"
           "  hearth token create --scope admin --data DIR      before the controller starts\n"
           "  export HEARTH_TOKEN=TOKEN HEARTH_URL=https://HOST:7070 HEARTH_CA=ca.pem\n"
           "  hearth token create --join > FILE\n"
           "  hearth agent --controller HOST:50051 --ca ca.pem --token-file FILE\n";
  }

  [[nodiscard]] std::vector<std::string> server_hosts() const {
    std::vector<std::string> hosts = command_.hosts;
    for (const std::string& own :
         {host_name_, std::string("localhost"), std::string("127.0.0.1"), std::string("::1")}) {
      if (!own.empty() && std::find(hosts.begin(), hosts.end(), own) == hosts.end()) {
        hosts.push_back(own);
      }
    }
    return hosts;
  }

  Result<std::string> server() { return issue(tls::Usage::Server, server_hosts()); }

  Result<std::string> client() { return issue(tls::Usage::Client, {}); }

  Result<std::string> issue(tls::Usage usage, std::vector<std::string> hosts) {
    HEARTH_TRY(check_name());
    auto certificate = read_file(path("ca.pem"), limits::kCertificateFileBytesMax);
    auto key = read_file(path("ca.key"), limits::kCertificateFileBytesMax);
    if (!certificate || !key) {
      const Error& error = certificate ? key.error() : certificate.error();
      return error.with_context("there is no authority in " + command_.dir +
                                " (hearth cert init --dir " + command_.dir + " makes one)");
    }
    HEARTH_ASSIGN(const tls::Issued issued, sign({*certificate, *key}, usage, std::move(hosts)));
    const std::string pem = path(command_.name + ".pem");
    HEARTH_TRY(check_replaceable(pem, *certificate));
    // A server that looks between the two sees a pair that does not fit, and keeps the old one.
    HEARTH_TRY(write_file_atomically(path(command_.name + ".key"), issued.key, kSecretMode));
    HEARTH_TRY(write_file_atomically(pem, issued.certificate, kPublicMode));
    HEARTH_ASSIGN(const std::string text, describe(pem));
    return text + "Its key is " + path(command_.name + ".key") + ".\n";
  }

  [[nodiscard]] Result<tls::Issued> sign(const tls::Issued& authority, tls::Usage usage,
                                         std::vector<std::string> hosts) const {
    return tls::issue(authority,
                      {.usage = usage,
                       .name = command_.name,
                       .hosts = std::move(hosts),
                       .not_after = now_ + days(command_.days)},
                      now_);
  }

  // Names become files beside the authority's.
  Result<> check_name() {
    const auto fine = [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    };
    const std::string& name = command_.name;
    if (name.empty() || name.size() > 64 || name == "ca" || name.front() == '.' ||
        !std::all_of(name.begin(), name.end(), fine)) {
      return invalid_argument("--name '" + name.substr(0, 64) +
                              "' must be 1 to 64 letters, digits, '-', '_' or '.', and not 'ca'");
    }
    return {};
  }

  // Renewing is fine; taking the place of somebody else's certificate is not.
  static Result<> check_replaceable(const std::string& pem, const std::string& authority) {
    const auto old = read_file(pem, limits::kCertificateFileBytesMax);
    if (!old && old.error().code == ErrorCode::NotFound) {
      return {};
    }
    HEARTH_ASSIGN(const auto ours, tls::describe_certificate(authority, "the authority"));
    const auto facts =
        old ? tls::describe_certificate(*old, pem) : Result<tls::CertificateFacts>(old.error());
    if (!facts || facts->issuer != ours.subject) {
      return Error{.code = ErrorCode::AlreadyExists,
                   .message = pem +
                              " exists and is not of this authority; choose another with --name or "
                              "--dir, or move it away"};
    }
    return {};
  }

  Result<std::string> show() { return describe(command_.file); }

  [[nodiscard]] Result<std::string> describe(const std::string& file) const {
    HEARTH_ASSIGN(const std::string pem, read_file(file, limits::kCertificateFileBytesMax));
    HEARTH_ASSIGN(const tls::CertificateFacts facts, tls::describe_certificate(pem, file));
    std::string names;
    for (const std::string& name : facts.names) {
      names += (names.empty() ? "" : ", ") + name;
    }
    return file + ": \"" + facts.subject + "\", issued by \"" + facts.issuer + "\"\n  for " +
           (names.empty() ? "no host" : names) + "\n  good from " +
           tls::date_text(facts.not_before) + " to " + tls::date_text(facts.not_after) +
           (facts.not_after <= now_ ? " (EXPIRED)" : "") + "\n  SHA-256 " + facts.fingerprint +
           "\n";
  }

  const CertCommand& command_;
  const TimePoint now_;
  const std::string& host_name_;
};

}  // namespace

int run_cert_command(const CertCommand& command, Clock& clock, const std::string& host_name,
                     Terminal terminal) {
  const Result<std::string> done = CertTool(command, clock, host_name).run();
  const std::string text = done ? *done : "hearth: " + done.error().message + "\n";
  const Result<> written = write_all(done ? terminal.out_fd : terminal.err_fd, text, "the answer");
  if (!done) {
    return done.error().code == ErrorCode::InvalidArgument ? kExitUsage : kExitBadNews;
  }
  return written ? kExitFine : kExitBadNews;
}

}  // namespace hearth::cli
