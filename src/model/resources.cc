#include "model/resources.h"

#include <algorithm>

namespace hearth {
namespace {

using Named = std::vector<std::pair<std::string, std::int64_t>>;

Named::iterator at_or_after(Named& named, const std::string& name) {
  return std::lower_bound(
      named.begin(), named.end(), name,
      [](const auto& entry, const std::string& key) { return entry.first < key; });
}

// Keeps `named` sorted and free of zeros.
void change_named(Named& named, const std::string& name, std::int64_t delta) {
  const auto at = at_or_after(named, name);
  if (at == named.end() || at->first != name) {
    if (delta != 0) {
      named.insert(at, {name, delta});
    }
    return;
  }
  at->second += delta;
  if (at->second == 0) {
    named.erase(at);
  }
}

}  // namespace

std::int64_t ResourceVector::named_amount(const std::string& name) const {
  const auto at =
      std::lower_bound(named.begin(), named.end(), name,
                       [](const auto& entry, const std::string& key) { return entry.first < key; });
  return at != named.end() && at->first == name ? at->second : 0;
}

bool ResourceVector::fits_in(const ResourceVector& free) const {
  return cpu_milli <= free.cpu_milli && memory_bytes <= free.memory_bytes && gpus <= free.gpus &&
         std::all_of(named.begin(), named.end(), [&](const auto& entry) {
           return entry.second <= free.named_amount(entry.first);
         });
}

void ResourceVector::add(const ResourceVector& other) {
  cpu_milli += other.cpu_milli;
  memory_bytes += other.memory_bytes;
  gpus += other.gpus;
  for (const auto& [name, amount] : other.named) {
    change_named(named, name, amount);
  }
}

void ResourceVector::subtract(const ResourceVector& other) {
  cpu_milli -= other.cpu_milli;
  memory_bytes -= other.memory_bytes;
  gpus -= other.gpus;
  for (const auto& [name, amount] : other.named) {
    change_named(named, name, -amount);
  }
}

bool ResourceVector::is_zero() const {
  return cpu_milli == 0 && memory_bytes == 0 && gpus == 0 && named.empty();
}

}  // namespace hearth
