#include "uploads/shelf.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace hearth::uploads {
namespace {

std::int64_t to_ns(Duration duration) {
  return std::chrono::nanoseconds(duration).count();
}

}  // namespace

Error no_such_upload(const std::string& id) {
  return not_found("there is no upload \"" + id +
                   "\": it never was, or was removed after nobody had needed it for a while; "
                   "upload it again");
}

template <class Enough>
void Shelf::make_room(std::int64_t now_ns, std::vector<std::string>& gone, Enough enough) {
  while (!enough()) {
    const Entry* oldest = nullptr;
    for (const auto& [id, entry] : entries_) {
      if (entry.holders == 0 && now_ns - entry.idle_since_ns >= to_ns(limits_.kept_min) &&
          (oldest == nullptr || entry.idle_since_ns < oldest->idle_since_ns)) {
        oldest = &entry;
      }
    }
    if (oldest == nullptr) {
      return;
    }
    gone.push_back(oldest->upload.id);
    drop(gone.back());
  }
}

Result<> Shelf::begin(std::int64_t now_ns, std::vector<std::string>& gone) {
  const auto fits = [this] { return std::ssize(entries_) + incoming_ < limits_.kept_max; };
  make_room(now_ns, gone, fits);
  if (!fits()) {
    Error error =
        limit_exceeded("kUploadsKeptMax", limits_.kept_max,
                       "take one more upload: there are " + std::to_string(limits_.kept_max) +
                           " that live jobs use or that have just come; try again later");
    error.kind = "rate_limited";
    return error;
  }
  ++incoming_;
  return {};
}

Result<> Shelf::reserve(std::int64_t bytes, std::int64_t now_ns, std::vector<std::string>& gone) {
  const auto fits = [this, bytes] { return bytes <= limits_.bytes_max - bytes_; };
  make_room(now_ns, gone, fits);
  if (!fits()) {
    Error error = limit_exceeded(
        "kUploadsBytesMax", limits_.bytes_max,
        "take more of the upload: all that live jobs use or that have just come may have " +
            std::to_string(limits_.bytes_max) + " bytes together; try again later");
    error.kind = "rate_limited";
    return error;
  }
  bytes_ += bytes;
  return {};
}

void Shelf::end(std::int64_t reserved, const std::optional<Upload>& kept, std::int64_t now_ns) {
  HEARTH_CHECK(incoming_ > 0 && bytes_ >= reserved, "what ends had begun");
  --incoming_;
  bytes_ -= reserved;
  if (kept) {
    found(*kept, now_ns);
  }
}

void Shelf::found(const Upload& upload, std::int64_t idle_since_ns) {
  const bool is_new =
      entries_.try_emplace(upload.id, Entry{.upload = upload, .idle_since_ns = idle_since_ns})
          .second;
  HEARTH_CHECK(is_new, "no two uploads have one id");
  bytes_ += upload.bytes;
}

const Upload* Shelf::find(const std::string& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.upload;
}

void Shelf::touch(const std::string& id, std::int64_t now_ns) {
  if (const auto found = entries_.find(id); found != entries_.end()) {
    found->second.idle_since_ns = now_ns;
    found->second.moved = true;
  }
}

void Shelf::hold(const std::string& id) {
  if (const auto found = entries_.find(id); found != entries_.end()) {
    ++found->second.holders;
  }
}

void Shelf::release(const std::string& id, std::int64_t now_ns) {
  if (const auto found = entries_.find(id); found != entries_.end() && found->second.holders > 0) {
    --found->second.holders;
    found->second.idle_since_ns = now_ns;
    found->second.moved = true;
  }
}

std::vector<std::string> Shelf::take_expired(std::int64_t now_ns) {
  std::vector<std::string> expired;
  for (const auto& [id, entry] : entries_) {
    if (entry.holders == 0 && now_ns - entry.idle_since_ns >= to_ns(limits_.kept_for)) {
      expired.push_back(id);
    }
  }
  for (const std::string& id : expired) {
    drop(id);
  }
  return expired;
}

std::vector<std::pair<std::string, std::int64_t>> Shelf::take_moved() {
  std::vector<std::pair<std::string, std::int64_t>> moved;
  for (auto& [id, entry] : entries_) {
    if (std::exchange(entry.moved, false)) {
      moved.emplace_back(id, entry.idle_since_ns);
    }
  }
  return moved;
}

void Shelf::drop(const std::string& id) {
  const auto found = entries_.find(id);
  bytes_ -= found->second.upload.bytes;
  entries_.erase(found);
}

UploadStats Shelf::stats() const {
  UploadStats stats{.kept = std::ssize(entries_), .bytes = bytes_};
  stats.held =
      std::ranges::count_if(entries_, [](const auto& entry) { return entry.second.holders > 0; });
  return stats;
}

}  // namespace hearth::uploads
