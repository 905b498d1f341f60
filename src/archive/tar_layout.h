// Where what stands in a header block of a tar (POSIX ustar).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth::archive::tar {

inline constexpr std::size_t kBlockBytes = 512;
// The largest size that the header's octal digits can say; a pax record may say a larger one.
inline constexpr std::int64_t kOctalSizeMax = 077777777777;

struct Field {
  std::size_t at;
  std::size_t bytes;
};
inline constexpr Field kName{0, 100};
inline constexpr Field kMode{100, 8};
inline constexpr Field kUid{108, 8};
inline constexpr Field kGid{116, 8};
inline constexpr Field kSize{124, 12};
inline constexpr Field kModified{136, 12};
inline constexpr Field kChecksum{148, 8};
inline constexpr Field kType{156, 1};
inline constexpr Field kMagic{257, 8};
inline constexpr Field kPrefix{345, 155};

// Contents take up whole blocks: so many bytes follow them.
constexpr std::int64_t padding_of(std::int64_t bytes) {
  constexpr auto kBlock = static_cast<std::int64_t>(kBlockBytes);
  return (kBlock - bytes % kBlock) % kBlock;
}

}  // namespace hearth::archive::tar
