// The rows of all tokens, durably. Few and seldom written, so they are held in memory as a whole
// (auth/token_table.h) and go their own way beside the appends of jobs.
//
// A TokenStore belongs to one thread.
#pragma once

#include <vector>

#include "auth/token_table.h"
#include "base/result.h"

namespace hearth::store {

// How a write failed decides what its caller does (architecture.md, "The controller").
enum class AppendStatus : std::uint8_t {
  Durable,
  // Surely not done (disk full, read-only, busy): keep the batch, retry it unchanged.
  NotDone,
  // Unknown or broken (failed fsync, corruption): the process must exit and recover.
  Fatal,
};

struct AppendOutcome {
  AppendStatus status = AppendStatus::Durable;
  Error error;
};

class TokenStore {
 public:
  virtual ~TokenStore() = default;
  virtual Result<std::vector<auth::TokenRecord>> load() = 0;
  // One transaction; blocks until durable.
  virtual AppendOutcome write(const auth::TokenChanges& changes) = 0;
};

}  // namespace hearth::store
