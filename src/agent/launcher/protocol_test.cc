#include "agent/launcher/protocol.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth::agent::protocol {
namespace {

SpawnRequest sample() {
  return SpawnRequest{
      .id = 0x0123456789abcdef,
      .command = {"/bin/echo", "", "a b", "\xff\xfe"},
      .env = {"PATH=/bin", "EMPTY="},
      .cwd = "/tmp",
      .join_paths = {"/sys/fs/cgroup/x/cgroup.procs"},
      .kill_paths = {"/sys/fs/cgroup/x/cgroup.kill"},
      .uid = 1000,
      .gid = std::nullopt,
      .stdin_fd = -1,
      .stdout_fd = 77,
      .stderr_fd = 78,
  };
}

SpawnRequest sandboxed_sample() {
  SpawnRequest request = sample();
  request.uid.reset();
  request.extra_fds = {80, 81};
  request.sandbox = SandboxPlan{.id_base = 0x7000'0000,
                                .uid = 1001,
                                .gid = 1002,
                                .image_root = "/var/lib/hearth/images/a",
                                .read_only_paths = {"/opt/tools", "/srv/data"},
                                .network = true,
                                .scratch_fd = 90,
                                .upload_fd = 91,
                                .open_files = 20,
                                .processes = 21,
                                .file_bytes = 1LL << 35,
                                .cpu_seconds = 23};
  return request;
}

TEST(LauncherProtocolTest, ASpawnRequestComesBackAsItWas) {
  const auto packet = encode(sample());
  ASSERT_TRUE(packet);
  const auto message = decode_to_helper(*packet);
  ASSERT_TRUE(message);
  const auto& request = std::get<SpawnRequest>(*message);
  EXPECT_EQ(request.id, sample().id);
  EXPECT_EQ(request.command, sample().command);
  EXPECT_EQ(request.env, sample().env);
  EXPECT_EQ(request.cwd, sample().cwd);
  EXPECT_EQ(request.join_paths, sample().join_paths);
  EXPECT_EQ(request.kill_paths, sample().kill_paths);
  EXPECT_EQ(request.uid, sample().uid);
  EXPECT_EQ(request.gid, sample().gid);
  EXPECT_EQ(request.stdin_fd, -1);
  EXPECT_EQ(request.stdout_fd, 0) << "places among the descriptors of the packet";
  EXPECT_EQ(request.stderr_fd, 1);
}

TEST(LauncherProtocolTest, ASandboxComesBackAsItWas) {
  const SpawnRequest asked = sandboxed_sample();
  EXPECT_EQ(descriptors_of(asked), (std::vector<int>{77, 78, 80, 81, 90, 91}));
  const auto packet = encode(asked);
  ASSERT_TRUE(packet) << packet.error().message;
  const auto message = decode_to_helper(*packet);
  ASSERT_TRUE(message);
  const auto& request = std::get<SpawnRequest>(*message);
  EXPECT_EQ(request.stdout_fd, 0);
  EXPECT_EQ(request.extra_fds, (std::vector<int>{2, 3}));
  ASSERT_TRUE(request.sandbox);
  const SandboxPlan& plan = *request.sandbox;
  EXPECT_EQ(plan.id_base, asked.sandbox->id_base);
  EXPECT_EQ(plan.uid, 1001U);
  EXPECT_EQ(plan.gid, 1002U);
  EXPECT_EQ(plan.image_root, asked.sandbox->image_root);
  EXPECT_EQ(plan.read_only_paths, asked.sandbox->read_only_paths);
  EXPECT_TRUE(plan.network);
  EXPECT_EQ(plan.scratch_fd, 4);
  EXPECT_EQ(plan.upload_fd, 5);
  EXPECT_EQ(plan.open_files, 20);
  EXPECT_EQ(plan.processes, 21);
  EXPECT_EQ(plan.file_bytes, 1LL << 35);
  EXPECT_EQ(plan.cpu_seconds, 23);
}

TEST(LauncherProtocolTest, RefusesSandboxesThatCouldTouchTheMachine) {
  const auto refusal = [](auto change) {
    SpawnRequest request = sandboxed_sample();
    change(request, *request.sandbox);
    const auto packet = encode(request);
    return packet ? "accepted" : packet.error().message;
  };
  EXPECT_EQ(refusal([](SpawnRequest&, SandboxPlan&) {}), "accepted");
  const std::string ids = refusal([](SpawnRequest&, SandboxPlan& plan) { plan.id_base = 0; });
  EXPECT_NE(ids.find("kSandboxIdBaseMin"), std::string::npos) << ids;
  for (const std::uint32_t base : {1U, 65'535U, 0xffff'0000U, 0xffff'ffffU}) {
    EXPECT_NE(refusal([&](SpawnRequest&, SandboxPlan& plan) { plan.id_base = base; }), "accepted");
  }
  EXPECT_NE(refusal([](SpawnRequest&, SandboxPlan& plan) { plan.uid = 0; }), "accepted");
  EXPECT_NE(refusal([](SpawnRequest&, SandboxPlan& plan) { plan.gid = 65'536; }), "accepted");
  EXPECT_NE(refusal([](SpawnRequest&, SandboxPlan& plan) { plan.scratch_fd = -1; }), "accepted");
  EXPECT_NE(refusal([](SpawnRequest& request, SandboxPlan&) { request.uid = 0; }), "accepted");
  for (const char* path : {"", "/", "opt", "/opt/", "/opt/../etc", "/opt//x", "/./x", "/.."}) {
    const std::string why =
        refusal([&](SpawnRequest&, SandboxPlan& plan) { plan.read_only_paths = {path}; });
    EXPECT_NE(why.find("'" + std::string(path) + "'"), std::string::npos) << why;
  }
  for (const char* path : {"/proc", "/dev/sda", "/tmp/x", "/work"}) {
    const std::string why =
        refusal([&](SpawnRequest&, SandboxPlan& plan) { plan.read_only_paths = {path}; });
    EXPECT_NE(why.find("are its own"), std::string::npos) << path << ": " << why;
  }
  EXPECT_EQ(refusal([](SpawnRequest&, SandboxPlan& plan) { plan.read_only_paths = {"/devices"}; }),
            "accepted");
  EXPECT_NE(refusal([](SpawnRequest&, SandboxPlan& plan) { plan.image_root = "x/../y"; }),
            "accepted");
}

TEST(LauncherProtocolTest, TheLimitsOfASandboxAreNamed) {
  const auto limit = [](auto change) {
    SpawnRequest request = sandboxed_sample();
    change(request);
    const auto packet = encode(request);
    return packet ? "accepted" : packet.error().limit;
  };
  EXPECT_EQ(limit([](SpawnRequest& request) {
              request.extra_fds.assign(limits::kExtraDescriptorsMax + 1, 5);
            }),
            "kExtraDescriptorsMax");
  EXPECT_EQ(limit([](SpawnRequest& request) {
              request.sandbox->read_only_paths.assign(limits::kSandboxReadOnlyPathsMax + 1, "/a");
            }),
            "kSandboxReadOnlyPathsMax");
  EXPECT_EQ(limit([](SpawnRequest& request) {
              request.sandbox->open_files = limits::kSandboxOpenFilesMax + 1;
            }),
            "kSandboxOpenFilesMax");
  EXPECT_EQ(limit([](SpawnRequest& request) {
              request.sandbox->processes = limits::kSandboxProcessesMax + 1;
            }),
            "kSandboxProcessesMax");
  EXPECT_EQ(limit([](SpawnRequest& request) {
              request.sandbox->file_bytes = limits::kSandboxFileBytesMax + 1;
            }),
            "kSandboxFileBytesMax");
  EXPECT_EQ(limit([](SpawnRequest& request) { request.sandbox->cpu_seconds = 1 << 30; }),
            "kTimeoutMax");
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
    EXPECT_EQ(limit([&](SpawnRequest& request) { request.sandbox->processes = value; }), "");
    EXPECT_EQ(limit([&](SpawnRequest& request) { request.sandbox->open_files = value; }), "");
  }
}

TEST(LauncherProtocolTest, OrdersAndOutcomesComeBackAsTheyWere) {
  const auto order = decode_to_helper(encode(SignalOrder{.id = 7, .signal_number = 15}));
  ASSERT_TRUE(order);
  EXPECT_EQ(std::get<SignalOrder>(*order).id, 7U);
  EXPECT_EQ(std::get<SignalOrder>(*order).signal_number, 15);

  const SpawnOutcome failed{.id = 8,
                            .pid = 0,
                            .reason = Reason::CwdMissing,
                            .sys_errno = 2,
                            .message = "no such directory"};
  const auto spawned = decode_from_helper(encode(failed));
  ASSERT_TRUE(spawned);
  EXPECT_EQ(std::get<SpawnOutcome>(*spawned).reason, Reason::CwdMissing);
  EXPECT_EQ(std::get<SpawnOutcome>(*spawned).sys_errno, 2);
  EXPECT_EQ(std::get<SpawnOutcome>(*spawned).message, "no such directory");

  const ExitOutcome killed{
      .id = 9, .exit_code = std::nullopt, .signal = 9, .cpu_us = -1, .max_rss_bytes = 1LL << 40};
  const auto exited = decode_from_helper(encode(killed));
  ASSERT_TRUE(exited);
  EXPECT_EQ(std::get<ExitOutcome>(*exited).exit_code, std::nullopt);
  EXPECT_EQ(std::get<ExitOutcome>(*exited).signal, 9);
  EXPECT_EQ(std::get<ExitOutcome>(*exited).cpu_us, -1);
  EXPECT_EQ(std::get<ExitOutcome>(*exited).max_rss_bytes, 1LL << 40);
}

TEST(LauncherProtocolTest, EveryTruncationIsRefused) {
  const auto packet = encode(sandboxed_sample());
  ASSERT_TRUE(packet);
  for (std::size_t size = 0; size < packet->size(); ++size) {
    EXPECT_FALSE(decode_to_helper(std::string_view(*packet).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_to_helper(*packet + "x")) << "nothing may follow";
  const std::string outcome = encode(SpawnOutcome{.id = 1, .message = "m"});
  for (std::size_t size = 0; size < outcome.size(); ++size) {
    EXPECT_FALSE(decode_from_helper(std::string_view(outcome).substr(0, size))) << size;
  }
}

TEST(LauncherProtocolTest, DamagedPacketsNeverCrashNorAllocateWithoutBound) {
  std::mt19937 random(42);
  const auto packet = encode(sandboxed_sample());
  ASSERT_TRUE(packet);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = *packet;
    for (int changes = 0; changes < 3; ++changes) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    [[maybe_unused]] const auto to_helper = decode_to_helper(damaged);
    [[maybe_unused]] const auto from_helper = decode_from_helper(damaged);
  }
}

TEST(LauncherProtocolTest, RefusesNulAndEmptyCommands) {
  SpawnRequest request = sample();
  request.command[1] = std::string("a\0b", 3);
  EXPECT_EQ(encode(request).error().code, ErrorCode::InvalidArgument);
  request = sample();
  request.env.push_back(std::string("A=\0", 3));
  EXPECT_EQ(encode(request).error().code, ErrorCode::InvalidArgument);
  request = sample();
  request.command.clear();
  EXPECT_EQ(encode(request).error().code, ErrorCode::InvalidArgument);
}

TEST(LauncherProtocolTest, RefusesWhatIsTooLarge) {
  SpawnRequest request = sample();
  request.env.push_back(std::string(kMessageBytesMax, 'x'));
  const auto refused = encode(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "kMessageBytesMax");
  EXPECT_FALSE(decode_to_helper(encode(Attached{.bytes = kMessageBytesMax + 1})));
}

TEST(LauncherProtocolTest, AnotherVersionIsNamed) {
  std::string packet = encode(SignalOrder{});
  packet[0] = 9;
  const auto refused = decode_to_helper(packet);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_NE(refused.error().message.find("protocol 9"), std::string::npos);
}

}  // namespace
}  // namespace hearth::agent::protocol
