// ZIPs byte by byte: sound by default, and every field can be made to lie.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "archive/zip_format.h"

namespace hearth::archive::testing {

// What one of an entry's two headers says.
struct ZipHeader {
  std::string name;
  std::string extra;
  std::string comment;           // central only
  std::uint32_t attributes = 0;  // central only
  std::uint16_t disk = 0;        // central only
  zip::Fields fields;            // offset: central only
  std::uint32_t signature = 0;
};

struct ZipItem {
  std::string name;
  std::string contents;
  std::uint16_t method = zip::kStored;
  std::uint16_t flags = 0;
  std::uint32_t mode = 0100644;
  std::size_t descriptor = 0;  // its size: 12, 16, 20 or 24, with kHasDescriptor set; 0: none
  // Change what the headers say, and what is in between.
  std::function<void(ZipHeader&)> local = {};
  std::function<void(ZipHeader&)> central = {};
  std::function<void(ZipHeader&)> both = {};
  std::function<void(std::string& data, std::string& behind)> data = {};
};

struct ZipEnd {
  std::uint64_t entries_here = 0;
  std::uint64_t entries = 0;
  std::uint64_t disk = 0;
  std::uint64_t directory_disk = 0;
  std::uint64_t directory_bytes = 0;
  std::uint64_t directory_offset = 0;
  std::string comment;
};

struct ZipOptions {
  bool has_zip64 = false;  // the end record then says only that the figures are elsewhere
  std::function<void(ZipEnd&)> end = {};
  std::function<void(ZipEnd&)> end64 = {};
  std::function<void(std::string& locator)> locator = {};
  std::string before_directory = {};
  std::string after_directory = {};
};

std::string build_zip(const std::vector<ZipItem>& items, const ZipOptions& options = {});

ZipItem zip_directory(const std::string& name);

}  // namespace hearth::archive::testing
