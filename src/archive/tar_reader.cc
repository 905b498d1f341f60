#include "archive/tar_reader.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "archive/refusal.h"
#include "archive/tar_records.h"

namespace hearth::archive {
namespace {

using tar::Described;
using tar::Header;
using tar::kBlockBytes;

bool is_description(char type) {
  return type == tar::kPax || type == tar::kPaxGlobal || type == tar::kLongName ||
         type == tar::kLongLink;
}

std::string_view kind_of(char type) {
  switch (type) {
    case '1':
      return "a hard link";
    case '2':
      return "a symbolic link";
    case '3':
    case '4':
      return "a device";
    case '6':
      return "a named pipe";
    case 'S':
      return "a sparse file";
    default:
      return "of a kind that is not known";
  }
}

class TarReader {
 public:
  TarReader(ByteStream& bytes, const ArchiveLimits& limits, EntrySink& sink)
      : bytes_(bytes), entries_(limits), sink_(sink), buffer_(kPieceBytes) {}

  Result<ArchiveSummary> run() {
    for (;;) {
      HEARTH_ASSIGN(const std::size_t got, fill(block_));
      const std::string_view block(block_.data(), got);
      if (got == 0) {
        break;
      }
      if (got < kBlockBytes) {
        return refused("it is cut off");
      }
      if (tar::is_zero(block)) {
        HEARTH_TRY(read_padding());
        break;
      }
      HEARTH_TRY(read_header(block));
    }
    if (!described_.is_empty()) {
      return refused("it is cut off: a description without its entry ends it");
    }
    return ArchiveSummary{.format = ArchiveFormat::Tar,
                          .files = entries_.files(),
                          .directories = entries_.directories(),
                          .bytes = entries_.bytes()};
  }

 private:
  // Less than `out` only at the end.
  Result<std::size_t> fill(std::span<char> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      HEARTH_ASSIGN(const std::size_t got, bytes_.read(out.subspan(done)));
      if (got == 0) {
        break;
      }
      done += got;
    }
    return done;
  }

  Result<> fill_exactly(std::span<char> out) {
    HEARTH_ASSIGN(const std::size_t got, fill(out));
    return got == out.size() ? Result<>{} : refused("it is cut off");
  }

  Result<> skip_rest_of_block(std::int64_t bytes) {
    return fill_exactly(std::span(block_).first(static_cast<std::size_t>(tar::padding_of(bytes))));
  }

  // Two blocks of zeros end a tar, and tapes wanted more of them.
  Result<> read_padding() {
    std::int64_t total = kBlockBytes;
    for (;;) {
      HEARTH_ASSIGN(const std::size_t got, bytes_.read(buffer_));
      if (got == 0) {
        return {};
      }
      if (!tar::is_zero({buffer_.data(), got})) {
        return refused("something follows its end");
      }
      total += static_cast<std::int64_t>(got);
      if (total > limits::kArchiveTarPaddingBytesMax) {
        return over_limit("archive_tar_padding_bytes_max", limits::kArchiveTarPaddingBytesMax,
                          "too many zeros follow its end");
      }
    }
  }

  Result<> read_header(std::string_view block) {
    HEARTH_ASSIGN(Header header, tar::parse_header(block));
    if (is_description(header.type)) {
      return read_description(header);
    }
    HEARTH_ASSIGN(header, described_.applied_to(std::move(header)));
    described_ = {};
    const Result<> done = read_entry(header);
    return done ? Result<>{} : in_entry(header.name, done.error());
  }

  Result<> read_description(const Header& header) {
    if (header.bytes > limits::kArchiveTarRecordBytesMax) {
      return over_limit("archive_tar_record_bytes_max", limits::kArchiveTarRecordBytesMax,
                        "the description of an entry is too long");
    }
    std::string contents(static_cast<std::size_t>(header.bytes), '\0');
    HEARTH_TRY(fill_exactly(contents));
    HEARTH_TRY(skip_rest_of_block(header.bytes));
    return described_.add(header.type, contents);
  }

  Result<> read_entry(const Header& header) {
    const bool is_directory = header.type == '5';
    if (!is_directory && header.type != '0' && header.type != '\0') {
      return refused("it is " + std::string(kind_of(header.type)) +
                     "; only files and directories are taken");
    }
    std::string_view path = header.name;
    if (!is_directory && path.ends_with('/')) {
      return refused("it is a file and a directory at once");
    }
    if (is_directory && header.bytes != 0) {
      return refused("it is a directory with contents of its own");
    }
    path.remove_suffix(is_directory && path.ends_with('/') ? 1 : 0);
    // `tar -c .` writes all names so, and the folder itself as one.
    if (path == "." && is_directory) {
      return {};
    }
    path.remove_prefix(path.starts_with("./") ? 2 : 0);
    HEARTH_ASSIGN(const Entry entry, entries_.admit({.path = path,
                                                     .is_directory = is_directory,
                                                     .mode = header.mode,
                                                     .bytes = header.bytes}));
    HEARTH_TRY(sink_.begin(entry));
    return is_directory ? Result<>{} : copy(header.bytes);
  }

  Result<> copy(std::int64_t bytes) {
    for (std::int64_t left = bytes; left > 0;) {
      const auto most =
          static_cast<std::size_t>(std::min(left, static_cast<std::int64_t>(buffer_.size())));
      HEARTH_ASSIGN(const std::size_t got, bytes_.read(std::span(buffer_).first(most)));
      if (got == 0) {
        return refused("it is cut off");
      }
      HEARTH_TRY(sink_.write({buffer_.data(), got}));
      left -= static_cast<std::int64_t>(got);
    }
    HEARTH_TRY(skip_rest_of_block(bytes));
    return sink_.end();
  }

  ByteStream& bytes_;
  EntrySet entries_;
  EntrySink& sink_;
  std::array<char, kBlockBytes> block_{};
  std::vector<char> buffer_;
  Described described_;
};

}  // namespace

Result<ArchiveSummary> read_tar(ByteStream& bytes, const ArchiveLimits& limits, EntrySink& sink) {
  return TarReader(bytes, limits, sink).run();
}

}  // namespace hearth::archive
