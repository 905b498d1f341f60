// The bounds of the doors, as limits.h has all others. Apart from it, because nearly every file
// includes that one and few ask about callers.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

inline constexpr Duration kTokenForMax = std::chrono::hours(24 * 365 * 10);
inline constexpr std::int64_t kTokenFileBytesMax = 4 * kKiB;
inline constexpr std::int64_t kTokenCommandsWaitingMax = 1'024;
// A stream whose token is revoked is ended at once; one whose token expires is ended within this.
inline constexpr Duration kExpiredStreamEndsWithin = std::chrono::seconds(15);
// Bad credentials from one address: so many at once, and so many in this much time.
inline constexpr std::int64_t kAuthFailuresMax = 10;
inline constexpr Duration kAuthFailuresPer = std::chrono::minutes(1);
// Addresses and callers whose rate is known.
inline constexpr std::int64_t kRatesKnownMax = 4'096;
inline constexpr std::int64_t kRefusalsLoggedPerMinuteMax = 60;
// Requests that submit, of one token or (where none is needed) one address.
inline constexpr std::int64_t kSubmitsPerSecondMax = 20'000;
// Requests being answered at this moment, without streams that are being read.
inline constexpr std::int64_t kRequestsAtOnceMax = 4'096;
// Between the tries of an agent that was refused for want of a good token: only an operator can
// mend that.
inline constexpr Duration kReconnectRefused = std::chrono::seconds(30);

}  // namespace hearth::limits
