#include "agent/link/upload_fetches.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace hearth::agent {

void UploadFetches::start(std::unique_ptr<v1::AgentLink::Stub> stub,
                          const std::function<void(grpc::ClientContext&)>& sign,
                          v1::UploadRequest request, std::string path,
                          ControllerLink::OnFetched on_fetched) {
  constexpr mode_t kPrivate = 0600;
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kPrivate));
  if (!file.valid()) {
    fail(system_error("make " + path, errno), std::move(on_fetched));
    return;
  }
  const std::uint64_t id = ++last_;
  auto call = std::make_shared<FetchCall>(
      gate_, std::move(file), std::move(path),
      [this, id, on_fetched = std::move(on_fetched)](Result<FetchedUpload> fetched) {
        const auto tell = on_fetched;  // what it is part of goes now
        ended(id);
        tell(std::move(fetched));
      });
  fetches_[id] = {.call = call, .timer = loop_.set_timer(stall_, [this, id] { look_at(id); })};
  call->start(std::move(stub), sign, std::move(request));
}

void UploadFetches::fail(const Error& error, ControllerLink::OnFetched on_fetched) {
  const std::uint64_t id = ++last_;
  failures_[id] =
      loop_.set_timer(Duration(0), [this, id, error, on_fetched = std::move(on_fetched)] {
        failures_.erase(id);
        on_fetched(error);
      });
}

void UploadFetches::look_at(std::uint64_t id) {
  Fetch& fetch = fetches_.at(id);
  const std::int64_t received = fetch.call->received();
  if (received == fetch.seen) {
    fetch.call->give_up(Error{
        .code = ErrorCode::DeadlineExceeded,
        .message = "nothing of the upload came for " + std::to_string(stall_.count()) + " ms"});
  }
  fetch.seen = received;
  fetch.timer = loop_.set_timer(stall_, [this, id] { look_at(id); });
}

void UploadFetches::ended(std::uint64_t id) {
  auto fetch = fetches_.extract(id);
  loop_.cancel_timer(fetch.mapped().timer);
  std::erase_if(retired_, [](const auto& call) { return call->is_done(); });
  retired_.push_back(std::move(fetch.mapped().call));
}

void UploadFetches::close() {
  for (auto& [id, fetch] : fetches_) {
    loop_.cancel_timer(fetch.timer);
    fetch.call->close();
    retired_.push_back(std::move(fetch.call));
  }
  fetches_.clear();
  for (const auto& [id, timer] : failures_) {
    loop_.cancel_timer(timer);
  }
  failures_.clear();
}

}  // namespace hearth::agent
