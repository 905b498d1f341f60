// A bundle for crun that is as close to level `process` as a runtime of containers gets: the same
// namespaces with ids of a range of their own, /usr read-only, tmpfs for /tmp and /work, no
// capabilities, memory, CPU and pids limits. No seccomp filter and no Landlock.
#pragma once

#include <string>
#include <vector>

namespace hearth::agent {

class CrunBundle {
 public:
  // Below `folder`. `program` must be in /usr and print nothing.
  CrunBundle(const std::string& folder, const std::string& program);

  // Why it cannot be measured here; "" when it can. Runs it once.
  [[nodiscard]] std::string why_not() const;
  // Makes, runs and removes one container; whether all of it succeeded.
  [[nodiscard]] bool run(const std::string& name) const;

 private:
  [[nodiscard]] std::vector<std::string> command(const std::string& name) const;

  std::string bundle_;
};

}  // namespace hearth::agent
