// The loop's parts that are easier met alone.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "api/link_table.h"
#include "api/metrics.h"
#include "api/reader_pool.h"
#include "api/testing/answer.h"
#include "api/testing/fake_agent.h"
#include "store/memory/memory_store.h"

namespace hearth::api {
namespace {

TEST(ReaderPoolTest, LendsAtMostItsNumberAndTheNextOneWaits) {
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  ReaderPool pool(*store, 1);
  std::atomic<bool> second{false};
  std::thread waiter;
  {
    Result<ReaderPool::Lease> first = pool.lend();
    ASSERT_TRUE(first);
    waiter = std::thread([&] {
      ASSERT_TRUE(pool.lend());
      second = true;
    });
    std::this_thread::yield();
    EXPECT_FALSE(second);
  }
  waiter.join();
  EXPECT_TRUE(second);
}

TEST(LinkTableTest, RejectForgetsTheLink) {
  LinkTable links;
  const auto connection = std::make_shared<testing::FakeConnection>();
  const std::uint64_t link = links.add(connection);
  EXPECT_NE(links.add(connection), link);
  EXPECT_EQ(links.find(link), connection);
  links.reject(link, unavailable("no"));
  links.reject(link, unavailable("no"));
  EXPECT_EQ(links.find(link), nullptr);
  EXPECT_EQ(links.size(), 1U);
  EXPECT_TRUE(connection->next<testing::Rejected>());
  EXPECT_FALSE(connection->has<testing::Rejected>());
}

}  // namespace
}  // namespace hearth::api
