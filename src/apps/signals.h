// Signals as descriptors: blocked for every thread, read where they are wanted.
#pragma once

#include <csignal>
#include <initializer_list>

#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth::apps {

class SignalFd {
 public:
  // Call before any thread is started: they inherit the mask.
  static Result<SignalFd> block(std::initializer_list<int> signals);
  [[nodiscard]] int get() const { return fd_.get(); }
  // Blocks until one arrives and returns its number.
  [[nodiscard]] int wait() const;

 private:
  explicit SignalFd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace hearth::apps
