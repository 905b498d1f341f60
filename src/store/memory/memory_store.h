// A store in memory for tests and the simulator. MemoryDisk plays the disk: it outlives the
// MemoryStore that plays the process, so a crash is "drop the store, open another on the same
// disk". What was not acknowledged is lost or kept as the injected fault says, never half of it.
//
// Deterministic; thread-safe, so that the real loop can run on it.
#pragma once

#include <memory>

#include "store/store.h"

namespace hearth::store {

class MemoryDisk {
 public:
  // What a coming append does instead of being acknowledged.
  enum class Fault : std::uint8_t {
    NotDone,         // AppendStatus::NotDone, nothing kept; the next append works again
    FatalLost,       // AppendStatus::Fatal, nothing kept
    FatalCommitted,  // AppendStatus::Fatal, but all of it was kept: an unknown outcome
  };

  MemoryDisk();
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  // The append after the next `skip` ones meets `fault`, once. After a fatal one, the store in use
  // refuses every append; a new one on the same disk works.
  void inject(Fault fault, std::uint64_t skip = 0);
  // Every append is NotDone while this is on.
  void set_full(bool full);
  [[nodiscard]] std::uint64_t appends() const;  // acknowledged, over all stores

  // Shared with the stores and readers on this disk.
  class State;
  [[nodiscard]] const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

std::unique_ptr<Store> open_memory_store(const std::shared_ptr<MemoryDisk>& disk);
inline std::unique_ptr<Store> open_memory_store() {
  return open_memory_store(std::make_shared<MemoryDisk>());
}

}  // namespace hearth::store
