// A log's bytes in memory: the agent's unspooled output, and tests.
#pragma once

#include <string>
#include <string_view>

#include "output/bounded_log.h"

namespace hearth::output {

// Grows to the highest position written. Not thread-safe.
class StringStorage final : public ByteStorage {
 public:
  Result<> write_at(std::int64_t position, std::string_view bytes) override;
  Result<std::string> read_at(std::int64_t position, std::int64_t size) override;
  Result<> sync() override { return {}; }

 private:
  std::string bytes_;
};

}  // namespace hearth::output
