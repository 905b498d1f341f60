// The packets between the agent and hearth-launcher, as values. Pure: no socket here.
//
// One packet is one message: version, kind, then fields in a fixed order, integers little-endian,
// strings with their length. Both ends come from one build, so the version only guards against a
// helper left behind by another installation. A message above kInlineBytesMax does not travel in
// the packet but in a sealed memory file attached to it (the kernel bounds a packet by the socket's
// buffer). Decoding trusts nothing: every length is checked against what is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/launcher/launcher.h"
#include "base/result.h"

namespace hearth::agent::protocol {

inline constexpr std::size_t kInlineBytesMax = 32 * 1024;
inline constexpr std::size_t kMessageBytesMax = 512 * 1024;
// Three streams, those beside them, a sandbox's scratch and upload, and a memory file.
inline constexpr std::size_t kDescriptorsMax = 3 + limits::kExtraDescriptorsMax + 2 + 1;

struct SignalOrder {
  SpawnId id = 0;
  std::int32_t signal_number = 0;
};
// The message proper is in the memory file that is the packet's last descriptor.
struct Attached {
  std::uint32_t bytes = 0;
};

// In a decoded SpawnRequest all descriptors are places among those of the packet, or -1.
using ToHelper = std::variant<SpawnRequest, SignalOrder, Attached>;
using FromHelper = std::variant<SpawnOutcome, ExitOutcome>;

// The descriptors of `request` in the order of their places.
std::vector<int> descriptors_of(const SpawnRequest& request);

// InvalidArgument when a string holds NUL, the command is empty or the sandbox is not valid;
// ResourceExhausted when the message would pass kMessageBytesMax or kExtraDescriptorsMax.
Result<std::string> encode(const SpawnRequest& request);
std::string encode(const SignalOrder& order);
std::string encode(const Attached& attached);
std::string encode(const SpawnOutcome& outcome);
std::string encode(const ExitOutcome& outcome);

Result<ToHelper> decode_to_helper(std::string_view packet);
Result<FromHelper> decode_from_helper(std::string_view packet);

}  // namespace hearth::agent::protocol
