// The bounds of sandboxes, as limits.h has all others. Apart from it, because nearly every file
// includes that one and few ask about sandboxes.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// Host ids that one sandbox has to itself; ids 0 to kSandboxIds - 1 inside stand for them.
inline constexpr std::uint32_t kSandboxIds = 65'536;
// No sandbox's ids begin below this: host id 0 could write the machine's settings from inside, and
// those of its services and users have files there.
inline constexpr std::uint32_t kSandboxIdBaseMin = 65'536;
// Where ranges are taken from by default. Nothing that systemd documents hands out ids here.
inline constexpr std::uint32_t kSandboxIdAreaFirst = 0x7000'0000;
inline constexpr std::uint32_t kSandboxIdAreaLast = 0x7ffd'ffff;

// Descriptors a program gets beside its three streams, as 3, 4, ….
inline constexpr std::int64_t kExtraDescriptorsMax = 8;
inline constexpr std::int64_t kSandboxReadOnlyPathsMax = 32;
inline constexpr std::int64_t kSandboxPathBytesMax = 4 * kKiB;

// Per sandbox, whatever is asked.
inline constexpr std::int64_t kSandboxOpenFilesDefault = 1'024;
inline constexpr std::int64_t kSandboxOpenFilesMax = 65'536;
inline constexpr std::int64_t kSandboxProcessesDefault = 512;
inline constexpr std::int64_t kSandboxProcessesMax = 32'768;
inline constexpr std::int64_t kSandboxFileBytesDefault = 1 * kGiB;
inline constexpr std::int64_t kSandboxFileBytesMax = 1'024 * kGiB;
inline constexpr std::int64_t kSandboxLockedBytes = 64 * kKiB;
inline constexpr std::int64_t kSandboxPendingSignals = 1'024;
// The tmpfs behind /, which only the launcher writes.
inline constexpr std::int64_t kSandboxRootBytes = 4 * kMiB;
inline constexpr std::int64_t kSandboxRootInodes = 1'024;

// What a task may write: /work, /tmp and /dev/shm together.
inline constexpr std::int64_t kScratchBytesDefault = 256 * kMiB;
inline constexpr std::int64_t kScratchBytesMin = 64 * kKiB;
inline constexpr std::int64_t kScratchBytesMax = 1'024 * kGiB;
inline constexpr std::int64_t kScratchInodesDefault = 16'384;
inline constexpr std::int64_t kScratchInodesMin = 64;
inline constexpr std::int64_t kScratchInodesMax = 16'777'216;

// What a launcher keeps to begin sandboxes faster: empty network namespaces, and templates of what
// sandboxes see of the machine, each used so long.
inline constexpr std::int64_t kSandboxNetworksKept = 64;
inline constexpr std::int64_t kSandboxTemplatesMax = 16;
inline constexpr Duration kSandboxTemplateFor = std::chrono::seconds(30);

// How long an agent's start waits for the sandbox that shows whether this machine can.
inline constexpr Duration kSandboxProbeDeadline = std::chrono::seconds(10);

// Of images: the index of an OCI layout, and the program that unpacks one.
inline constexpr std::int64_t kImageIndexBytesMax = 1 * kMiB;
inline constexpr Duration kImageUnpackDeadline = std::chrono::minutes(10);
inline constexpr std::int64_t kImageUnpackOutputBytesMax = 1 * kMiB;

}  // namespace hearth::limits
