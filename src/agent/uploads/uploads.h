// What a runtime knows of uploads: the archive of one, to be unpacked where a job runs.
//
// Loop thread only. UploadCache is the real one, FakeUploads (testing/) is driven by a test.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "model/ids.h"

namespace hearth::agent {

class Uploads {
 public:
  virtual ~Uploads() = default;

  // A descriptor of the caller's own, for reading, with a position of its own. The error is a
  // sentence that ends the attempt. Called once and never before get() has returned; it may call
  // get() and forget().
  using OnReady = std::function<void(Result<UniqueFd>)>;
  // The controller gives an upload only to an agent that holds an attempt of a job that names it.
  virtual void get(const AttemptKey& attempt, const std::string& upload, OnReady on_ready) = 0;
  // The attempt waits no longer: its OnReady is not called. Nothing waiting is fine.
  virtual void forget(const AttemptKey& attempt) = 0;
};

}  // namespace hearth::agent
