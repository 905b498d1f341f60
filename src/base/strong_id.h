// Ids that cannot be mixed up: StrongId<Tag> is ordered, hashable and converts to nothing by
// itself.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <utility>

namespace hearth {

template <class Tag, class Value = std::uint64_t>
class StrongId {
 public:
  using ValueType = Value;

  StrongId() = default;
  explicit StrongId(Value value) : value_(std::move(value)) {}

  [[nodiscard]] const Value& value() const { return value_; }
  [[nodiscard]] bool empty() const { return value_ == Value{}; }

  friend auto operator<=>(const StrongId&, const StrongId&) = default;
  friend bool operator==(const StrongId&, const StrongId&) = default;

 private:
  Value value_{};
};

}  // namespace hearth

template <class Tag, class Value>
struct std::hash<hearth::StrongId<Tag, Value>> {
  std::size_t operator()(const hearth::StrongId<Tag, Value>& id) const noexcept {
    return std::hash<Value>{}(id.value());
  }
};
