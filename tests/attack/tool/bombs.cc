// More than is given: each grows until it is refused, or until its bound (its last argument).
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr std::size_t kMegabyte = 1'048'576;

// Calls `grow` until it gives below zero, `most` times at most.
template <class Grow>
std::string until_refused(long most, Grow grow) {
  for (long count = 0; count < most; ++count) {
    if (grow(count) < 0) {
      return counted(errno, count);
    }
  }
  return counted(0, most);
}

std::string fork_many(const Arguments& given) {
  std::vector<pid_t> children;
  std::string line = until_refused(number(given, 0, 100), [&](long) {
    const pid_t child = ::fork();
    if (child == 0) {
      stay();
    }
    children.push_back(child);
    return child;
  });
  for (const pid_t child : children) {
    if (child > 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  return line;
}

// Each child forks too, and none ever waits.
std::string fork_storm(const Arguments&) {
  ::alarm(30);  // of each: it is in none of them that what a killer forgot ends
  for (;;) {
    if (::fork() < 0) {
      wait_ms(1);
    }
    ::alarm(30);
  }
}

std::string thread_many(const Arguments& given) {
  return until_refused(number(given, 0, 100), [](long) {
    pthread_t thread{};
    pthread_attr_t small{};
    ::pthread_attr_init(&small);
    ::pthread_attr_setstacksize(&small, 65'536);
    const int error = ::pthread_create(
        &thread, &small, [](void*) -> void* { stay(); }, nullptr);
    errno = error;
    return error == 0 ? 0 : -1;
  });
}

std::string touch_memory(const Arguments& given, int flags) {
  return until_refused(number(given, 0, 64), [flags](long) {
    void* memory = ::mmap(nullptr, kMegabyte, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return -1;
    }
    std::memset(memory, 1, kMegabyte);
    return 0;
  });
}

int write_megabyte(int fd) {
  static const std::array<char, kMegabyte> bytes{1};
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  if (written >= 0 && written < static_cast<ssize_t>(bytes.size())) {
    errno = ENOSPC;
    return -1;
  }
  return written < 0 ? -1 : 0;
}

std::string fill_file(const Arguments& given) {
  const int fd = ::open(text(given, 0).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  return fd < 0 ? outcome(fd)
                : until_refused(number(given, 1, 64), [fd](long) { return write_megabyte(fd); });
}

std::string fill_memory_files(const Arguments& given) {
  return until_refused(number(given, 0, 64), [](long) {
    const int fd = ::memfd_create("attack", MFD_CLOEXEC);
    return fd < 0 ? fd : write_megabyte(fd);
  });
}

// Pages of the kernel's, in pipes as large as it lets.
std::string fill_pipes(const Arguments& given) {
  return until_refused(number(given, 0, 64), [](long) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
      return -1;
    }
    ::fcntl(ends[1], F_SETPIPE_SZ, kMegabyte);
    std::array<char, 4096> page{1};
    while (::write(ends[1], page.data(), page.size()) > 0) {
    }
    return 0;
  });
}

std::string fill_sockets(const Arguments& given) {
  return until_refused(number(given, 0, 64), [](long) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      return -1;
    }
    std::array<char, 16'384> bytes{1};
    for (const int end : ends) {
      while (::send(end, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
      }
    }
    return 0;
  });
}

std::string share_memory(const Arguments& given) {
  return until_refused(number(given, 0, 64), [](long) {
    const int id = ::shmget(IPC_PRIVATE, kMegabyte, IPC_CREAT | 0600);
    void* memory = id < 0 ? nullptr : ::shmat(id, nullptr, 0);
    if (id < 0 || memory == reinterpret_cast<void*>(-1)) {
      return -1;
    }
    std::memset(memory, 1, kMegabyte);
    return 0;
  });
}

std::string message_queues(const Arguments& given) {
  return until_refused(number(given, 0, 64), [](long) {
    const int id = ::msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    struct {
      long type = 1;
      std::array<char, 8'192> text{};
    } message;
    if (id < 0) {
      return -1;
    }
    while (::msgsnd(id, &message, message.text.size(), IPC_NOWAIT) == 0) {
    }
    return 0;
  });
}

std::string posix_queues(const Arguments& given) {
  return until_refused(number(given, 0, 64), [](long count) {
    const std::string name = "/attack-" + std::to_string(count);
    return ::mq_open(name.c_str(), O_RDWR | O_CREAT, 0600, nullptr);
  });
}

std::string open_many(const Arguments& given) {
  return until_refused(number(given, 0, 100),
                       [](long) { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); });
}

// Charged by the kernel to whoever made the user namespace, up to fs.inotify.max_user_instances of
// his: where that is the machine's root, jobs would take them from its services.
std::string watch_many(const Arguments& given) {
  return until_refused(number(given, 0, 16), [](long) { return ::inotify_init1(IN_CLOEXEC); });
}

std::string timers_many(const Arguments& given) {
  return until_refused(number(given, 0, 100),
                       [](long) { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC); });
}

std::string posix_timers_many(const Arguments& given) {
  return until_refused(number(given, 0, 100), [](long) {
    timer_t timer{};
    return ::timer_create(CLOCK_MONOTONIC, nullptr, &timer);
  });
}

std::string polls_many(const Arguments& given) {
  return until_refused(number(given, 0, 100), [](long) { return ::epoll_create1(EPOLL_CLOEXEC); });
}

std::string files_many(const Arguments& given) {
  const std::string folder = text(given, 0);
  return until_refused(number(given, 1, 100), [&folder](long count) {
    const int fd = ::open((folder + "/f" + std::to_string(count)).c_str(),
                          O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? fd : ::close(fd);
  });
}

// Deeper than any path can name.
std::string folders_deep(const Arguments& given) {
  const std::string name(200, 'd');
  return until_refused(number(given, 0, 100), [&name](long) {
    return ::mkdir(name.c_str(), 0700) != 0 ? -1 : ::chdir(name.c_str());
  });
}

// A file with no bytes but a size, which is nothing to make and everything to read.
std::string sparse(const Arguments& given) {
  const int fd = ::open("/work/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  return outcome(::ftruncate(fd, number(given, 0, 1) * 1024 * static_cast<long>(kMegabyte)));
}

std::string locks_many(const Arguments& given) {
  const int fd = ::open("/work/locked", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return until_refused(number(given, 0, 100), [fd](long count) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 2 * count;
    lock.l_len = 1;
    return ::fcntl(fd, F_SETLK, &lock);
  });
}

constexpr std::array kBombs = {
    Probe{"forks", fork_many},
    Probe{"fork-storm", fork_storm},
    Probe{"threads", thread_many},
    Probe{"touch", [](const Arguments& given) { return touch_memory(given, MAP_PRIVATE); }},
    Probe{"touch-shared", [](const Arguments& given) { return touch_memory(given, MAP_SHARED); }},
    Probe{"fill", fill_file},
    Probe{"memory-files", fill_memory_files},
    Probe{"pipes", fill_pipes},
    Probe{"sockets", fill_sockets},
    Probe{"shared-memory", share_memory},
    Probe{"message-queues", message_queues},
    Probe{"posix-queues", posix_queues},
    Probe{"open-files", open_many},
    Probe{"watches", watch_many},
    Probe{"timers", timers_many},
    Probe{"posix-timers", posix_timers_many},
    Probe{"polls", polls_many},
    Probe{"files", files_many},
    Probe{"folders", folders_deep},
    Probe{"sparse", sparse},
    Probe{"locks", locks_many},
};

}  // namespace

std::span<const Probe> bombs() {
  return kBombs;
}

}  // namespace hearth::attack
