// Two jobs at once: "do victim" leaves what it has wherever a job may leave something, and waits.
// attack_tool neighbours HOST_PID looks for it, HOST_PID being the victim's as the machine sees it.
#include "tests/attack/tool/neighbours.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr key_t kKey = 0x4154'4b31;
constexpr const char* kSecretFiles[] = {"/work/victim", "/tmp/victim", "/dev/shm/victim"};
constexpr std::string_view kSocketName("\0attack-victim", 14);
constexpr const char* kSharedFile = "/usr/bin/env";

sockaddr_un socket_address() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kSocketName.data(), kSocketName.size());
  return address;
}

constexpr socklen_t kSocketSize =
    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kSocketName.size());

pid_t victim_of(const Arguments& given) {
  return static_cast<pid_t>(number(given, 0, 1));
}

std::string victims_file(const Arguments& given, const char* name) {
  const std::string path = "/proc/" + std::to_string(victim_of(given)) + name;
  return outcome(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::string read_victims_memory(pid_t pid) {
  char byte = 0;
  const iovec local{.iov_base = &byte, .iov_len = 1};
  const iovec remote{.iov_base = reinterpret_cast<void*>(0x40'0000), .iov_len = 1};
  return outcome(::process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

std::string take_descriptor(pid_t pid) {
  const long victim = ::syscall(SYS_pidfd_open, pid, 0);
  return victim < 0 ? outcome(victim) : outcome(::syscall(SYS_pidfd_getfd, victim, 0, 0));
}

std::string connect_to_victim() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_un to = socket_address();
  return outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&to), kSocketSize));
}

std::string found_files() {
  for (const char* path : kSecretFiles) {
    if (::access(path, F_OK) == 0) {
      return std::string("allowed ") + path;
    }
  }
  return "refused ENOENT";
}

// By a lock on a file that all see, two that may not talk could: one bit at a time.
std::string see_lock() {
  const int fd = ::open(kSharedFile, O_RDONLY | O_CLOEXEC);
  return ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? "refused no lock seen" : "allowed a bit is seen";
}

constexpr std::array kProbes = {
    Probe{"neighbour-signal",
          [](const Arguments& given) { return outcome(::kill(victim_of(given), SIGKILL)); }},
    Probe{"neighbour-ptrace",
          [](const Arguments& given) {
            return outcome(::ptrace(PTRACE_SEIZE, victim_of(given), 0, 0));
          }},
    Probe{"neighbour-vm-read",
          [](const Arguments& given) { return read_victims_memory(victim_of(given)); }},
    Probe{"neighbour-pidfd-getfd",
          [](const Arguments& given) { return take_descriptor(victim_of(given)); }},
    Probe{"neighbour-kcmp",
          [](const Arguments& given) {
            return outcome(::syscall(SYS_kcmp, ::getpid(), victim_of(given), 0, 1, 1));
          }},
    Probe{"neighbour-memory-file",
          [](const Arguments& given) { return victims_file(given, "/mem"); }},
    Probe{"neighbour-environment",
          [](const Arguments& given) { return victims_file(given, "/environ"); }},
    Probe{"neighbour-root", [](const Arguments& given) { return victims_file(given, "/root"); }},
    Probe{"neighbour-folder", [](const Arguments& given) { return victims_file(given, "/cwd"); }},
    Probe{"neighbour-descriptor",
          [](const Arguments& given) { return victims_file(given, "/fd/0"); }},
    Probe{"neighbour-files", [](const Arguments&) { return found_files(); }},
    Probe{"neighbour-abstract-socket", [](const Arguments&) { return connect_to_victim(); }},
    Probe{"neighbour-shared-memory",
          [](const Arguments&) { return outcome(::shmget(kKey, 0, 0)); }},
    Probe{"neighbour-message-queue", [](const Arguments&) { return outcome(::msgget(kKey, 0)); }},
    Probe{"neighbour-semaphores", [](const Arguments&) { return outcome(::semget(kKey, 0, 0)); }},
    Probe{"neighbour-posix-queue",
          [](const Arguments&) { return outcome(::mq_open("/attack-victim", O_RDONLY)); }},
    Probe{"neighbour-lock", [](const Arguments&) { return see_lock(); }},
};

}  // namespace

std::span<const Probe> neighbour_probes() {
  return kProbes;
}

std::string be_victim() {
  for (const char* path : kSecretFiles) {
    std::ofstream(path) << "secret of the victim\n";
  }
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un at = socket_address();
  const bool is_listening =
      ::bind(listener, reinterpret_cast<const sockaddr*>(&at), kSocketSize) == 0 &&
      ::listen(listener, 4) == 0;
  const bool has_memory = ::shmget(kKey, 4096, IPC_CREAT | 0666) >= 0 &&
                          ::msgget(kKey, IPC_CREAT | 0666) >= 0 &&
                          ::semget(kKey, 1, IPC_CREAT | 0666) >= 0;
  const int shared = ::open(kSharedFile, O_RDONLY | O_CLOEXEC);
  const bool is_locked = ::flock(shared, LOCK_EX | LOCK_NB) == 0;
  const std::string line = std::string("victim ") + (is_listening ? "listens " : "") +
                           (has_memory ? "shares " : "") + (is_locked ? "locks" : "") + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, line.data(), line.size());
  stay();
}

}  // namespace hearth::attack
