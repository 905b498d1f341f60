// Machines of a test, and the faults of the network between them: each is a network namespace with
// one link to a router that forwards between all of them. They share the file system.
//
// The namespaces have no names: they are gone with the last process in them, also when the test is
// killed. Belongs to the test's main thread, whose namespace OnHost changes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "tests/harness/network/packet_fates.h"
#include "tests/harness/program.h"

namespace hearth::harness {

class Network;

struct Host {
  std::string address;
  std::string device;  // the router's end of its link
  UniqueFd network;
  int lost_from_percent = 0;
  int lost_to_percent = 0;
  std::unique_ptr<Program> relay;  // of a bad line
};

// While it lives, the calling thread, what it connects to and what it starts are on the host.
class OnHost {
 public:
  explicit OnHost(const Host& host) : OnHost(host.network) {}
  explicit OnHost(const UniqueFd& network);
  ~OnHost();
  OnHost(const OnHost&) = delete;
  OnHost& operator=(const OnHost&) = delete;

 private:
  UniqueFd before_;
};

class Network {
 public:
  // Why this machine cannot have one; empty: it can.
  static std::string missing();

  // `scratch` is for what its helpers say.
  explicit Network(std::string scratch);

  Host& add_host();
  // Its line delays, reorders, duplicates and drops.
  Host& add_host_behind(const LineFaults& faults, std::uint64_t seed);

  // The machine is gone with all its connections, and another with its address is in its place. End
  // what runs there before.
  void replace(Host& host);

  // The cable is pulled: nobody is told.
  void cut(const Host& host) const;
  void mend(const Host& host) const;
  // Packets get lost on their way, without a word. 0 and 0 ends it.
  void lose(Host& host, int from_percent, int to_percent);
  void lose_all(Host& host) { lose(host, 100, 100); }
  void lose_none(Host& host) { lose(host, 0, 0); }
  // In both directions.
  void limit_rate(const Host& host, int kbit_per_second) const;
  // What the router got from it so far.
  [[nodiscard]] std::int64_t bytes_from(const Host& host) const;

 private:
  Host& name_host();
  void run(const std::string& script, const std::string& input = "") const;
  void configure(const Host& host) const;
  void connect(const Host& host) const;

  const std::string scratch_;
  UniqueFd router_;
  std::deque<Host> hosts_;
};

}  // namespace hearth::harness
