// What attack_tool is made of: attempts to get out of a sandbox, each with a line that says what
// came of it.
//
// None of them does harm where it succeeds: what is written is what was there, what grows has a
// bound, and what could only do harm is stopped one step before (a file opened, not written).
#pragma once

#include <span>
#include <string>
#include <vector>

namespace hearth::attack {

using Arguments = std::vector<std::string>;

struct Probe {
  const char* name;
  // Gives the outcome, one line: "refused ERRNO", "contained …" or "allowed …".
  std::string (*run)(const Arguments&);
};

struct Group {
  const char* name;
  std::span<const Probe> probes;
};

// Each probe of these runs in a process of its own, and they are run one after the other.
std::span<const Probe> mount_probes();
std::span<const Probe> namespace_probes();
std::span<const Probe> kernel_probes();
std::span<const Probe> foreign_call_probes();
std::span<const Probe> process_probes();
std::span<const Probe> identity_probes();
std::span<const Probe> setting_probes();
std::span<const Probe> secret_probes();
std::span<const Probe> file_probes();
std::span<const Probe> device_probes();
std::span<const Probe> network_probes();    // see network.cc for the arguments
std::span<const Probe> neighbour_probes();  // see neighbours.cc

// Of these one is run alone, as the job's own process.
std::span<const Probe> bombs();
std::span<const Probe> lives();
std::span<const Probe> talks();

// "refused EPERM"
std::string refused(int error);
// Of a system call's result: refused with errno below zero, else allowed.
std::string outcome(long result);
// "refused EAGAIN after 31" or "allowed 200".
std::string counted(int error, long count);

// Whole and in decimal; what does not parse, or is not there, is `otherwise`.
long number(const Arguments& arguments, std::size_t index, long otherwise);
std::string text(const Arguments& arguments, std::size_t index);

// Waits without a sleep.
void wait_ms(int milliseconds);
// Stays until it is killed; bounded, so that nothing stays where the killer fails.
[[noreturn]] void stay();

}  // namespace hearth::attack
