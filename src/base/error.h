// One error type for every fallible operation, with the facts a front door needs to answer well.
//
// The canonical gRPC codes are used everywhere, so each front door has one table of 16 rows.
// Expected failures are values (see result.h); broken invariants are HEARTH_CHECK (see check.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hearth {

enum class ErrorCode : std::uint8_t {
  Ok = 0,
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
};

std::string_view to_string(ErrorCode code);

// `message` is a human sentence: what was tried, on what, and what the caller can do.
// `kind` is the machine-readable code of spec §4 ("invalid_field", "queue_full", ...) or empty,
// when the front door derives one from `code`. `field` names a bad input field; `limit` and
// `limit_value` name a limit of base/limits.h that was passed.
struct Error {
  ErrorCode code = ErrorCode::Unknown;
  std::string message;
  std::string kind;
  std::string field;
  std::string limit;
  std::int64_t limit_value = 0;
  int sys_errno = 0;

  [[nodiscard]] Error with_context(std::string_view context) const;
};

Error invalid_argument(std::string message);
Error invalid_field(std::string field, std::string message);
Error not_found(std::string message);
Error unavailable(std::string message);
Error internal_error(std::string message);
Error limit_exceeded(std::string limit, std::int64_t limit_value, std::string message);
// `what` says what was tried ("open /var/lib/hearth/hearth.db"); the text of `sys_errno` is
// appended.
Error system_error(std::string_view what, int sys_errno);

}  // namespace hearth
