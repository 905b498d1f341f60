#include "archive/byte_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "archive/refusal.h"

namespace hearth::archive {

Result<ByteSource> ByteSource::open(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return system_error("look at the archive", errno);
  }
  if (S_ISREG(status.st_mode)) {
    return ByteSource(fd, status.st_size);
  }
  return ByteSource(fd, std::nullopt);
}

Result<std::size_t> ByteSource::read_at(std::int64_t offset, std::span<char> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd_, out.data() + done, out.size() - done,
                                offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return system_error("read the archive", errno);
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<> ByteSource::read_exactly(std::int64_t offset, std::span<char> out) const {
  HEARTH_ASSIGN(const std::size_t got, read_at(offset, out));
  if (got < out.size()) {
    return refused("it is cut off");
  }
  return {};
}

}  // namespace hearth::archive
