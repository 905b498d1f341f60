// What a TLS session is made from: for a server its certificate and whom it admits, for a client
// whom it believes and who it is. Immutable and shared by many sessions; thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace hearth::tls {

// PEM texts. `files` name them in errors.
struct ServerMaterial {
  std::string certificate;  // with its chain
  std::string key;
  std::string client_authority;  // empty: clients need no certificate
};

struct ServerFiles {
  std::string certificate;
  std::string key;
  std::string client_authority;
};

struct ClientFiles {
  std::string authority;    // empty: the system's
  std::string certificate;  // with key; empty: none is shown
  std::string key;
};

class Context {
 public:
  explicit Context(ssl_ctx_st* owned) : context_(owned) {}
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

// TLS 1.2 and newer, ALPN http/1.1, session tickets, no renegotiation. Each server context has
// ticket keys of its own, so that a session is never resumed past a change of its certificates.
Result<std::shared_ptr<const Context>> make_server_context(const ServerMaterial& material,
                                                           const ServerFiles& names);

// Reads the files. A client verifies chain and name (see Session).
Result<std::shared_ptr<const Context>> make_client_context(const ClientFiles& files);

}  // namespace hearth::tls
