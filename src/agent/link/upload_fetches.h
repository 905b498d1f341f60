// The fetches of one link: starts them, sees that each gets on, and lets go of them when gRPC does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/link/controller_link.h"
#include "agent/link/fetch_call.h"
#include "agent/loop/event_loop.h"
#include "base/upload_limits.h"

namespace hearth::agent {

class UploadFetches {
 public:
  UploadFetches(EventLoop& loop, std::shared_ptr<LoopGate> gate,
                Duration stall = limits::kUploadFetchStall)
      : loop_(loop), gate_(std::move(gate)), stall_(stall) {}

  void start(std::unique_ptr<v1::AgentLink::Stub> stub,
             const std::function<void(grpc::ClientContext&)>& sign, v1::UploadRequest request,
             std::string path, ControllerLink::OnFetched on_fetched);
  // At the next turn of the loop.
  void fail(const Error& error, ControllerLink::OnFetched on_fetched);
  // Nobody is told anything any more.
  void close();

 private:
  struct Fetch {
    std::shared_ptr<FetchCall> call;
    TimerId timer = 0;
    std::int64_t seen = 0;  // of it, when the timer went off last
  };

  void look_at(std::uint64_t id);
  void ended(std::uint64_t id);

  EventLoop& loop_;
  const std::shared_ptr<LoopGate> gate_;
  const Duration stall_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Fetch> fetches_;
  std::map<std::uint64_t, TimerId> failures_;        // on their way
  std::vector<std::shared_ptr<FetchCall>> retired_;  // gRPC may still hold them
};

}  // namespace hearth::agent
