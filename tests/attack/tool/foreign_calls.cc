// System calls by the doors of other architectures, whose numbers mean other calls: a filter that
// does not look at the architecture lets them pass.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

#if defined(__x86_64__)

constexpr long kX32 = 0x4000'0000;
constexpr long kI386Getpid = 20;
constexpr long kI386Unshare = 310;
constexpr long kNewUser = 0x1000'0000;

std::string i386(long number, long argument) {
  long result = number;
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(argument), "c"(0), "d"(0), "S"(0), "D"(0)
               : "memory", "r8", "r9", "r10", "r11");
  const auto error = static_cast<int>(result);
  return error < 0 && error > -4096 ? refused(-error) : "allowed";
}

constexpr std::array kProbes = {
    Probe{"i386-getpid", [](const Arguments&) { return i386(kI386Getpid, 0); }},
    Probe{"i386-unshare", [](const Arguments&) { return i386(kI386Unshare, kNewUser); }},
    Probe{"x32-getpid", [](const Arguments&) { return outcome(::syscall(kX32 | SYS_getpid)); }},
    Probe{"x32-unshare",
          [](const Arguments&) { return outcome(::syscall(kX32 | SYS_unshare, kNewUser)); }},
    // Segments of 16 bits, by which kernels were attacked.
    Probe{"modify-ldt",
          [](const Arguments&) {
            std::array<char, 64> table{};
            return outcome(::syscall(SYS_modify_ldt, 0, table.data(), table.size()));
          }},
};

#else

constexpr std::array<Probe, 0> kProbes{};

#endif

}  // namespace

std::span<const Probe> foreign_call_probes() {
  return kProbes;
}

}  // namespace hearth::attack
