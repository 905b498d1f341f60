// The way out: one POST to whom the policy admits.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "callbacks/callback_url.h"

namespace hearth::callbacks {

struct CallbackPost {
  CallbackUrl url;
  std::vector<std::pair<std::string, std::string>> headers;  // beside those of HTTP itself
  std::string body;
};

struct PostOutcome {
  int status = 0;             // 0: there was no answer, `why` says it
  bool is_forbidden = false;  // by the policy, for the address that the name resolved to
  std::string why;

  [[nodiscard]] bool is_taken() const { return status >= 200 && status < 300; }
};

class Poster {
 public:
  virtual ~Poster() = default;
  // `done` is called once, on a thread of the poster's, and must only post. Never blocks. After
  // stop() nothing is called any more.
  virtual void post(CallbackPost post, std::function<void(PostOutcome)> done) = 0;
  virtual void stop() = 0;
};

}  // namespace hearth::callbacks
