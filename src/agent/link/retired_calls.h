// Closed calls that gRPC may still hold; see grpc_call.h for why they are kept until it does not.
#pragma once

#include <functional>
#include <memory>
#include <vector>

namespace hearth::agent {

class RetiredCalls {
 public:
  // Closes `call` and takes it; none is fine.
  template <class Call>
  void take(std::shared_ptr<Call>& call) {
    std::erase_if(calls_, [](const Retired& one) { return one.is_done(); });
    if (call) {
      call->close();
      calls_.push_back({call, [raw = call.get()] { return raw->is_done(); }});
      call.reset();
    }
  }

 private:
  struct Retired {
    std::shared_ptr<void> call;
    std::function<bool()> is_done;
  };

  std::vector<Retired> calls_;
};

}  // namespace hearth::agent
