// An AgentApi for tests of the agent link: keeps what agents said, answers a hello with a welcome
// or a refusal, and hands out the connections so that a test can play the controller.
//
// Thread-safe, since gRPC calls it from its own threads: tests read through locked copies or wait
// with `wait_for`.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "api/agent_port.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "uploads/digest.h"
#include "uploads/upload_store.h"

namespace hearth::api::testing {

class FakeAgentApi final : public AgentApi {
 public:
  struct Link {
    AgentInfo info;
    std::vector<core::HeldAttempt> held;
    std::shared_ptr<AgentConnection> connection;
    bool closed = false;
  };
  struct State {
    std::map<std::uint64_t, Link> links;
    std::vector<AgentUsage> heartbeats;
    std::vector<TelemetryReport> telemetry;
    std::map<std::uint64_t, Result<TelemetrySeries>> answers;
    int draining = 0;
    std::vector<AttemptKey> started;
    std::map<AttemptKey, AttemptResult> finished;
    std::map<AttemptKey, std::string> progress;
    // Bytes by offset; a gap is filled with '?'. `repeated` counts bytes that were known already.
    std::map<std::pair<AttemptKey, StreamKind>, std::string> output;
    std::int64_t repeated = 0;
    std::int64_t chunks = 0;
    std::vector<AttemptKey> keep;  // for the next welcome
    std::vector<AttemptKey> stop;  // likewise
    std::optional<Error> refusal;  // of the next hello
    std::optional<Error> output_error;
    std::optional<Error> next_output_error;  // of one call
    bool hold_output = false;                // calls that came wait
    bool welcome = true;
    std::map<std::string, std::string> uploads;
    std::vector<std::tuple<AgentId, AttemptKey, std::string>> fetched;
    std::optional<Error> next_fetch_error;
    std::uint64_t epoch = 1;
  };

  std::uint64_t open(AgentInfo info, std::vector<core::HeldAttempt> held,
                     std::shared_ptr<AgentConnection> connection) override {
    core::Welcome welcome;
    std::optional<Error> refusal;
    bool answer = true;
    {
      const MutexLock lock(mutex_);
      const std::uint64_t link = ++last_link_;
      welcome = {.agent = info.id,
                 .link = link,
                 .controller_epoch = state_.epoch,
                 .keep = state_.keep,
                 .stop = state_.stop};
      refusal = std::exchange(state_.refusal, std::nullopt);
      answer = state_.welcome;
      state_.links[link] = {std::move(info), std::move(held), connection, false};
      changed_.notify_all();
    }
    if (refusal) {
      connection->reject(*refusal);
    } else if (answer) {
      connection->welcome(welcome);
    }
    return welcome.link;
  }
  void closed(std::uint64_t link, const AgentId& /*agent*/) override {
    change([link](State& state) { state.links[link].closed = true; });
  }
  void heartbeat(std::uint64_t /*link*/, const AgentId& /*agent*/, AgentUsage usage) override {
    change([&](State& state) { state.heartbeats.push_back(usage); });
  }
  void telemetry(std::uint64_t /*link*/, const AgentId& /*agent*/,
                 TelemetryReport report) override {
    change([&](State& state) { state.telemetry.push_back(std::move(report)); });
  }
  void telemetry_answer(std::uint64_t /*link*/, std::uint64_t query,
                        Result<TelemetrySeries> series) override {
    change([&](State& state) { state.answers.emplace(query, std::move(series)); });
  }
  void draining(std::uint64_t /*link*/, const AgentId& /*agent*/) override {
    change([](State& state) { ++state.draining; });
  }
  void started(std::uint64_t /*link*/, const AgentId& /*agent*/, const AttemptKey& key) override {
    change([&](State& state) { state.started.push_back(key); });
  }
  void finished(std::uint64_t /*link*/, const AgentId& /*agent*/, const AttemptKey& key,
                AttemptResult result) override {
    change([&](State& state) { state.finished.insert_or_assign(key, std::move(result)); });
  }
  void progress(std::uint64_t /*link*/, const AgentId& /*agent*/, const AttemptKey& key,
                std::int32_t percent, std::string text) override {
    change([&](State& state) { state.progress[key] = std::to_string(percent) + " " + text; });
  }
  Result<std::int64_t> output(const AgentId& /*agent*/, const AttemptKey& key, StreamKind stream,
                              std::int64_t offset, std::string_view bytes) override {
    const MutexLock lock(mutex_);
    ++state_.chunks;
    changed_.notify_all();
    while (state_.hold_output) {
      changed_.wait(mutex_);
    }
    if (std::optional<Error> error = std::exchange(state_.next_output_error, std::nullopt)) {
      return *std::move(error);
    }
    if (state_.output_error) {
      return *state_.output_error;
    }
    std::string& all = state_.output[{key, stream}];
    const auto at = static_cast<std::size_t>(offset);
    if (at > all.size()) {
      all.resize(at, '?');
    }
    const std::size_t known = std::min(all.size() - at, bytes.size());
    state_.repeated += static_cast<std::int64_t>(known);
    all += bytes.substr(known);
    return static_cast<std::int64_t>(all.size());
  }
  Result<uploads::OpenUpload> open_upload(const AgentId& agent, const AttemptKey& key,
                                          const std::string& upload) override {
    const MutexLock lock(mutex_);
    state_.fetched.emplace_back(agent, key, upload);
    changed_.notify_all();
    if (std::optional<Error> error = std::exchange(state_.next_fetch_error, std::nullopt)) {
      return *std::move(error);
    }
    const auto found = state_.uploads.find(upload);
    if (found == state_.uploads.end()) {
      return uploads::no_such_upload(upload);
    }
    const std::string& bytes = found->second;
    uploads::DigestStream digest;
    digest.add(bytes);
    uploads::OpenUpload opened{
        .upload = {.id = upload, .bytes = std::ssize(bytes), .digest = digest.finish()},
        .file = UniqueFd(::memfd_create("upload", MFD_CLOEXEC))};
    if (::pwrite(opened.file.get(), bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
      return internal_error("write a memory file");
    }
    return opened;
  }
  std::uint64_t controller_epoch() override {
    const MutexLock lock(mutex_);
    return state_.epoch;
  }

  void change(const std::function<void(State&)>& changer) {
    const MutexLock lock(mutex_);
    changer(state_);
    changed_.notify_all();
  }
  State state() {
    const MutexLock lock(mutex_);
    return state_;
  }
  // False after ten seconds: the test then says what it waited for.
  bool wait_for(const std::function<bool(const State&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const MutexLock lock(mutex_);
    while (!condition(state_)) {
      if (std::chrono::steady_clock::now() >= deadline) {
        return false;
      }
      changed_.wait_until(mutex_, deadline);
    }
    return true;
  }
  // Of the newest link that is open; null when there is none.
  std::shared_ptr<AgentConnection> connection() {
    const MutexLock lock(mutex_);
    for (auto link = state_.links.rbegin(); link != state_.links.rend(); ++link) {
      if (!link->second.closed) {
        return link->second.connection;
      }
    }
    return nullptr;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  State state_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t last_link_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::api::testing
