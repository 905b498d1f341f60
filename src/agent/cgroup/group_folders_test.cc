#include "agent/cgroup/group_folders.h"

#include <gtest/gtest.h>

#include <memory>

#include "agent/cgroup/testing/fake_cgroup_fs.h"
#include "agent/cgroup/v1_driver.h"
#include "agent/cgroup/v2_driver.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr const char* kLive = "00000000000000aa";
constexpr const char* kOther = "00000000000000bb";

// Two agents on one host, for each of the drivers that make folders.
class SharedHostTest : public ::testing::TestWithParam<Enforcement> {
 protected:
  void SetUp() override {
    for (const std::string& top : tops()) {
      FakeCgroupFs::mount(hierarchy_, top, "cpu memory pids");
    }
    live_ = make(kLive);
    other_ = make(kOther);
    ASSERT_NE(live_, nullptr);
    ASSERT_NE(other_, nullptr);
  }

  static std::vector<std::string> tops() {
    switch (GetParam()) {
      case Enforcement::V2:
        return {"/v2"};
      case Enforcement::Hybrid:
        return {"/memory", "/pids", "/cpu", "/v2"};
      default:
        return {"/memory", "/pids", "/cpu", "/cpuacct", "/freezer"};
    }
  }

  std::unique_ptr<CgroupDriver> make(const std::string& instance) {
    auto fs = std::make_unique<FakeCgroupFs>(hierarchy_);
    if (GetParam() == Enforcement::V2) {
      auto made = V2Driver::create(std::move(fs), {.mount = "/v2", .root = "/v2"}, instance);
      return made ? std::move(*made) : nullptr;
    }
    const auto place = [](const std::string& top) { return V1Driver::Place{top, top}; };
    V1Driver::Places places{.memory = place("/memory"),
                            .pids = place("/pids"),
                            .cpu = place("/cpu"),
                            .cpuacct = {},
                            .freezer = {},
                            .v2 = {}};
    if (GetParam() == Enforcement::Hybrid) {
      places.v2 = place("/v2");
    } else {
      places.cpuacct = place("/cpuacct");
      places.freezer = place("/freezer");
    }
    auto made = V1Driver::create(std::move(fs), places, instance, 0);
    return made ? std::move(*made) : nullptr;
  }

  // Of the folder called `name` in each hierarchy.
  void set_age(const std::string& name, Duration age) {
    for (const std::string& top : tops()) {
      hierarchy_.ages[top + "/" + name] = age;
    }
  }
  std::size_t count(const std::string& name) {
    std::size_t found = 0;
    for (const std::string& top : tops()) {
      found += hierarchy_.groups.contains(top + "/" + name) ? 1 : 0;
    }
    return found;
  }

  FakeHierarchy hierarchy_;
  std::unique_ptr<CgroupDriver> live_;
  std::unique_ptr<CgroupDriver> other_;
};

TEST_P(SharedHostTest, AnOldFolderGoesOnceNobodyHoldsIt) {
  const std::string folder = instance_folder(kLive);
  ASSERT_TRUE(live_->create("j1", {}));
  set_age(folder, limits::kAbandonedGroupAge);
  EXPECT_TRUE(other_->sweep());
  EXPECT_EQ(count(folder), tops().size()) << "its agent lives";
  hierarchy_.held.clear();
  set_age(folder, limits::kAbandonedGroupAge - Duration(1));
  EXPECT_TRUE(other_->sweep());
  EXPECT_EQ(count(folder), tops().size()) << "too young";
  set_age(folder, limits::kAbandonedGroupAge);
  EXPECT_TRUE(other_->sweep());
  EXPECT_EQ(count(folder), 0U) << "with the empty groups in it";
  EXPECT_EQ(count(instance_folder(kOther)), tops().size()) << "its own stays";
}

TEST_P(SharedHostTest, AFolderThatVanishedIsMadeAndHeldAgain) {
  FakeCgroupFs fs(hierarchy_);
  const std::string folder = instance_folder(kLive);
  for (const std::string& top : tops()) {
    ASSERT_TRUE(fs.remove(top + "/" + folder));
  }
  hierarchy_.held.clear();
  const auto group = live_->create("j1", {});
  ASSERT_TRUE(group) << group.error().message;
  EXPECT_EQ(hierarchy_.held.size(), tops().size());
}

TEST_P(SharedHostTest, AnOwnOldFolderThatVanishesAtTheStartIsMadeAgain) {
  live_.reset();
  FakeCgroupFs fs(hierarchy_);
  const std::string folder = instance_folder(kLive);
  int vanished = 0;
  hierarchy_.after_make = [&](const std::string& path) {
    if (path.ends_with(folder) && vanished++ == 0) {
      [[maybe_unused]] const auto removed = fs.remove(path);
    }
  };
  live_ = make(kLive);
  ASSERT_NE(live_, nullptr);
  EXPECT_TRUE(live_->create("j1", {}));
  EXPECT_GE(vanished, 1);
}

TEST_P(SharedHostTest, ALeftoverThatVanishesWhileItIsSweptIsFine) {
  set_age(instance_folder(kLive), limits::kAbandonedGroupAge);
  hierarchy_.held.clear();
  EXPECT_TRUE(other_->sweep());
  EXPECT_EQ(live_->sweep().value_or(-1), 0);
}

TEST_P(SharedHostTest, NothingElseIsTakenForAFolderOfAnAgent) {
  FakeCgroupFs fs(hierarchy_);
  const std::vector<std::string> names = {"hearth-agent", "hearth-controller.service",
                                          "hearth-00000000000000CC", "hearth-00000000000000cc0",
                                          "other-00000000000000cc"};
  for (const std::string& top : tops()) {
    for (const std::string& name : names) {
      ASSERT_TRUE(fs.make(top + "/" + name));
    }
    ASSERT_TRUE(fs.make(top + "/hearth-00000000000000dd"));
    hierarchy_.groups[top + "/hearth-00000000000000dd"]["cgroup.procs"] = "77\n";
  }
  for (const std::string& name : names) {
    set_age(name, 2 * limits::kAbandonedGroupAge);
  }
  set_age("hearth-00000000000000dd", 2 * limits::kAbandonedGroupAge);
  EXPECT_TRUE(other_->sweep());
  for (const std::string& name : names) {
    EXPECT_EQ(count(name), tops().size()) << name;
  }
  EXPECT_EQ(count("hearth-00000000000000dd"), tops().size()) << "it has a process";
}

INSTANTIATE_TEST_SUITE_P(Drivers, SharedHostTest,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1),
                         [](const auto& driver) {
                           const std::string_view name = to_string(driver.param);
                           return std::string(name);
                         });

}  // namespace
}  // namespace hearth::agent
