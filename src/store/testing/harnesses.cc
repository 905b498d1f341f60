#include "store/testing/harnesses.h"

#include "base/testing/temp_dir.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/faulty_vfs.h"

namespace hearth::store::testing {
namespace {

class MemoryHarness final : public StoreHarness {
 public:
  std::unique_ptr<Store> open() override { return open_memory_store(disk_); }
  void set_full(bool full) override { disk_->set_full(full); }
  void break_next_append() override { disk_->inject(MemoryDisk::Fault::FatalLost); }

 private:
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

class SqliteHarness final : public StoreHarness {
 public:
  std::unique_ptr<Store> open() override {
    vfs_.set_sync_errors(false);
    auto store = open_sqlite_store(
        {.directory = directory_.path(), .wal_pages_background = 20, .vfs = vfs_.name()});
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  void set_full(bool full) override { vfs_.set_full(full); }
  void break_next_append() override { vfs_.set_sync_errors(true); }

 private:
  hearth::testing::TempDir directory_;
  FaultyVfs vfs_;
};

}  // namespace

std::vector<HarnessMaker> harnesses() {
  return {{.name = "Memory", .make = [] { return std::make_unique<MemoryHarness>(); }},
          {.name = "Sqlite", .make = [] { return std::make_unique<SqliteHarness>(); }}};
}

}  // namespace hearth::store::testing
