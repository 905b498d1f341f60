#include "model/worker.h"

#include <array>
#include <cstddef>

namespace hearth {
namespace {

constexpr std::array<std::string_view, kWorkerStateCount> kWorkerStates = {
    "STARTING", "READY", "BUSY", "STOPPING", "STOPPED"};

}  // namespace

// A value outside the enum can only come from a newer peer's message: it is shown, not trusted.
std::string_view to_string(WorkerState state) {
  const auto index = static_cast<std::size_t>(state);
  return index < kWorkerStates.size() ? kWorkerStates[index] : "unknown";
}

std::optional<WorkerState> parse_worker_state(std::string_view text) {
  for (std::size_t i = 0; i < kWorkerStates.size(); ++i) {
    if (kWorkerStates[i] == text) {
      return static_cast<WorkerState>(i);
    }
  }
  return std::nullopt;
}

}  // namespace hearth
