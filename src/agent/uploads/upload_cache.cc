#include "agent/uploads/upload_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "model/ids.h"

namespace hearth::agent {
namespace {

bool may_pass(ErrorCode code) {
  switch (code) {
    case ErrorCode::Unavailable:
    case ErrorCode::ResourceExhausted:
    case ErrorCode::DeadlineExceeded:
    case ErrorCode::DataLoss:
    case ErrorCode::Cancelled:
      return true;
    default:
      return false;
  }
}

// It is about the attempt that asked, not about the upload.
bool is_about_attempt(ErrorCode code) {
  return code == ErrorCode::FailedPrecondition || code == ErrorCode::PermissionDenied;
}

Error about(const std::string& upload, const Error& error) {
  return error.with_context("fetch the upload \"" + upload + "\" of the job");
}

Result<UniqueFd> open_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return system_error("open " + path, errno);
  }
  return file;
}

}  // namespace

UploadCache::UploadCache(const Deps& deps, UploadCacheOptions options,
                         std::unique_ptr<WorkPool> pool)
    : deps_(deps), options_(std::move(options)), pool_(std::move(pool)) {}

Result<std::unique_ptr<UploadCache>> UploadCache::create(const Deps& deps,
                                                         UploadCacheOptions options) {
  HEARTH_ASSIGN(auto pool, WorkPool::create(deps.loop, 1));
  return std::unique_ptr<UploadCache>(new UploadCache(deps, std::move(options), std::move(pool)));
}

UploadCache::~UploadCache() {
  if (serve_timer_) {
    deps_.loop.cancel_timer(*serve_timer_);
  }
  for (const auto& [upload, fetch] : fetches_) {
    if (fetch.retry) {
      deps_.loop.cancel_timer(*fetch.retry);
    }
  }
}

void UploadCache::get(const AttemptKey& attempt, const std::string& upload, OnReady on_ready) {
  HEARTH_CHECK(link_ != nullptr, "a cache has where to fetch from");
  waiting_.insert_or_assign(attempt, Waiting{.upload = upload, .on_ready = std::move(on_ready)});
  if (kept_.contains(upload) || !is_valid_name_id(upload)) {
    serve_soon();
    return;
  }
  want(upload);
}

void UploadCache::want(const std::string& upload) {
  fetches_.try_emplace(upload,
                       Fetch{.asked_ns = deps_.clock.monotonic_ns(),
                             .delay = ReconnectDelay(options_.retry_initial, options_.retry_max,
                                                     options_.seed + files_),
                             .under_way = false,
                             .retry = {}});
  pump();
}

std::optional<AttemptKey> UploadCache::waiter_of(const std::string& upload) const {
  const auto found = std::ranges::find_if(
      waiting_, [&](const auto& entry) { return entry.second.upload == upload; });
  return found == waiting_.end() ? std::nullopt : std::optional(found->first);
}

void UploadCache::pump() {
  for (auto next = fetches_.begin(); next != fetches_.end() && under_way_ < options_.fetches_max;) {
    auto& [upload, fetch] = *next;
    if (fetch.under_way || fetch.retry) {
      ++next;
      continue;
    }
    const std::optional<AttemptKey> attempt = waiter_of(upload);
    if (!attempt) {
      next = fetches_.erase(next);
      continue;
    }
    begin(upload, fetch, *attempt);
    ++next;
  }
}

void UploadCache::begin(const std::string& upload, Fetch& fetch, const AttemptKey& attempt) {
  fetch.under_way = true;
  deps_.metrics.under_way.store(++under_way_);
  const std::string path = options_.folder + "/" + upload + "." + std::to_string(++files_);
  link_->fetch_upload({.attempt = attempt, .upload = upload, .path = path},
                      [this, upload, attempt, path](Result<FetchedUpload> result) {
                        fetched(upload, attempt, path, std::move(result));
                      });
}

void UploadCache::fetched(const std::string& upload, const AttemptKey& attempt,
                          const std::string& path, Result<FetchedUpload> result) {
  fetches_.at(upload).under_way = false;
  deps_.metrics.under_way.store(--under_way_);
  if (!result) {
    ++deps_.metrics.fetches_failed;
    failed(upload, attempt, result.error());
  } else {
    fetches_.erase(upload);
    ++deps_.metrics.fetches;
    if (result->is_copy) {
      deps_.metrics.fetched_bytes += static_cast<std::uint64_t>(result->bytes);
      kept_[upload] = {.path = path, .bytes = result->bytes, .used = ++uses_};
      bytes_ += result->bytes;
      make_room();
    }
    // A description of its own for each: they share no position.
    answer(upload, "/proc/self/fd/" + std::to_string(result->file.get()));
  }
  pump();
}

void UploadCache::failed(const std::string& upload, const AttemptKey& attempt, const Error& error) {
  Fetch& fetch = fetches_.at(upload);
  const std::int64_t waited_ns = deps_.clock.monotonic_ns() - fetch.asked_ns;
  if (is_about_attempt(error.code)) {
    if (auto waiting = waiting_.extract(attempt); waiting && waiting.mapped().upload == upload) {
      waiting.mapped().on_ready(about(upload, error));
    }
    return;  // others who wait for it ask for themselves
  }
  if (!may_pass(error.code) || std::chrono::nanoseconds(waited_ns) >= options_.patience) {
    fetches_.erase(upload);
    refuse(upload, about(upload, error));
    return;
  }
  const Duration wait = fetch.delay.next();
  deps_.log.debug("an upload did not come; trying again",
                  {{"upload", upload}, {"why", error.message}, {"retry_ms", wait.count()}});
  fetch.retry = deps_.loop.set_timer(wait, [this, upload] {
    fetches_.at(upload).retry.reset();
    pump();
  });
}

void UploadCache::make_room() {
  while (!kept_.empty() &&
         (bytes_ > options_.bytes_max || std::ssize(kept_) > options_.count_max)) {
    const auto oldest =
        std::ranges::min_element(kept_, {}, [](const auto& entry) { return entry.second.used; });
    bytes_ -= oldest->second.bytes;
    remove_file(oldest->second.path);
    kept_.erase(oldest);
    ++deps_.metrics.evictions;
  }
  deps_.metrics.kept.store(std::ssize(kept_));
  deps_.metrics.kept_bytes.store(bytes_);
}

void UploadCache::serve_soon() {
  if (!serve_timer_) {
    serve_timer_ = deps_.loop.set_timer(Duration(0), [this] {
      serve_timer_.reset();
      serve_kept();
    });
  }
}

void UploadCache::serve_kept() {
  std::vector<std::string> asked;
  for (const auto& [attempt, waiting] : waiting_) {
    if (std::ranges::find(asked, waiting.upload) == asked.end()) {
      asked.push_back(waiting.upload);
    }
  }
  for (const std::string& upload : asked) {
    if (!is_valid_name_id(upload)) {
      refuse(upload, invalid_argument("the job names an upload that cannot be"));
    } else if (const auto found = kept_.find(upload); found != kept_.end()) {
      found->second.used = ++uses_;
      deps_.metrics.hits += answer(upload, found->second.path);
    } else {
      want(upload);  // it is on its way, or has made room for another since it was asked for
    }
  }
}

std::vector<Uploads::OnReady> UploadCache::take_waiting(const std::string& upload) {
  std::vector<OnReady> taken;
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    if (next->second.upload == upload) {
      taken.push_back(std::move(next->second.on_ready));
      next = waiting_.erase(next);
    } else {
      ++next;
    }
  }
  return taken;
}

std::size_t UploadCache::answer(const std::string& upload, const std::string& path) {
  const std::vector<OnReady> waiting = take_waiting(upload);
  for (const OnReady& on_ready : waiting) {
    Result<UniqueFd> file = open_file(path);
    on_ready(file ? std::move(file) : Result<UniqueFd>(about(upload, file.error())));
  }
  return waiting.size();
}

void UploadCache::refuse(const std::string& upload, const Error& error) {
  for (const OnReady& on_ready : take_waiting(upload)) {
    on_ready(error);
  }
}

void UploadCache::remove_file(const std::string& path) {
  const auto remove = [path] { ::unlink(path.c_str()); };
  if (!pool_->submit(remove, [] {})) {
    remove();
  }
}

}  // namespace hearth::agent
