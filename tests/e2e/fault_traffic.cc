#include "tests/e2e/fault_traffic.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "base/clock.h"
#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::text;

namespace {

constexpr int kBatchJobs = 10;
constexpr std::int64_t kLiveJobsMax = 14;  // the next batch waits for more to end
constexpr std::int64_t kRunMsMax = 600;
constexpr std::int64_t kSmallBytesMax = 20'000;  // both sides of what is stored inline
constexpr std::int64_t kLargeBytesMin = 200'000;
constexpr std::int64_t kLargeBytesMax = 900'000;
constexpr std::int64_t kUntilCancelledMs = 3'600'000;
constexpr Duration kRequestPatience{5'000};
constexpr Duration kAskingPatience{120'000};
constexpr int kPauseMs = 30;
constexpr int kPausesMax = 100;  // jobs that run until they are cancelled may be all that is left

// A pause without a sleep: nothing is ever readable on it.
void pause() {
  ::poll(nullptr, 0, kPauseMs);
}

}  // namespace

void FaultTraffic::start() {
  thread_ = std::jthread([this](const std::stop_token& stopped) { run(stopped); });
}

void FaultTraffic::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

std::int64_t FaultTraffic::up_to(std::int64_t bound) {
  return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
}

void FaultTraffic::run(const std::stop_token& stopped) {
  client::HttpClient client(endpoint_);
  while (!stopped.stop_requested() && !given_up_) {
    auto batch = draw_batch();
    submit(client, batch);
    cancel_some(client, /*every=*/2);
    for (int i = 0; i < kPausesMax && !stopped.stop_requested(); ++i) {
      if (live_jobs(client) <= kLiveJobsMax) {
        break;
      }
      pause();
    }
    cancel_some(client, /*every=*/1);
  }
}

std::vector<FaultTraffic::Item> FaultTraffic::draw_batch() {
  ++batches_;
  std::vector<Item> batch;
  for (int i = 0; i < kBatchJobs; ++i) {
    batch.push_back(draw(i));
  }
  return batch;
}

FaultTraffic::Item FaultTraffic::draw(int index) {
  Item item;
  JobPlan& plan = item.plan;
  plan.run_ms = up_to(kRunMsMax);
  plan.out_bytes = up_to(kSmallBytesMax);
  plan.err_bytes = up_to(3) == 0 ? up_to(kSmallBytesMax) : 0;
  if (up_to(12) == 0) {
    plan.out_bytes = kLargeBytesMin + up_to(kLargeBytesMax - kLargeBytesMin);
  }
  if (up_to(6) == 0) {  // fails for good when it has fewer retries than failures
    plan.fail_first = 1 + up_to(2);
    plan.max_retries = up_to(3);
  }
  plan.leaves_child = up_to(6) == 0;
  item.cancel = up_to(8) == 0;
  if (item.cancel && up_to(2) == 0) {
    plan.run_ms = kUntilCancelledMs;
  }
  if (index > 0 && up_to(4) == 0) {
    add_dependency(item, index);
  }
  if (up_to(6) == 0) {
    plan.group = "g" + std::to_string(up_to(2));
    plan.group_limit = 2;
  }
  item.body = history_.body(plan);
  item.body["requiredCpu"] = 0.5 * static_cast<double>(1 + up_to(3));
  item.body["requiredRamMb"] = 64;
  item.body["graceMs"] = 200;
  item.body["backoff"] = {{"initialMs", 20}};
  item.body["priority"] = up_to(3);
  item.body["ref"] = "r" + std::to_string(index);
  item.body["idempotencyKey"] = std::to_string(batches_) + "." + std::to_string(index);
  if (up_to(12) == 0) {
    item.body["array"] = {{"from", 1}, {"to", 1 + up_to(3)}};
  }
  return item;
}

void FaultTraffic::add_dependency(Item& item, int index) {
  constexpr const char* kConditions[] = {"ok", "ok", "any", "notok"};
  item.plan.after["@r" + std::to_string(up_to(index))] = kConditions[up_to(4)];
}

json::value FaultTraffic::ask(client::HttpClient& client, const client::HttpRequest& request,
                              int& status) {
  SystemClock clock;
  const std::int64_t deadline_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(kAskingPatience).count();
  while (!given_up_) {
    const auto answer = client.request(request, kRequestPatience);
    if (answer && answer->status < 500 && answer->status != 429) {
      status = answer->status;
      boost::system::error_code failed;
      return json::parse(answer->body, failed);
    }
    pause();
    if (clock.monotonic_ns() > deadline_ns) {
      given_up_ = true;
      ADD_FAILURE() << request.method << " " << request.target
                    << " gets no answer: " << (answer ? answer->body : answer.error().message);
    }
  }
  status = 0;
  return {};
}

// Ids of a batch's item, which may be an array.
static std::vector<std::string> ids_in(const json::object& result) {
  if (const auto* ids = result.if_contains("ids"); ids != nullptr) {
    std::vector<std::string> all;
    for (const auto& id : ids->as_array()) {
      all.push_back(id.is_string() ? std::string(id.get_string()) : "");
    }
    return all;
  }
  return {text(result, "id")};
}

void FaultTraffic::submit(client::HttpClient& client, std::vector<Item>& batch) {
  json::array items;
  for (const Item& item : batch) {
    items.push_back(item.body);
  }
  int status = 0;
  const json::value answer = ask(client,
                                 {.method = "POST",
                                  .target = "/v1/jobs:batch",
                                  .body = json::serialize(items),
                                  .content_type = "application/json"},
                                 status);
  ASSERT_EQ(status, 200) << json::serialize(answer);
  const auto& results = answer.at("results").as_array();
  ASSERT_EQ(results.size(), batch.size());
  std::map<std::string, std::vector<std::string>> refs;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto ids = ids_in(results[i].as_object());
    JobPlan plan = batch[i].plan;
    plan.after.clear();
    for (const auto& [ref, condition] : batch[i].plan.after) {
      for (const std::string& id : refs[ref]) {
        plan.after[id] = condition;
      }
    }
    for (const std::string& id : ids) {
      ASSERT_FALSE(id.empty()) << json::serialize(results[i]);
      history_.on_submitted(id, plan);
      if (batch[i].cancel) {
        to_cancel_.push_back(id);
      }
    }
    refs["@r" + std::to_string(i)] = ids;
  }
}

void FaultTraffic::cancel_some(client::HttpClient& client, std::size_t every) {
  std::vector<std::string> later;
  for (std::size_t i = 0; i < to_cancel_.size(); ++i) {
    const std::string& id = to_cancel_[i];
    if (i % every != 0) {
      later.push_back(id);
      continue;
    }
    history_.on_cancel_asked(id);
    int status = 0;
    const json::value answer = ask(client,
                                   {.method = "POST",
                                    .target = "/v1/jobs/" + id + "/cancel",
                                    .body = "{}",
                                    .content_type = "application/json"},
                                   status);
    EXPECT_TRUE(status == 200 || status == 202) << id << ": " << json::serialize(answer);
    history_.on_cancel_answered(id, status,
                                answer.is_object() ? answer.get_object() : json::object());
  }
  to_cancel_ = std::move(later);
}

std::int64_t FaultTraffic::live_jobs(client::HttpClient& client) {
  int status = 0;
  const json::value page =
      ask(client, {.target = "/v1/jobs?state=QUEUED,ASSIGNED,RUNNING&limit=100"}, status);
  EXPECT_EQ(status, 200) << json::serialize(page);
  return status == 200 ? std::ssize(page.at("jobs").as_array()) : 0;
}

}  // namespace hearth::e2e
