#include "agent/link/fetch_call.h"

#include <unistd.h>

#include <utility>

#include "base/files.h"
#include "base/upload_limits.h"

namespace hearth::agent {

FetchCall::FetchCall(std::shared_ptr<LoopGate> gate, UniqueFd file, std::string path,
                     ControllerLink::OnFetched on_ended)
    : gate_(std::move(gate)),
      file_(std::move(file)),
      path_(std::move(path)),
      on_ended_(std::move(on_ended)) {}

FetchCall::~FetchCall() {
  if (!done_) {
    ::unlink(path_.c_str());
  }
}

void FetchCall::start(std::unique_ptr<v1::AgentLink::Stub> stub,
                      const std::function<void(grpc::ClientContext&)>& sign,
                      v1::UploadRequest request) {
  stub_ = std::move(stub);
  request_ = std::move(request);
  sign(context_);
  gate_->call_started();
  stub_->async()->FetchUpload(&context_, &request_, this);
  StartRead(&piece_);
  StartCall();
}

void FetchCall::close() {
  on_ended_ = {};
  if (!done_) {
    context_.TryCancel();
  }
}

void FetchCall::give_up(Error why) {
  given_up_ = std::move(why);
  context_.TryCancel();
}

void FetchCall::OnReadDone(bool ok) {
  if (!ok) {
    return;
  }
  if (Result<> taken = take(); !taken) {
    error_ = std::move(taken).error();
    context_.TryCancel();
    return;
  }
  piece_.Clear();
  StartRead(&piece_);
}

Result<> FetchCall::take() {
  if (!bytes_) {
    const auto digest = uploads::digest_of_bytes(piece_.sha256());
    if (!digest || piece_.bytes() > static_cast<std::uint64_t>(limits::kUploadBytesMax)) {
      return Error{.code = ErrorCode::DataLoss,
                   .message = "the controller announced an upload that cannot be"};
    }
    bytes_ = static_cast<std::int64_t>(piece_.bytes());
    expected_ = *digest;
  }
  const std::string& data = piece_.data();
  if (received_.load() + std::ssize(data) > *bytes_) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = "the controller sent more of an upload than it has"};
  }
  HEARTH_TRY(write_all(file_.get(), data, path_));
  digest_.add(data);
  received_.fetch_add(std::ssize(data));
  return {};
}

void FetchCall::OnDone(const grpc::Status& status) {
  const std::shared_ptr<LoopGate> gate = gate_;
  gate->post([self = shared_from_this(), status] { self->ended(status); });
  gate->call_done();  // `this` may be gone
}

Result<FetchedUpload> FetchCall::outcome(const grpc::Status& status) {
  if (given_up_) {
    return *given_up_;
  }
  if (error_) {
    return *error_;
  }
  if (!status.ok()) {
    return Error{.code = static_cast<ErrorCode>(status.error_code()),
                 .message = status.error_message()};
  }
  if (!bytes_ || received_.load() != *bytes_ || digest_.finish() != expected_) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = "an upload did not arrive as the controller has it"};
  }
  whole_ = true;
  return FetchedUpload{.file = std::move(file_), .bytes = *bytes_, .is_copy = true};
}

void FetchCall::ended(const grpc::Status& status) {
  done_ = true;
  Result<FetchedUpload> fetched = outcome(status);
  if (!fetched) {
    ::unlink(path_.c_str());  // before it is told: it may be asked for again
  }
  if (on_ended_) {
    const auto on_ended = std::exchange(on_ended_, {});
    on_ended(std::move(fetched));
  } else if (whole_) {
    ::unlink(path_.c_str());
  }
}

}  // namespace hearth::agent
