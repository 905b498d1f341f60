#include "core/job_table.h"

#include <gtest/gtest.h>

#include <map>

#include "core/testing/random.h"

namespace hearth::core {
namespace {

TEST(JobTableTest, FindsExactlyWhatIsInItUnderRandomChanges) {
  testing::Random random(3);
  JobTable table;
  std::map<JobId, JobSlot> model;
  std::uint64_t next = 1'700'000'000'000ULL << kJobIdSequenceBits;
  for (int step = 0; step < 20'000; ++step) {
    if (model.empty() || random.chance(55)) {
      next += 1 + (random.chance(10) ? std::uint64_t{1} << kJobIdSequenceBits : 0);
      model[JobId(next)] = table.insert(JobId(next));
    } else {
      auto at = model.lower_bound(JobId(next - random.below(4'000)));
      at = at == model.end() ? model.begin() : at;
      table.erase(at->second);
      model.erase(at);
    }
    ASSERT_EQ(table.size(), model.size());
    const JobId probe(next - random.below(100));
    const auto expected = model.find(probe);
    ASSERT_EQ(table.find(probe), expected == model.end() ? kNone : expected->second);
  }
  for (const auto& [id, slot] : model) {
    ASSERT_EQ(table.find(id), slot);
    ASSERT_EQ(table.at(slot).record.id, id);
  }
}

TEST(JobTableTest, AJobKeepsItsAddressWhileOthersComeAndGo) {
  JobTable table;
  const JobSlot slot = table.insert(JobId(1));
  const Job* address = &table.at(slot);
  for (std::uint64_t id = 2; id < 5'000; ++id) {
    table.insert(JobId(id));
  }
  EXPECT_EQ(&table.at(table.find(JobId(1))), address);
  EXPECT_EQ(table.find(JobId(9'999)), kNone);
}

}  // namespace
}  // namespace hearth::core
