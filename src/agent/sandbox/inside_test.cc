// What a program sees and may do in a sandbox of level process.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "agent/sandbox/testing/sandbox_fixture.h"
#include "base/files.h"

namespace hearth::agent {
namespace {

class SandboxInsideTest : public SandboxFixture, public ::testing::WithParamInterface<Origin> {
 protected:
  SandboxInsideTest() : SandboxFixture(GetParam()) {}

  // What `text` writes when it fails, "allowed" when it does not.
  std::string refusal(const std::string& text) {
    return output("if { " + text +
                  " ; } > /dev/null 2> /tmp/why; then echo allowed; else cat "
                  "/tmp/why; fi");
  }
  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

INSTANTIATE_TEST_SUITE_P(Origins, SandboxInsideTest,
                         ::testing::Values(Origin::Alone, Origin::Template), origin_name);

TEST_P(SandboxInsideTest, TheProgramIsTheTaskAndNobodyElse) {
  EXPECT_EQ(output("id"), "uid=1000(task) gid=1000(task) groups=1000(task)\n");
  EXPECT_EQ(output("hostname; cat /etc/hostname"), "sandbox\nsandbox\n");
  EXPECT_EQ(output("pwd; umask"), "/work\n0022\n");
  const std::string range = " 0 " + std::to_string(range_.base()) + " 65536\n";
  EXPECT_EQ(output("cat /proc/self/uid_map | tr -s ' '"), range);
  SpawnRequest other = script("id -u; id -g");
  other.sandbox->uid = 1234;
  other.sandbox->gid = 4321;
  EXPECT_EQ(run(other).out, "1234\n4321\n");
}

TEST_P(SandboxInsideTest, NoRightIsLeft) {
  const std::string status = output("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_TRUE(holds(status, std::string(set) + ":\t0000000000000000\n")) << status;
  }
  EXPECT_TRUE(holds(status, "NoNewPrivs:\t1\n"));
  EXPECT_TRUE(holds(status, "Seccomp:\t2\n"));
}

TEST_P(SandboxInsideTest, OnlyTheseProcessesAreSeen) {
  EXPECT_EQ(output("echo $$; cd /proc; for p in [0-9]*; do echo $p; done"), "2\n2\n")
      << "its own pid, and nothing but itself";
  EXPECT_EQ(output("[ -d /proc/1 ] || echo hidden"), "hidden\n");
}

TEST_P(SandboxInsideTest, TheEnvironmentIsTheOneGiven) {
  SpawnRequest wanted = request({"/usr/bin/env"});
  wanted.env = {"A=1", "B=with space"};
  EXPECT_EQ(run(wanted).out, "A=1\nB=with space\n");
}

TEST_P(SandboxInsideTest, OnlyGivenDescriptorsAreOpen) {
  EXPECT_EQ(output("cd /proc/self/fd; echo *"), "0 1 2 3\n") << "3 is the shell's, to list them";
  const UniqueFd secret(open("/etc/shadow", O_RDONLY));  // without close-on-exec
  EXPECT_EQ(output("cd /proc/self/fd; echo *"), "0 1 2 3\n");
  std::array<int, 2> first{};
  std::array<int, 2> second{};
  ASSERT_EQ(pipe2(first.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(second.data(), O_CLOEXEC), 0);
  ASSERT_EQ(write(first[1], "three\n", 6), 6);
  SpawnRequest wanted = script("head -n 1 <&3; echo four >&4; cd /proc/self/fd; echo *");
  wanted.extra_fds = {first[0], second[1]};
  EXPECT_EQ(run(wanted).out, "three\n0 1 2 3 4 5\n");
  close(second[1]);
  EXPECT_EQ(read_to_end(second[0]), "four\n");
  for (const int fd : {first[0], first[1], second[0]}) {
    close(fd);
  }
}

TEST_P(SandboxInsideTest, TheMachinesFilesAreNotThere) {
  EXPECT_EQ(
      output("ls /"),
      "bin\ndev\netc\nlib\n" +
          std::string(std::filesystem::exists(std::filesystem::symlink_status("/lib32")) ? "lib32\n"
                                                                                         : "") +
          "lib64\n" +
          (std::filesystem::exists(std::filesystem::symlink_status("/libx32")) ? "libx32\n" : "") +
          "proc\nsbin\ntmp\nusr\nwork\n");
  for (const char* path : {"/etc/shadow", "/root", "/home", "/sys", "/run", "/var", "/boot",
                           "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/pts", "/dev/ptmx", "/dev/tty",
                           "/etc/ssl/certs", "/etc/resolv.conf", "/mnt"}) {
    EXPECT_TRUE(holds(refusal("stat " + std::string(path)), "No such file")) << path;
  }
  EXPECT_EQ(output("cut -d: -f1 /etc/passwd /etc/group | sort -u | tr '\\n' ' '"),
            "nobody nogroup root task ");
  EXPECT_EQ(output("ls -A /work /tmp /dev/shm"), "/dev/shm:\n\n/tmp:\n\n/work:\n");
}

TEST_P(SandboxInsideTest, OnlyItsOwnFoldersCanBeWritten) {
  EXPECT_EQ(output("for d in /work /tmp /dev/shm; do echo x > $d/file && cat $d/file; done"),
            "x\nx\nx\n");
  for (const char* path : {"/x", "/usr/x", "/usr/bin/x", "/etc/x", "/dev/x", "/proc/x"}) {
    EXPECT_NE(refusal("touch " + std::string(path)), "allowed\n") << path;
  }
  EXPECT_NE(refusal("echo x >> /etc/passwd"), "allowed\n");
  EXPECT_NE(refusal("chmod 777 /dev/null"), "allowed\n");
  EXPECT_EQ(output("echo gone > /dev/null && head -c 3 /dev/zero | wc -c; "
                   "echo x 2> /dev/null > /dev/full || echo full"),
            "3\nfull\n");
}

TEST_P(SandboxInsideTest, EveryMountIsReadOnlyOrItsOwn) {
  std::istringstream mounts(output("cat /proc/self/mountinfo"));
  int count = 0;
  for (std::string line; std::getline(mounts, line); ++count) {
    std::istringstream fields(line);
    std::string id, parent, device, root, target, options;
    fields >> id >> parent >> device >> root >> target >> options;
    EXPECT_TRUE(holds(options, "nosuid")) << line;
    const bool device_file = target.starts_with("/dev/") && target != "/dev/shm";
    EXPECT_TRUE(device_file || root == "/null" || holds(options, "nodev")) << line;
    const bool own = target == "/work" || target == "/tmp" || target == "/dev/shm";
    EXPECT_TRUE(own || target == "/proc" || options.starts_with("ro,")) << line;
    EXPECT_FALSE(holds(line, "shared:") || holds(line, "master:")) << "propagates: " << line;
  }
  EXPECT_GT(count, 10);
}

TEST_P(SandboxInsideTest, TheMachinesSettingsCannotBeChanged) {
  const auto pattern = read_file("/proc/sys/kernel/core_pattern", 4096);
  ASSERT_TRUE(pattern);
  // The same value, so that a failure of this test harms nothing.
  const std::string same = pattern->substr(0, pattern->find('\n'));
  EXPECT_NE(refusal("printf %s '" + same + "' > /proc/sys/kernel/core_pattern"), "allowed\n");
  for (const char* path : {"/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches",
                           "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"}) {
    if (std::filesystem::exists(path)) {
      EXPECT_NE(refusal("echo 1 > " + std::string(path)), "allowed\n") << path;
    }
  }
  EXPECT_EQ(output("cat /proc/keys /proc/timer_list | wc -c"), "0\n");
  EXPECT_NE(refusal("date -s @0"), "allowed\n");
  EXPECT_NE(refusal("hostname other"), "allowed\n");
}

TEST_P(SandboxInsideTest, NoFurtherNamespaceNorMount) {
  for (const char* how : {"--user", "--user --map-root-user", "--mount", "--pid", "--net", "--ipc",
                          "--uts", "--cgroup"}) {
    EXPECT_TRUE(holds(refusal("unshare " + std::string(how) + " true"), "Operation not permitted"))
        << how;
  }
  EXPECT_NE(refusal("mount -t tmpfs none /tmp"), "allowed\n");
  EXPECT_NE(refusal("umount /proc/sys"), "allowed\n");
  EXPECT_NE(refusal("nsenter -t $$ --mount true"), "allowed\n");
  EXPECT_NE(refusal("chroot /tmp true"), "allowed\n");
  EXPECT_NE(refusal("mknod /tmp/disk b 8 0"), "allowed\n");
}

TEST_P(SandboxInsideTest, ThereIsNoNetwork) {
  EXPECT_EQ(output("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '"), "lo\n");
  EXPECT_EQ(output("bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>&1 | grep -q 'not supported' && "
                   "echo not even a socket of that family"),
            "not even a socket of that family\n");
}

TEST_P(SandboxInsideTest, TheNetworkIsThereWhenItIsGiven) {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(listen(listener.get(), 1), 0);  // the kernel chooses the port
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::uint16_t port = ntohs(address.sin_port);
  SpawnRequest wanted = request(
      {"/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(port) + " && echo there"});
  wanted.sandbox->network = true;
  EXPECT_EQ(run(wanted).out, "there\n");
  SpawnRequest certificates = script("[ -d /etc/ssl/certs ] && echo certificates");
  certificates.sandbox->network = true;
  if (std::filesystem::exists("/etc/ssl/certs")) {
    EXPECT_EQ(run(certificates).out, "certificates\n");
  }
}

TEST_P(SandboxInsideTest, ReadOnlyPathsAreAtTheirPlaces) {
  const std::string shown = "/var/tmp/hearth-shown-" + std::to_string(getpid());
  std::filesystem::create_directories(shown + "/deep");
  std::ofstream(shown + "/deep/file") << "shown\n";
  std::filesystem::permissions(shown, std::filesystem::perms(0755));
  SpawnRequest wanted = script("cat " + shown + "/deep/file; ls /var/tmp; touch " + shown +
                               "/x 2> /dev/null || echo refused");
  wanted.sandbox->read_only_paths = {shown, "/usr/share"};
  EXPECT_EQ(run(wanted).out,
            "shown\n" + shown.substr(std::string("/var/tmp/").size()) + "\nrefused\n");
  std::filesystem::remove_all(shown);
  SpawnRequest missing = script("true");
  missing.sandbox->read_only_paths = {shown};
  const Ran ran = run(missing);
  EXPECT_EQ(ran.spawned.reason, Reason::SandboxError);
  EXPECT_TRUE(holds(ran.spawned.message, shown)) << ran.spawned.message;
}

TEST_P(SandboxInsideTest, ResourceLimitsAreSet) {
  SpawnRequest wanted = script(
      "ulimit -c; ulimit -n; ulimit -u 2> /dev/null || bash -c 'ulimit -u'; "
      "head -c 5000 /dev/zero > /tmp/big || echo cut; stat -c %s /tmp/big");
  wanted.sandbox->open_files = 77;
  wanted.sandbox->processes = 44;
  wanted.sandbox->file_bytes = 4096;
  const std::string out = run(wanted).out;
  EXPECT_TRUE(out.starts_with("0\n77\n44\n")) << out;
  EXPECT_TRUE(holds(out, "4096\n")) << out;
  SpawnRequest busy = request({"/bin/sh", "-c", "while :; do :; done"});
  busy.sandbox->cpu_seconds = 1;
  EXPECT_EQ(run(busy).exited.signal, SIGXCPU);
}

TEST_P(SandboxInsideTest, TheScratchIsBounded) {
  renew_scratch({.bytes = 1 << 20, .inodes = 100});
  EXPECT_TRUE(holds(output("dd if=/dev/zero of=/tmp/a bs=64k 2>&1; stat -c %s /tmp/a"),
                    "No space left on device"));
  renew_scratch({.bytes = 1 << 20, .inodes = 100});
  const std::string made = output(
      "i=0; while true 2> /dev/null > /work/$i; do i=$((i+1)); [ $i -lt 500 ] || break; done; "
      "echo $i");
  EXPECT_GT(std::stoi(made), 50);
  EXPECT_LE(std::stoi(made), 100);
}

TEST_P(SandboxInsideTest, NothingOfTheAgentsEnvironmentIsToBeFound) {
  ASSERT_EQ(setenv("HEARTH_TOKEN", "secret-of-the-agent", 1), 0);
  start_launcher();
  EXPECT_EQ(output("env | grep -c secret; cat /proc/*/environ | grep -c secret"), "0\n0\n");
  const auto environment =
      read_file("/proc/" + std::to_string(launcher_->helper_pid()) + "/environ", 4096);
  ASSERT_TRUE(environment) << environment.error().message;
  EXPECT_EQ(*environment, "");
  unsetenv("HEARTH_TOKEN");
}

}  // namespace
}  // namespace hearth::agent
