// Workers with real processes in real groups, and a collector that looks at them.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/cgroup/testing/group_process.h"
#include "agent/probe/collector.h"
#include "base/clock.h"
#include "base/testing/temp_dir.h"
#include "tests/harness/group_fixture.h"

namespace hearth::agent {

class WorkerFixture : public harness::GroupFixture {
 protected:
  void SetUp() override {
    GroupFixture::SetUp();
    if (!IsSkipped()) {
      make_collector(nullptr);
    }
  }

  void TearDown() override {
    collector_.reset();
    GroupFixture::TearDown();
  }

  void make_collector(const GpuProbe* gpus) { make_collector(gpus, clock_); }
  void make_collector(const GpuProbe* gpus, Clock& clock) {
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.clock = clock, .gpus = gpus},
        Collector::Options{.proc_root = "/proc",
                           .files_kept_max = limits::kProbeFilesKeptMax,
                           .machine = {.root = "", .data_dir = dir_.path(), .cpu_milli = {}}});
  }

  // Watched from now on; without a leader as one that is found, not started.
  void watch(CgroupHandle& group, pid_t leader) {
    collector_->add({.id = group.name(),
                     .folders = group.folders(),
                     .leader = leader,
                     .marks = group.env_marks(),
                     .started_ns = {}});
  }
  WorkerReading reading(const std::string& id) {
    for (WorkerReading& each : collector_->collect()) {
      if (each.id == id) {
        return std::move(each);
      }
    }
    ADD_FAILURE() << "no reading of " << id;
    return {};
  }
  WorkerSample sample(const std::string& id) {
    WorkerReading found = reading(id);
    EXPECT_EQ(found.problem, "");
    return found.sample;
  }

  SystemClock clock_;
  hearth::testing::TempDir dir_;
  std::unique_ptr<Collector> collector_;
};

}  // namespace hearth::agent
