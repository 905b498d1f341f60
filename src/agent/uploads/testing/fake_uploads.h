// Uploads that a test has at hand, or answers when it likes.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <string>
#include <utility>

#include "agent/uploads/uploads.h"

namespace hearth::agent::testing {

class FakeUploads final : public Uploads {
 public:
  void get(const AttemptKey& attempt, const std::string& upload, OnReady on_ready) override {
    asked.insert_or_assign(attempt, upload);
    waiting_.insert_or_assign(attempt, std::move(on_ready));
  }
  void forget(const AttemptKey& attempt) override {
    asked.erase(attempt);
    waiting_.erase(attempt);
  }

  // False when the attempt does not wait.
  bool give(const AttemptKey& attempt, const std::string& bytes) {
    UniqueFd file(::memfd_create("upload", MFD_CLOEXEC));
    if (::pwrite(file.get(), bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
      return false;
    }
    return answer(attempt, std::move(file));
  }
  bool refuse(const AttemptKey& attempt, Error error) { return answer(attempt, std::move(error)); }

  std::map<AttemptKey, std::string> asked;  // and not forgotten

 private:
  bool answer(const AttemptKey& attempt, Result<UniqueFd> result) {
    auto waiting = waiting_.extract(attempt);
    if (!waiting) {
      return false;
    }
    asked.erase(attempt);
    waiting.mapped()(std::move(result));
    return true;
  }

  std::map<AttemptKey, OnReady> waiting_;
};

}  // namespace hearth::agent::testing
