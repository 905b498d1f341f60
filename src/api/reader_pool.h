// Lends store readers to threads that read now and then: a Reader must be used by one thread at a
// time, and opening one costs more than most reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/store.h"

namespace hearth::api {

// Thread-safe. At most `max` readers; who comes when all are lent waits for the next to come back.
class ReaderPool {
 public:
  ReaderPool(store::Store& store, std::size_t max) : store_(store), max_(max) {}

  // Gives its reader back when it goes.
  class Lease {
   public:
    Lease(ReaderPool& pool, std::unique_ptr<store::Reader> reader)
        : pool_(&pool), reader_(std::move(reader)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (reader_) {
        pool_->put_back(std::move(reader_));
      }
    }
    store::Reader* operator->() { return reader_.get(); }
    store::Reader& operator*() { return *reader_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<store::Reader> reader_;
  };

  Result<Lease> lend();
  // How many there are, and how many of them are lent.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> count();

 private:
  void put_back(std::unique_ptr<store::Reader> reader);

  store::Store& store_;
  const std::size_t max_;
  Mutex mutex_;
  Condition returned_;
  std::vector<std::unique_ptr<store::Reader>> idle_ HEARTH_GUARDED_BY(mutex_);
  std::size_t made_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::api
