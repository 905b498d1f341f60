#include "base/error.h"

#include <array>
#include <cstring>

namespace hearth {

std::string_view to_string(ErrorCode code) {
  static constexpr std::array<std::string_view, 17> kNames = {"ok",
                                                              "cancelled",
                                                              "unknown",
                                                              "invalid_argument",
                                                              "deadline_exceeded",
                                                              "not_found",
                                                              "already_exists",
                                                              "permission_denied",
                                                              "resource_exhausted",
                                                              "failed_precondition",
                                                              "aborted",
                                                              "out_of_range",
                                                              "unimplemented",
                                                              "internal",
                                                              "unavailable",
                                                              "data_loss",
                                                              "unauthenticated"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames.at(index) : "unknown";
}

Error Error::with_context(std::string_view context) const {
  Error copy = *this;
  copy.message = std::string(context) + ": " + message;
  return copy;
}

Error invalid_argument(std::string message) {
  return Error{.code = ErrorCode::InvalidArgument, .message = std::move(message)};
}

Error invalid_field(std::string field, std::string message) {
  return Error{.code = ErrorCode::InvalidArgument,
               .message = std::move(message),
               .kind = "invalid_field",
               .field = std::move(field)};
}

Error not_found(std::string message) {
  return Error{.code = ErrorCode::NotFound, .message = std::move(message), .kind = "not_found"};
}

Error unavailable(std::string message) {
  return Error{.code = ErrorCode::Unavailable, .message = std::move(message)};
}

Error internal_error(std::string message) {
  return Error{.code = ErrorCode::Internal, .message = std::move(message)};
}

Error limit_exceeded(std::string limit, std::int64_t limit_value, std::string message) {
  return Error{.code = ErrorCode::ResourceExhausted,
               .message = std::move(message),
               .kind = "too_large",
               .limit = std::move(limit),
               .limit_value = limit_value};
}

Error system_error(std::string_view what, int sys_errno) {
  std::array<char, 256> buffer{};
  const char* text = strerror_r(sys_errno, buffer.data(), buffer.size());
  return Error{.code = ErrorCode::Internal,
               .message = std::string(what) + ": " + text,
               .sys_errno = sys_errno};
}

}  // namespace hearth
