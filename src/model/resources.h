// Quantities of a machine as integers: thousandths of a core, bytes, devices, named units.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hearth {

// `named` is sorted by name, without duplicates and without zeros, so that equality is value
// equality.
struct ResourceVector {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t gpus = 0;
  std::vector<std::pair<std::string, std::int64_t>> named;

  friend auto operator<=>(const ResourceVector&, const ResourceVector&) = default;
  friend bool operator==(const ResourceVector&, const ResourceVector&) = default;

  [[nodiscard]] std::int64_t named_amount(const std::string& name) const;
  [[nodiscard]] bool fits_in(const ResourceVector& free) const;
  // Each component of the result is >= 0 only if `other.fits_in(*this)` held before subtract.
  void add(const ResourceVector& other);
  void subtract(const ResourceVector& other);
  [[nodiscard]] bool is_zero() const;
};

}  // namespace hearth
