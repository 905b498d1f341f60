// Result<T>: std::expected with [[nodiscard]], which g++ 12's own lacks.
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace hearth {

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  // Implicit, so that a function returns its error as it is.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : Base(std::unexpect, std::move(error)) {}
};

}  // namespace hearth

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

// Returns the error of `expr` from the enclosing function, if it has one.
#define HEARTH_TRY(expr)                                       \
  do {                                                         \
    if (auto hearth_try_result = (expr); !hearth_try_result) { \
      return std::move(hearth_try_result).error();             \
    }                                                          \
  } while (false)

// HEARTH_ASSIGN(auto x, expr); declares x with the value of `expr` or returns its error.
#define HEARTH_ASSIGN_INNER(tmp, declaration, expr) \
  auto tmp = (expr);                                \
  if (!tmp) {                                       \
    return std::move(tmp).error();                  \
  }                                                 \
  declaration = std::move(*tmp)
#define HEARTH_ASSIGN(declaration, expr) \
  HEARTH_ASSIGN_INNER(HEARTH_CONCAT(hearth_assign_, __LINE__), declaration, expr)
