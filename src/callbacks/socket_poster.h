// Posts over sockets that never block: one thread for all of them, and one for names, since the C
// library waits for DNS. Both begin with the first post.
//
// A name is resolved once; the policy is asked for each address, and the one that is connected to
// is one of those that it admitted. No proxy is used, and no redirect followed: both would lead to
// hosts that nobody asked the policy for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task_limits.h"
#include "callbacks/address.h"
#include "callbacks/callback_policy.h"
#include "callbacks/poster.h"
#include "tls/context.h"

namespace hearth::callbacks {

// All addresses of a host, by the machine's own settings. Blocks.
Result<std::vector<Address>> resolve_host(const std::string& host);

class SocketPoster final : public Poster {
 public:
  struct Options {
    Duration time_max = limits::kCallbackTryTimeMax;  // of one post, from its call to its answer
    tls::ClientFiles tls;                             // whom to believe; the system's authorities
    std::function<Result<std::vector<Address>>(const std::string&)> resolve = resolve_host;
  };

  // `policy` and `clock` outlive it.
  SocketPoster(const CallbackPolicy& policy, Clock& clock, Options options);
  ~SocketPoster() override;
  SocketPoster(const SocketPoster&) = delete;
  SocketPoster& operator=(const SocketPoster&) = delete;

  void post(CallbackPost post, std::function<void(PostOutcome)> done) override;
  // Ends what is under way. Waits for a name that is being resolved.
  void stop() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::callbacks
