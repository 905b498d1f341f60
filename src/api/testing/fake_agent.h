// An agent for tests of the loop: keeps what the controller sends, message by message, and speaks
// through the AgentApi only when the test says so. Thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/agent_port.h"
#include "api/testing/answer.h"
#include "base/mutex.h"

namespace hearth::api::testing {

struct Assigned {
  AttemptKey key;
  std::string spec;
  std::string secrets;
};
struct Cancelled {
  AttemptKey key;
};
struct Stopped {
  AttemptKey key;
};
struct Acked {
  AttemptKey key;
  bool finished = false;
  bool accepted = false;
};
struct Rejected {
  Error error;
};
struct Drained {};
struct HeartbeatWanted {
  Duration interval{};
};
struct TelemetryWanted {
  Duration interval{};
};
struct TelemetryAsked {
  std::uint64_t id = 0;
  TelemetryQuery query;
};

class FakeConnection final : public AgentConnection {
 public:
  using Message = std::variant<core::Welcome, Rejected, Assigned, Cancelled, Stopped, Acked,
                               Drained, HeartbeatWanted, TelemetryWanted, TelemetryAsked>;

  void welcome(const core::Welcome& welcome) override { put(welcome); }
  void reject(const Error& error) override { put(Rejected{error}); }
  void assign(const AttemptKey& key, std::string spec, std::string secrets) override {
    put(Assigned{key, std::move(spec), std::move(secrets)});
  }
  void cancel(const AttemptKey& key) override { put(Cancelled{key}); }
  void stop(const AttemptKey& key) override { put(Stopped{key}); }
  void ack(const AttemptKey& key, bool finished, bool accepted) override {
    put(Acked{key, finished, accepted});
  }
  void drain() override { put(Drained{}); }
  void heartbeat_wanted(Duration interval) override { put(HeartbeatWanted{interval}); }
  void telemetry_wanted(Duration interval) override { put(TelemetryWanted{interval}); }
  void telemetry_query(std::uint64_t id, const TelemetryQuery& query) override {
    put(TelemetryAsked{id, query});
  }

  // The next message of this kind, leaving the others; nullopt when none came.
  template <class Kind>
  std::optional<Kind> next() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const MutexLock lock(mutex_);
    while (true) {
      const auto found = std::find_if(messages_.begin(), messages_.end(), [](const Message& it) {
        return std::holds_alternative<Kind>(it);
      });
      if (found != messages_.end()) {
        Kind message = std::get<Kind>(std::move(*found));
        messages_.erase(found);
        return message;
      }
      if (std::chrono::steady_clock::now() >= deadline) {
        return std::nullopt;
      }
      came_.wait_until(mutex_, deadline);
    }
  }

  template <class Kind>
  bool has() {
    const MutexLock lock(mutex_);
    return std::any_of(messages_.begin(), messages_.end(),
                       [](const Message& it) { return std::holds_alternative<Kind>(it); });
  }

 private:
  void put(Message message) {
    const MutexLock lock(mutex_);
    messages_.push_back(std::move(message));
    came_.notify_all();
  }

  Mutex mutex_;
  Condition came_;
  std::deque<Message> messages_ HEARTH_GUARDED_BY(mutex_);
};

class FakeAgent {
 public:
  FakeAgent(AgentApi& api, std::string name, std::string incarnation = "first")
      : instance("instance-" + name),
        api_(&api),
        incarnation_(std::move(incarnation)),
        id_(std::move(name)) {}

  // Says hello; the welcome is left to be taken.
  void connect(std::vector<core::HeldAttempt> held = {}) {
    connection_ = std::make_shared<FakeConnection>();
    AgentInfo info{.id = id_, .instance = instance, .incarnation = incarnation_};
    info.hostname = "host";
    info.capacity = {.cpu_milli = cpu_milli, .memory_bytes = 64 * limits::kGiB};
    info.sandboxes = {SandboxLevel::None};
    link_ = api_->open(std::move(info), std::move(held), connection_);
  }
  void disconnect() { api_->closed(link_, id_); }
  void use(AgentApi& api) { api_ = &api; }

  void heartbeat() { api_->heartbeat(link_, id_, {.cpu_percent = 1.0, .memory_bytes = 1}); }
  void report(TelemetryReport report) { api_->telemetry(link_, id_, std::move(report)); }
  void answer(std::uint64_t query, Result<TelemetrySeries> series) {
    api_->telemetry_answer(link_, query, std::move(series));
  }
  void start(const AttemptKey& key) { api_->started(link_, id_, key); }
  Result<std::int64_t> write(const AttemptKey& key, std::int64_t offset, std::string_view bytes,
                             StreamKind stream = StreamKind::Stdout) {
    return api_->output(id_, key, stream, offset, bytes);
  }
  void finish(const AttemptKey& key, std::int64_t stdout_bytes = 0, std::string message = {}) {
    AttemptResult result{.state = JobState::Completed};
    result.message = std::move(message);
    result.exit_code = 0;
    result.stdout_bytes = stdout_bytes;
    api_->finished(link_, id_, key, std::move(result));
  }

  void finish_with(const AttemptKey& key, AttemptResult result) {
    result.state = JobState::Completed;
    result.exit_code = 0;
    api_->finished(link_, id_, key, std::move(result));
  }

  [[nodiscard]] FakeConnection& inbox() { return *connection_; }
  [[nodiscard]] const AgentId& id() const { return id_; }
  [[nodiscard]] std::uint64_t link() const { return link_; }

  std::int64_t cpu_milli = 64'000;
  std::string instance;

 private:
  AgentApi* api_;
  std::string incarnation_;
  AgentId id_;
  std::shared_ptr<FakeConnection> connection_;
  std::uint64_t link_ = 0;
};

}  // namespace hearth::api::testing
