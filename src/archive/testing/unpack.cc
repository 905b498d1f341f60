// A static program that unpacks, as hearth-launcher's child does: UNPACK ARCHIVE FOLDER [UID]. With
// a UID it gives up all rights first. Prints the summary, or the error to stderr; the last line is
// the most memory that it had, in KiB.
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "archive/archive.h"
#include "base/unique_fd.h"

int main(int count, char** arguments) {
  if (count < 3) {
    return 2;
  }
  const hearth::UniqueFd archive(::open(arguments[1], O_RDONLY | O_CLOEXEC));
  const hearth::UniqueFd folder(::open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (count > 3) {
    const auto id = static_cast<uid_t>(std::atoi(arguments[3]));
    if (::setgroups(0, nullptr) != 0 || ::setgid(id) != 0 || ::setuid(id) != 0) {
      return 2;
    }
  }
  ::umask(077);
  const auto summary = hearth::archive::extract_archive(archive.get(), folder.get());
  if (!summary) {
    std::fprintf(stderr, "%s\n", summary.error().message.c_str());
    return 1;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%lld %lld %lld\n%ld\n", static_cast<long long>(summary->files),
              static_cast<long long>(summary->directories), static_cast<long long>(summary->bytes),
              usage.ru_maxrss);
  return 0;
}
