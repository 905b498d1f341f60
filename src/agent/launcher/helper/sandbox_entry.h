// Namespaces that the helper steps into for the moment of a clone, so that the child begins there.
#pragma once

#include "base/unique_fd.h"

namespace hearth::agent::helper {

// The namespaces are left again when it is destroyed. A helper that cannot get back ends: whatever
// it started next would run in the wrong place.
class NamespaceVisit {
 public:
  // -1: stay where it is. On failure valid() is false and errno says why.
  NamespaceVisit(int mounts_fd, int network_fd);
  ~NamespaceVisit();
  NamespaceVisit(const NamespaceVisit&) = delete;
  NamespaceVisit& operator=(const NamespaceVisit&) = delete;

  [[nodiscard]] bool valid() const { return valid_; }

 private:
  UniqueFd own_network_;
  UniqueFd own_mounts_;
  UniqueFd own_root_;
  UniqueFd own_folder_;
  bool valid_ = true;
};

}  // namespace hearth::agent::helper
