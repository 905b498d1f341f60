// Tars block by block: sound by default, and every byte can be made to lie.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::archive::testing {

enum class TarStyle { Posix, Gnu };

struct TarItem {
  std::string name;
  std::string contents;
  char type = '0';
  unsigned mode = 0644;
  TarStyle style = TarStyle::Posix;
  std::string prefix = {};
  // Change the block before and after its checksum is set, and what follows it.
  std::function<void(std::string& block)> before = {};
  std::function<void(std::string& block)> after = {};
  std::function<void(std::string& contents)> data = {};
};

// Two blocks of zeros; a tar may end without them.
std::string tar_end();
std::string build_tar(const std::vector<TarItem>& items, const std::string& end = tar_end());

// A header with the records of pax for the entry after it (type 'x') or for all ('g').
using PaxRecords = std::vector<std::pair<std::string, std::string>>;
TarItem pax(const PaxRecords& records, char type = 'x');
TarItem gnu_long_name(const std::string& name);
TarItem tar_directory(const std::string& name);

// Writes `text` over the block from `at`.
void put(std::string& block, std::size_t at, std::string_view text);
// Where the fields of a header are.
inline constexpr std::size_t kTarName = 0;
inline constexpr std::size_t kTarMode = 100;
inline constexpr std::size_t kTarSize = 124;
inline constexpr std::size_t kTarChecksum = 148;
inline constexpr std::size_t kTarMagic = 257;

}  // namespace hearth::archive::testing
