#include "agent/runtimes/process_plan.h"

#include <gtest/gtest.h>

#include "agent/runtimes/slot_preload.h"
#include "base/warm_limits.h"

namespace hearth::agent {
namespace {

using Words = std::vector<std::string>;

SandboxOffer offer() {
  SandboxOffer offer;
  offer.levels = {SandboxLevel::None, SandboxLevel::Process, SandboxLevel::Image};
  Language js = parse_language("js", "node --opt {main.js} tail").value();
  js.program = "/usr/bin/node";
  js.after.clear();
  offer.languages["js"] = js;
  Language own = parse_language("own", "lang {x.l} --last").value();
  own.program = "/opt/lang/bin/lang";
  own.folder = "/opt/lang";
  offer.languages["own"] = own;
  offer.images["tiny"] = "/srv/tiny";
  offer.policy.paths = {"/srv/shared"};
  return offer;
}

JobSpec script(const std::string& language) {
  JobSpec spec;
  spec.execution.script = ScriptSpec{.language = language, .code = "1+1", .args = {"a", "b c"}};
  spec.scheduling.sandbox = SandboxLevel::Process;
  return spec;
}

TEST(ProcessPlanTest, ACommandWithoutASandboxIsStartedAsItIs) {
  JobSpec spec;
  spec.execution.command = {"make", "all"};
  const auto plan = plan_process(spec, SandboxOffer{}, 77);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->command, (Words{"make", "all"}));
  EXPECT_EQ(plan->limits.pids, 77);
  EXPECT_FALSE(plan->limits.single_use);
  EXPECT_TRUE(plan->files.empty());
}

TEST(ProcessPlanTest, AScriptIsItsInterpreterAndAFile) {
  const SandboxOffer all = offer();
  const auto plan = plan_process(script("js"), all, 0);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->command, (Words{"/usr/bin/node", "--opt", "/work/main.js", "a", "b c"}));
  ASSERT_EQ(plan->files.size(), 1U);
  EXPECT_EQ(plan->files[0].path, "main.js");
  EXPECT_EQ(plan->files[0].bytes, "1+1");
  EXPECT_TRUE(plan->limits.single_use);
  EXPECT_EQ(plan->limits.pids, limits::kSandboxProcessesDefault);
  EXPECT_EQ(plan->sandbox.read_only_paths, (Words{"/srv/shared"}));
  EXPECT_FALSE(plan->sandbox.network);
  const auto own = plan_process(script("own"), all, 0);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->command, (Words{"/opt/lang/bin/lang", "/work/x.l", "--last", "a", "b c"}));
  EXPECT_EQ(own->sandbox.read_only_paths, (Words{"/opt/lang", "/srv/shared"}));
}

TEST(ProcessPlanTest, AnImageHasItsOwnInterpreter) {
  JobSpec spec = script("js");
  spec.scheduling.sandbox = SandboxLevel::Image;
  spec.execution.image = "tiny";
  const SandboxOffer all = offer();
  const auto plan = plan_process(spec, all, 0);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->command.front(), "node");
  EXPECT_EQ(plan->sandbox.image_root, "/srv/tiny");
  EXPECT_FALSE(fits_slot(spec, *plan, all));
}

TEST(ProcessPlanTest, WhatIsNotOfferedIsRefusedByName) {
  const SandboxOffer all = offer();
  SandboxOffer none;
  EXPECT_NE(plan_process(script("js"), none, 0).error().message.find("\"process\""),
            std::string::npos);
  EXPECT_NE(plan_process(script("perl"), all, 0).error().message.find("\"perl\""),
            std::string::npos);
  JobSpec image = script("js");
  image.scheduling.sandbox = SandboxLevel::Image;
  image.execution.image = "huge";
  EXPECT_NE(plan_process(image, all, 0).error().message.find("\"huge\""), std::string::npos);
  JobSpec open = script("js");
  open.scheduling.sandbox = SandboxLevel::None;
  EXPECT_FALSE(plan_process(open, all, 0));
}

TEST(ProcessPlanTest, ARequestOnlyTightensWhatTheOperatorAllows) {
  SandboxOffer all = offer();
  all.policy.disk_bytes = 64 * limits::kMiB;
  all.policy.processes = 20;
  JobSpec spec = script("js");
  spec.scheduling.request.memory_bytes = 1 * limits::kGiB;
  EXPECT_EQ(plan_process(spec, all, 0)->scratch.bytes, 64 * limits::kMiB);
  EXPECT_EQ(plan_process(spec, all, 4'096)->limits.pids, 20);
  EXPECT_EQ(plan_process(spec, all, 10)->limits.pids, 10);
  spec.scheduling.request.memory_bytes = 16 * limits::kMiB;
  EXPECT_EQ(plan_process(spec, all, 0)->scratch.bytes, 16 * limits::kMiB)
      << "a full disk is told as that, not as running out of memory";
}

TEST(ProcessPlanTest, OnlyPlainScriptsTakeASlot) {
  const SandboxOffer all = offer();
  const auto fits = [&](const JobSpec& spec) {
    return fits_slot(spec, plan_process(spec, all, 0).value(), all);
  };
  EXPECT_TRUE(fits(script("js")));
  EXPECT_FALSE(fits(script("own"))) << "nobody knows how to start it ahead";
  JobSpec spec = script("js");
  spec.execution.env = {{"GREETING", "hello"}};
  EXPECT_TRUE(fits(spec));
  spec.execution.secret_env = {{"NODE_OPTIONS", "--expose-gc"}};
  EXPECT_FALSE(fits(spec));
  spec = script("js");
  spec.execution.upload = "files";
  EXPECT_FALSE(fits(spec));
  spec = script("js");
  spec.scheduling.request.memory_bytes = limits::kWarmSlotMemoryBytes - 1;
  EXPECT_FALSE(fits(spec)) << "a slot's limits only go up";
  spec = script("js");
  spec.execution.command = {"true"};
  spec.execution.script.reset();
  EXPECT_FALSE(fits(spec));
}

TEST(ProcessPlanTest, ASlotIsConfinedAsAScriptOfItsLanguage) {
  const SandboxOffer all = offer();
  const ProcessPlan slot = plan_slot(all.languages.at("js"), all);
  const auto plan = plan_process(script("js"), all, 0);
  EXPECT_EQ(slot.sandbox.read_only_paths, plan->sandbox.read_only_paths);
  EXPECT_EQ(slot.scratch.bytes, plan->scratch.bytes);
  EXPECT_EQ(slot.level, plan->level);
  EXPECT_EQ(slot.command, (Words{"/usr/bin/node", "--opt", "/work/.hearth-slot"}));
  EXPECT_LE(slot.limits.memory_bytes, plan->limits.memory_bytes);
  EXPECT_NE(slot.files.at(0).bytes.find("'/work/main.js'"), std::string::npos);
}

TEST(ProcessPlanTest, AFrameHoldsTextsAsTheyAre) {
  EXPECT_EQ(slot_frame({"a", "b c"}, {"X=1", "Y="}), std::string("2\0a\0b c\0X=1\0Y=\0", 15));
  EXPECT_EQ(slot_frame({}, {}), std::string("0\0", 2));
}

}  // namespace
}  // namespace hearth::agent
