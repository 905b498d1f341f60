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

#include "agent/launcher/launcher.h"
#include "base/result.h"

namespace hearth::agent::protocol {

inline constexpr std::size_t kInlineBytesMax = 32 * 1024;
inline constexpr std::size_t kMessageBytesMax = 512 * 1024;
inline constexpr std::size_t kDescriptorsMax = 4;  // three streams and a memory file

struct SignalOrder {
  SpawnId id = 0;
  std::int32_t signal_number = 0;
};
// The message proper is in the memory file that is the packet's last descriptor.
struct Attached {
  std::uint32_t bytes = 0;
};

// In a decoded SpawnRequest the three *_fd are places among the packet's descriptors, or -1.
using ToHelper = std::variant<SpawnRequest, SignalOrder, Attached>;
using FromHelper = std::variant<SpawnOutcome, ExitOutcome>;

// InvalidArgument when a string holds NUL or the command is empty; ResourceExhausted when the
// message would pass kMessageBytesMax.
Result<std::string> encode(const SpawnRequest& request);
std::string encode(const SignalOrder& order);
std::string encode(const Attached& attached);
std::string encode(const SpawnOutcome& outcome);
std::string encode(const ExitOutcome& outcome);

Result<ToHelper> decode_to_helper(std::string_view packet);
Result<FromHelper> decode_from_helper(std::string_view packet);

}  // namespace hearth::agent::protocol
