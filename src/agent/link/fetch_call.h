// One upload on its way from the controller into a file.
//
// The pieces are written on gRPC's threads, one after the other, and the next is read when one is
// written: so a slow disk slows the sender, and the loop has nothing to do with it. What arrived is
// compared with the length and the SHA-256 that came first. See grpc_call.h for who may destroy
// what, and when.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/link/controller_link.h"
#include "agent/link/grpc_call.h"
#include "hearth/agent_link.grpc.pb.h"
#include "uploads/digest.h"

namespace hearth::agent {

class FetchCall final : public grpc::ClientReadReactor<v1::UploadPiece>,
                        public std::enable_shared_from_this<FetchCall> {
 public:
  // `on_ended` is called once, on the loop thread, never after close(). `file` is new and empty.
  FetchCall(std::shared_ptr<LoopGate> gate, UniqueFd file, std::string path,
            ControllerLink::OnFetched on_ended);
  ~FetchCall() override;
  FetchCall(const FetchCall&) = delete;
  FetchCall& operator=(const FetchCall&) = delete;

  void start(std::unique_ptr<v1::AgentLink::Stub> stub,
             const std::function<void(grpc::ClientContext&)>& sign, v1::UploadRequest request);
  void close();
  // It ends with this.
  void give_up(Error why);

  [[nodiscard]] bool is_done() const { return done_; }
  // So far. Any thread.
  [[nodiscard]] std::int64_t received() const { return received_.load(); }

  // From gRPC's threads.
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  Result<> take();
  Result<FetchedUpload> outcome(const grpc::Status& status);
  void ended(const grpc::Status& status);

  std::shared_ptr<LoopGate> gate_;
  UniqueFd file_;
  const std::string path_;
  ControllerLink::OnFetched on_ended_;
  std::unique_ptr<v1::AgentLink::Stub> stub_;
  grpc::ClientContext context_;
  v1::UploadRequest request_;
  bool done_ = false;
  bool whole_ = false;
  std::optional<Error> given_up_;

  // gRPC's threads', until OnDone.
  v1::UploadPiece piece_;
  std::optional<std::int64_t> bytes_;
  uploads::Digest expected_{};
  uploads::DigestStream digest_;
  std::optional<Error> error_;
  std::atomic<std::int64_t> received_{0};
};

}  // namespace hearth::agent
