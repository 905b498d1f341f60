// Which uploads there are, who needs them, and what has to go: the bookkeeping of a store, without
// a file.
//
// Not thread-safe; times are monotonic.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "uploads/upload_store.h"

namespace hearth::uploads {

class Shelf {
 public:
  explicit Shelf(const UploadLimits& limits) : limits_(limits) {}

  // Something new begins to come in. To both is added what is gone from here to make room, and
  // whose files have to go, also when it was not enough: the error says which limit holds.
  Result<> begin(std::int64_t now_ns, std::vector<std::string>& gone);
  Result<> reserve(std::int64_t bytes, std::int64_t now_ns, std::vector<std::string>& gone);
  // What began ends, with so many bytes reserved: it stays as `kept`, or not.
  void end(std::int64_t reserved, const std::optional<Upload>& kept, std::int64_t now_ns);
  // Found at the start, not needed since then.
  void found(const Upload& upload, std::int64_t idle_since_ns);

  [[nodiscard]] const Upload* find(const std::string& id) const;
  void touch(const std::string& id, std::int64_t now_ns);
  void hold(const std::string& id);
  void release(const std::string& id, std::int64_t now_ns);
  // What nobody needs any more, and is not here from then on.
  std::vector<std::string> take_expired(std::int64_t now_ns);
  // Since when each has been idle of which that changed since the last call.
  std::vector<std::pair<std::string, std::int64_t>> take_moved();

  [[nodiscard]] UploadStats stats() const;

 private:
  struct Entry {
    Upload upload;
    std::int64_t holders = 0;
    std::int64_t idle_since_ns = 0;
    bool moved = false;
  };

  // Lets idle ones go that may, the longest idle first, until it is enough.
  template <class Enough>
  void make_room(std::int64_t now_ns, std::vector<std::string>& gone, Enough enough);
  void drop(const std::string& id);

  const UploadLimits limits_;
  std::map<std::string, Entry> entries_;
  std::int64_t incoming_ = 0;
  std::int64_t bytes_ = 0;  // kept and reserved
};

}  // namespace hearth::uploads
