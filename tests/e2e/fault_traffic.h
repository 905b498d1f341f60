// Clients of the fault tests: submits batches of jobs of all kinds and cancels some, on a thread of
// its own, while the faults go on. Whatever gets no answer is asked again until it has one, as a
// client that cares does; what was answered is told to the history.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>

#include "client/http_client.h"
#include "tests/e2e/job_history.h"

namespace hearth::e2e {

namespace json = boost::json;

class FaultTraffic {
 public:
  // `history` is the traffic's own until stop() has returned.
  FaultTraffic(client::Endpoint endpoint, JobHistory& history, std::uint32_t seed)
      : endpoint_(std::move(endpoint)), history_(history), random_(seed) {}
  // Stops.
  ~FaultTraffic() { stop(); }
  FaultTraffic(const FaultTraffic&) = delete;
  FaultTraffic& operator=(const FaultTraffic&) = delete;

  void start();
  // What was begun gets its answer before this returns, so the controller must be there.
  void stop();

 private:
  struct Item {
    JobPlan plan;
    boost::json::object body;
    bool cancel = false;
  };

  void run(const std::stop_token& stopped);
  std::vector<Item> draw_batch();
  Item draw(int index);
  void add_dependency(Item& item, int index);
  // The answer's body and status once there is one that is no complaint of a busy or failing
  // server; asked again until then. Status 0 and a failed test when none comes.
  boost::json::value ask(client::HttpClient& client, const client::HttpRequest& request,
                         int& status);
  void submit(client::HttpClient& client, std::vector<Item>& batch);
  // Every so many of those that are to be cancelled.
  void cancel_some(client::HttpClient& client, std::size_t every);
  std::int64_t live_jobs(client::HttpClient& client);
  std::int64_t up_to(std::int64_t bound);  // 0 .. bound - 1

  client::Endpoint endpoint_;
  JobHistory& history_;
  std::mt19937 random_;
  std::int64_t batches_ = 0;
  bool given_up_ = false;
  std::vector<std::string> to_cancel_;
  std::jthread thread_;
};

}  // namespace hearth::e2e
