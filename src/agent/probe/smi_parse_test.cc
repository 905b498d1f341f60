#include "agent/probe/smi_parse.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::string_view kTwo =
    "1, GPU-bbb, NVIDIA A100, 40GB, 80, 20000, 40960, 65\n"
    "0, GPU-aaa, NVIDIA H100, 37, 8192, 81559, 61\n";

TEST(SmiParseTest, SeveralGpusByIndexAndNamesWithCommas) {
  const SmiGpus found = parse_smi_gpus(kTwo);
  ASSERT_EQ(found.gpus.size(), 2U);
  EXPECT_EQ(found.garbled, 0);
  EXPECT_EQ(found.gpus[0], (MachineGpu{.index = 0,
                                       .name = "NVIDIA H100",
                                       .util_percent = 37,
                                       .memory_used_bytes = 8'192 * limits::kMiB,
                                       .memory_total_bytes = 81'559 * limits::kMiB,
                                       .temperature_celsius = 61}));
  EXPECT_EQ(found.gpus[1].name, "NVIDIA A100, 40GB");
  EXPECT_EQ(found.gpus[1].util_percent, 80);
  EXPECT_EQ(found.uuids, (std::vector<std::string>{"GPU-aaa", "GPU-bbb"}));
}

TEST(SmiParseTest, WhatIsNotKnownIsNotZero) {
  const SmiGpus found =
      parse_smi_gpus("0, GPU-a, Tesla, [N/A], [Not Supported], [Insufficient Permissions], N/A\n");
  ASSERT_EQ(found.gpus.size(), 1U);
  EXPECT_EQ(found.gpus[0], (MachineGpu{.index = 0, .name = "Tesla"}));
}

TEST(SmiParseTest, GarbledLinesAreCountedAndTheOthersRead) {
  const SmiGpus found = parse_smi_gpus(
      "nonsense\n0, GPU-a, T4, 1, 2, 3, 4\n0, GPU-a, T4, 1, 2, 3, 4\n"
      "1, GPU-b, T4, one, 2, 3, 4\n-1, GPU-c, T4, 1, 2, 3, 4\n9999999, GPU-d, T4, 1, 2, 3, 4\n"
      "\n2, GPU-e, T4, 1, 2, 3");
  EXPECT_EQ(found.gpus.size(), 1U);
  EXPECT_EQ(found.garbled, 6);
}

TEST(SmiParseTest, ProcessesOnTheirGpus) {
  const SmiGpus gpus = parse_smi_gpus(kTwo);
  const SmiProcesses found = parse_smi_processes(
      "GPU-bbb, 4711, 512\nGPU-aaa, 4711, [N/A]\nGPU-xxx, 1, 1\nGPU-aaa, -3, 1\nrubbish\n"
      "GPU-aaa, 99999999999, 1\n",
      gpus);
  ASSERT_EQ(found.processes.size(), 2U);
  EXPECT_EQ(
      found.processes[0],
      (GpuProcess{.gpu = 1, .pid = 4'711, .util_percent = {}, .memory_bytes = 512 * limits::kMiB}));
  EXPECT_EQ(found.processes[1],
            (GpuProcess{.gpu = 0, .pid = 4'711, .util_percent = {}, .memory_bytes = {}}));
  EXPECT_EQ(found.garbled, 4);
  EXPECT_TRUE(parse_smi_processes("No running processes found\n", gpus).processes.empty());
  EXPECT_EQ(parse_smi_processes("", gpus).garbled, 0);
}

// `sm` is no property of that query; with it every answer is an error.
TEST(SmiParseTest, AsksOnlyForWhatExists) {
  EXPECT_EQ(kSmiProcessQuery.find("sm"), std::string_view::npos);
}

}  // namespace
}  // namespace hearth::agent
