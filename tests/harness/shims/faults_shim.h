// What the shim and the test share, mapped from one file.
#pragma once

#include <atomic>
#include <cstdint>

namespace hearth::harness {

struct Faults {
  std::atomic<int> sync_error;              // errno of fsync and fdatasync; 0: as ever
  std::atomic<int> write_error;             // of write and pwrite
  std::atomic<int> short_writes;            // not 0: they take half of what they are given
  std::atomic<std::int64_t> hits;           // calls that were made to fail
  std::atomic<std::int64_t> clock_shift_s;  // added to every reading of the wall clock
  char path[512];                           // files whose path begins so are concerned
};

}  // namespace hearth::harness
