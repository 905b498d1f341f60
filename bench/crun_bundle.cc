#include "crun_bundle.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace hearth::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCrun = "/usr/bin/crun";

// @PROGRAM@ is replaced. Limits and ids as sandbox_bench.cc gives them to Hearth's own.
constexpr std::string_view kConfig = R"json({
  "ociVersion": "1.0.0",
  "process": {
    "terminal": false, "user": {"uid": 65534, "gid": 65534}, "args": ["@PROGRAM@"], "cwd": "/work",
    "env": ["PATH=/usr/bin"], "noNewPrivileges": true,
    "capabilities": {"bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": []}
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "sandbox",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
    {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro", "nosuid"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]},
    {"destination": "/work", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]}
  ],
  "linux": {
    "resources": {
      "memory": {"limit": 536870912}, "cpu": {"quota": 200000, "period": 100000}, "pids": {"limit": 64}
    },
    "uidMappings": [{"containerID": 0, "hostID": 1879048192, "size": 65536}],
    "gidMappings": [{"containerID": 0, "hostID": 1879048192, "size": 65536}],
    "namespaces": [
      {"type": "user"}, {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}
    ]
  }
})json";

// The exit code; what it says on stderr goes to `errors`.
int run_and_wait(std::vector<std::string> command, const std::string& errors) {
  std::vector<char*> argv;
  for (std::string& word : command) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, errors.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid = 0;
  int status = -1;
  const bool is_run = posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ) == 0 &&
                      waitpid(pid, &status, 0) == pid;
  posix_spawn_file_actions_destroy(&files);
  return is_run ? status : -1;
}

}  // namespace

CrunBundle::CrunBundle(const std::string& folder, const std::string& program)
    : bundle_(folder + "/bundle") {
  for (const char* name : {"proc", "dev", "usr", "tmp", "work"}) {
    fs::create_directories(bundle_ + "/rootfs/" + name);
  }
  // The container's user, which is none of the machine's, has to pass.
  fs::permissions(folder, fs::perms(0755));
  for (const char* name : {"bin", "lib", "lib64"}) {
    fs::create_symlink(std::string("usr/") + name, bundle_ + "/rootfs/" + name);
  }
  std::string config(kConfig);
  constexpr std::string_view kMark = "@PROGRAM@";
  config.replace(config.find(kMark), kMark.size(), program);
  std::ofstream(bundle_ + "/config.json") << config;
}

std::string CrunBundle::why_not() const {
  if (!fs::exists(kCrun)) {
    return "it is not installed";
  }
  if (run("trial")) {
    return "";
  }
  std::ifstream said(bundle_ + "/stderr");
  std::ostringstream text;
  text << said.rdbuf();
  return text.str();
}

bool CrunBundle::run(const std::string& name) const {
  return run_and_wait(command(name), bundle_ + "/stderr") == 0;
}

std::vector<std::string> CrunBundle::command(const std::string& name) const {
  return {kCrun,   "--cgroup-manager=cgroupfs",
          "run",   "--bundle",
          bundle_, "hearth-bench-" + std::to_string(getpid()) + "-" + name};
}

}  // namespace hearth::agent
