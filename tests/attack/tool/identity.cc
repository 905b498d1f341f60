// More rights than are given: users, capabilities, programs that give them.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <fstream>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

std::string status_line(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + ":\t")) {
      return line.substr(name.size() + 2);
    }
  }
  return "absent";
}

std::string capabilities() {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    if (const std::string bits = status_line(set);
        bits.find_first_not_of('0') != std::string::npos) {
      return std::string("allowed ") + set + " " + bits;
    }
  }
  return "refused no capability";
}

std::string raise_capability() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> wanted{};
  wanted[0].effective = wanted[0].permitted = 1U << static_cast<unsigned>(CAP_SYS_ADMIN);
  return outcome(::syscall(SYS_capset, &header, wanted.data()));
}

std::string is_set(const char* name, const std::string& wanted) {
  const std::string value = status_line(name);
  return value == wanted ? "refused " + std::string(name) + " " + value
                         : "allowed " + std::string(name) + " " + value;
}

// What a program says of its rights that has been started by a file that would give it some.
std::string run_for_rights(const std::string& path) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return outcome(-1);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl(path.c_str(), path.c_str(), "do", "rights", nullptr);
    const std::string why = refused(errno) + "\n";
    [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, why.data(), why.size());
    ::_exit(1);
  }
  ::close(ends[1]);
  std::array<char, 256> said{};
  const ssize_t got = ::read(ends[0], said.data(), said.size());
  ::waitpid(child, nullptr, 0);
  const std::string line(said.data(), static_cast<std::size_t>(got < 0 ? 0 : got));
  return line.substr(0, line.find('\n'));
}

std::string own_setuid() {
  const std::string path = "/work/setuid";
  std::ofstream(path, std::ios::binary)
      << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
  return ::chmod(path.c_str(), 06755) != 0 ? outcome(-1) : run_for_rights(path);
}

std::string own_capabilities() {
  std::ofstream("/work/capable") << "x";
  // Version 2, effective, all of the first half.
  const std::array<std::uint32_t, 5> attribute = {0x0200'0001, 0xffff'ffff, 0, 0, 0};
  return outcome(
      ::setxattr("/work/capable", "security.capability", attribute.data(), sizeof attribute, 0));
}

std::string give_away() {
  std::ofstream("/work/mine") << "x";
  return outcome(::chown("/work/mine", 0, 0));
}

// Programs in memory have no mount that could be without set-user-id: they have no new rights
// either.
std::string program_in_memory() {
  const int fd = ::memfd_create("attack", 0);
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::array<char, 65'536> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    if (::write(fd, piece.data(), static_cast<std::size_t>(in.gcount())) < 0) {
      return outcome(-1);
    }
  }
  ::fchmod(fd, 06755);
  return run_for_rights("/proc/self/fd/" + std::to_string(fd));
}

// A listener answers for the calls of whoever has the filter, its own children: with it a program
// could answer for others only if it were their parent.
std::string listen_to_calls() {
  sock_filter allow{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  const sock_fprog program{.len = 1, .filter = &allow};
  const long fd =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (fd < 0) {
    return outcome(fd);
  }
  // The filter it had is still asked: the strictest answer counts.
  return ::syscall(SYS_unshare, 0x1000'0000) == 0 ? "allowed passed the first filter"
                                                  : "contained " + refused(errno);
}

std::string file_user() {
  ::setfsuid(0);
  const int now = ::setfsuid(static_cast<uid_t>(-1));
  return now == 0 ? "allowed" : "refused";
}

constexpr std::array kProbes = {
    Probe{"capabilities", [](const Arguments&) { return capabilities(); }},
    Probe{"no-new-privileges", [](const Arguments&) { return is_set("NoNewPrivs", "1"); }},
    Probe{"call-filter", [](const Arguments&) { return is_set("Seccomp", "2"); }},
    Probe{"raise-capability", [](const Arguments&) { return raise_capability(); }},
    Probe{"raise-ambient",
          [](const Arguments&) {
            return outcome(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
          }},
    Probe{"unlock-securebits",
          [](const Arguments&) { return outcome(::prctl(PR_SET_SECUREBITS, 0, 0, 0, 0)); }},
    Probe{"drop-no-new-privileges",
          [](const Arguments&) { return outcome(::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); }},
    Probe{"setuid-root", [](const Arguments&) { return outcome(::setresuid(0, 0, 0)); }},
    Probe{"setgid-root", [](const Arguments&) { return outcome(::setresgid(0, 0, 0)); }},
    Probe{"setuid-other", [](const Arguments&) { return outcome(::setresuid(1, 1, 1)); }},
    Probe{"setgroups",
          [](const Arguments&) {
            const gid_t root = 0;
            return outcome(::setgroups(1, &root));
          }},
    Probe{"setfsuid", [](const Arguments&) { return file_user(); }},
    // The two that the operator shows: copies of this program, set-user-id root and with all
    // capabilities.
    Probe{"setuid-program", [](const Arguments& given) { return run_for_rights(text(given, 0)); }},
    Probe{"capable-program", [](const Arguments& given) { return run_for_rights(text(given, 1)); }},
    Probe{"own-setuid-program", [](const Arguments&) { return own_setuid(); }},
    Probe{"own-capable-program", [](const Arguments&) { return own_capabilities(); }},
    Probe{"program-in-memory", [](const Arguments&) { return program_in_memory(); }},
    Probe{"chown-to-root", [](const Arguments&) { return give_away(); }},
    Probe{"call-listener", [](const Arguments&) { return listen_to_calls(); }},
};

}  // namespace

std::span<const Probe> identity_probes() {
  return kProbes;
}

}  // namespace hearth::attack
