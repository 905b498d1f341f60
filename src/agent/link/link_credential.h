// How an agent shows who it is. All empty: not at all, as on loopback.
#pragma once

#include <string>

namespace hearth::agent {

struct LinkCredential {
  std::string token;       // sent with each call
  std::string join_token;  // makes `token` good, when the controller does not know it
  bool is_new = false;     // `token` was drawn just now: join before anything else
};

}  // namespace hearth::agent
