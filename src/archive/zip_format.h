// ZIP's records as PKWARE's application note has them: signatures, sizes and where their fields
// are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth::archive::zip {

inline constexpr std::uint32_t kLocalSignature = 0x04034b50;
inline constexpr std::uint32_t kCentralSignature = 0x02014b50;
inline constexpr std::uint32_t kEndSignature = 0x06054b50;
inline constexpr std::uint32_t kEnd64Signature = 0x06064b50;
inline constexpr std::uint32_t kLocator64Signature = 0x07064b50;
inline constexpr std::uint32_t kDescriptorSignature = 0x08074b50;

inline constexpr std::size_t kLocalBytes = 30;
inline constexpr std::size_t kCentralBytes = 46;
inline constexpr std::size_t kEndBytes = 22;
inline constexpr std::size_t kEnd64Bytes = 56;
inline constexpr std::size_t kLocator64Bytes = 20;
inline constexpr std::size_t kCommentBytesMax = 0xffff;

// In a field that is too small, for "see the ZIP64 record".
inline constexpr std::uint16_t kElsewhere16 = 0xffff;
inline constexpr std::uint32_t kElsewhere32 = 0xffffffff;

inline constexpr std::uint16_t kStored = 0;
inline constexpr std::uint16_t kDeflated = 8;

inline constexpr std::uint16_t kEncrypted = 1U << 0U;
inline constexpr std::uint16_t kHasDescriptor = 1U << 3U;
// Two about how it was deflated, the descriptor, and that the name is UTF-8.
inline constexpr std::uint16_t kKnownFlags = 1U << 1U | 1U << 2U | kHasDescriptor | 1U << 11U;

inline constexpr std::uint32_t kDosDirectory = 0x10;

// An entry as the central directory has it, and where its data begins once the layout is known.
struct Fields {
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
};

}  // namespace hearth::archive::zip
