// A ControllerLink that a test drives: it plays the controller's part through the listener and
// keeps what the agent reported and the output it offered.
//
// While it is down, output is not read; up() catches up. As with the real link, everything is on
// one thread.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/link/controller_link.h"

namespace hearth::agent::testing {

class FakeLink final : public ControllerLink {
 public:
  explicit FakeLink(OutputSource& source) : source_(source) {}

  void start(LinkListener& listener) override { listener_ = &listener; }
  void close() override {
    listener_ = nullptr;
    up_ = false;
  }
  void report_started(const AttemptKey& key) override { started.push_back(key); }
  void report_finished(const AttemptKey& key, const AttemptResult& result) override {
    finished.insert_or_assign(key, result);
  }
  void say_draining() override { ++said_draining; }
  void report_telemetry(TelemetryReport report) override { telemetry.push_back(std::move(report)); }
  [[nodiscard]] std::uint64_t telemetry_bytes() const override { return telemetry_bytes_sent; }
  void answer_telemetry(std::uint64_t id, const Result<TelemetrySeries>& series) override {
    answers.insert_or_assign(id, series);
  }
  void output_grew(const OutputStreamKey& stream, std::int64_t size) override {
    sizes_[stream] = std::max(sizes_[stream], size);
    take_output();
  }
  void forget_output(const AttemptKey& key) override {
    for (const StreamKind stream : kStreamKinds) {
      sizes_.erase({key, stream});
    }
    forgotten.push_back(key);
  }

  void fetch_upload(UploadWanted wanted, OnFetched on_fetched) override {
    fetches.push_back({std::move(wanted), std::move(on_fetched)});
  }

  void up(std::uint64_t controller_epoch, std::vector<AttemptKey> keep = {},
          std::vector<AttemptKey> stop = {}) {
    hello = listener_->hello();
    epoch = controller_epoch;
    up_ = true;
    listener_->on_order(LinkUp{controller_epoch, std::move(keep), std::move(stop)});
    take_output();
  }
  void down() {
    up_ = false;
    listener_->on_order(LinkDown{});
  }
  void assign(const AttemptKey& key, std::string spec, std::string secrets = {}) {
    listener_->on_assign({.controller_epoch = epoch,
                          .key = key,
                          .spec = std::move(spec),
                          .secrets = std::move(secrets)});
  }
  void cancel(const AttemptKey& key) { listener_->on_order(CancelOrder{epoch, key}); }
  void stop(const AttemptKey& key) { listener_->on_order(StopOrder{epoch, key}); }
  void ack(const AttemptKey& key, bool of_finish, bool accepted = true) {
    listener_->on_order(ReportAcked{epoch, key, of_finish, accepted});
  }
  void drain() { listener_->on_order(DrainOrder{epoch}); }
  void reject(const Error& error) { listener_->on_rejected(error); }
  void want_telemetry(Duration interval) { listener_->on_telemetry_wanted(interval); }
  void ask_telemetry(std::uint64_t id, const TelemetryQuery& query) {
    listener_->on_telemetry_query(id, query);
  }
  void beat() { listener_->on_beat(); }

  [[nodiscard]] LinkHello ask_hello() { return listener_->hello(); }
  [[nodiscard]] bool is_started() const { return listener_ != nullptr; }

  LinkHello hello;  // the last one
  std::uint64_t epoch = 0;
  std::vector<AttemptKey> started;
  std::map<AttemptKey, AttemptResult> finished;
  std::map<OutputStreamKey, std::string> output;  // bytes as they came; gaps leave no trace
  std::vector<AttemptKey> forgotten;
  int said_draining = 0;
  std::vector<TelemetryReport> telemetry;
  std::uint64_t telemetry_bytes_sent = 0;
  std::map<std::uint64_t, Result<TelemetrySeries>> answers;

  // Asked for and not answered; the test answers.
  struct Fetch {
    UploadWanted wanted;
    OnFetched on_fetched;
  };
  std::vector<Fetch> fetches;
  void give(std::size_t index, Result<FetchedUpload> fetched) {
    const Fetch fetch = std::move(fetches.at(index));
    fetches.erase(fetches.begin() + static_cast<std::ptrdiff_t>(index));
    fetch.on_fetched(std::move(fetched));
  }
  // As a link over the network does: a file at the path that was asked for.
  void give_copy(std::size_t index, const std::string& bytes) {
    UniqueFd file(
        ::open(fetches.at(index).wanted.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    const ssize_t put = ::pwrite(file.get(), bytes.data(), bytes.size(), 0);
    give(index, FetchedUpload{.file = std::move(file), .bytes = put, .is_copy = true});
  }

 private:
  void take_output() {
    constexpr std::int64_t kMax = 4'096;
    if (!up_) {
      return;
    }
    for (const auto& [stream, size] : sizes_) {
      std::int64_t& taken = taken_[stream];
      while (taken < size) {
        const output::LogSlice slice = source_.read_output(stream, taken, kMax);
        output[stream] += slice.bytes;
        taken = slice.offset + static_cast<std::int64_t>(slice.bytes.size());
      }
    }
  }

  OutputSource& source_;
  LinkListener* listener_ = nullptr;
  bool up_ = false;
  std::map<OutputStreamKey, std::int64_t> sizes_;
  std::map<OutputStreamKey, std::int64_t> taken_;
};

}  // namespace hearth::agent::testing
