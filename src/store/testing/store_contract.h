// The fixture of the suite that every store passes (store_contract_test.cc and
// reader_contract_test.cc). A new store joins with a harness in the list of harnesses() there.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "store/store.h"
#include "store/testing/change_builder.h"

namespace hearth::store::testing {

// One place of storage and the ways it can fail.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  // At most one open store at a time; what an earlier one acknowledged is there.
  virtual std::unique_ptr<Store> open() = 0;
  virtual void set_full(bool full) = 0;
  // The next append cannot know whether it was done.
  virtual void break_next_append() = 0;
};

struct HarnessMaker {
  std::string name;
  std::function<std::unique_ptr<StoreHarness>()> make;
};

inline std::ostream& operator<<(std::ostream& out, const HarnessMaker& maker) {
  return out << maker.name;
}

class StoreContract : public ::testing::TestWithParam<HarnessMaker> {
 protected:
  StoreContract() : harness_(GetParam().make()) { reopen(); }

  // Drops the store as a killed process would and recovers.
  void reopen() {
    reader_.reset();
    store_.reset();
    store_ = harness_->open();
    Result<Recovery> recovery = store_->recover();
    ASSERT_TRUE(recovery) << recovery.error().message;
    recovery_ = std::move(*recovery);
    Result<std::unique_ptr<Reader>> reader = store_->reader();
    ASSERT_TRUE(reader) << reader.error().message;
    reader_ = std::move(*reader);
  }

  AppendOutcome append() {
    const ChangeSet changes = build_.take();
    return store_->append({&changes});
  }
  void must_append() {
    const AppendOutcome outcome = append();
    ASSERT_EQ(outcome.status, AppendStatus::Durable) << outcome.error.message;
  }

  std::unique_ptr<StoreHarness> harness_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
  Recovery recovery_;
  ChangeBuilder build_;
};

}  // namespace hearth::store::testing
