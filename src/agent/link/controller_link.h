// The agent's link to its controller, as the rest of the agent sees it.
//
// Keeps itself connected: backs off, says hello, beats. What the controller says arrives at the
// LinkListener as the commands of AgentCore; what the agent reports is sent if the link is up and
// dropped if not, because AgentCore repeats every report after each welcome until it is
// acknowledged. Output is pulled from an OutputSource, which keeps it until the attempt is
// forgotten.
//
// Everything happens on the agent's loop thread. GrpcLink is the real one, FakeLink (testing/) is
// driven by a test.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/link/output_sender.h"
#include "base/error.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "model/agent.h"
#include "model/worker.h"

namespace hearth::agent {

struct LinkHello {
  AgentInfo info;
  std::vector<HeldState> held;
  std::uint64_t controller_epoch_seen = 0;
};

struct AssignOrder {
  std::uint64_t controller_epoch = 0;
  AttemptKey key;
  std::string spec;     // wire/job_codec.h
  std::string secrets;  // likewise
};

class LinkListener {
 public:
  virtual ~LinkListener() = default;
  // Asked for at each connect, so that it says what is true then.
  virtual LinkHello hello() = 0;
  // LinkUp, LinkDown, CancelOrder, StopOrder, ReportAcked, DrainOrder.
  virtual void on_order(const AgentCommand& order) = 0;
  virtual void on_assign(AssignOrder order) = 0;
  // From now on whole telemetry reports this often; 0: with each heartbeat. Also before a welcome.
  virtual void on_telemetry_wanted(Duration interval) = 0;
  // To be answered by answer_telemetry.
  virtual void on_telemetry_query(std::uint64_t id, const TelemetryQuery& query) = 0;
  // A heartbeat has just been sent.
  virtual void on_beat() = 0;
  // The controller refused the hello. The link tries again all the same, unless it is closed.
  virtual void on_rejected(const Error& error) = 0;
};

// An upload that an attempt waits for.
struct UploadWanted {
  AttemptKey attempt;
  std::string upload;
  std::string path;  // where a copy may be made; nothing is there yet
};

// For reading; its position is anywhere. `is_copy`: it is the file at UploadWanted::path, whole.
// Otherwise it is the controller's own, and nothing is there.
struct FetchedUpload {
  UniqueFd file;
  std::int64_t bytes = 0;
  bool is_copy = false;
};

class ControllerLink {
 public:
  virtual ~ControllerLink() = default;
  // Once. `listener` outlives the link.
  virtual void start(LinkListener& listener) = 0;
  // No connection from now on, and no call to the listener.
  virtual void close() = 0;

  virtual void report_started(const AttemptKey& key) = 0;
  virtual void report_finished(const AttemptKey& key, const AttemptResult& result) = 0;
  virtual void say_draining() = 0;
  // Dropped without a link. A report that still waits to be sent is replaced by a later whole one,
  // so that a slow link gets what is true and not what was.
  virtual void report_telemetry(TelemetryReport report) = 0;
  // Of the reports that were sent so far; 0 where nothing is encoded.
  [[nodiscard]] virtual std::uint64_t telemetry_bytes() const { return 0; }
  virtual void answer_telemetry(std::uint64_t id, const Result<TelemetrySeries>& series) = 0;

  // `size` bytes were written so far; the source has them or knows that they are dropped.
  virtual void output_grew(const OutputStreamKey& stream, std::int64_t size) = 0;
  virtual void forget_output(const AttemptKey& key) = 0;

  // `on_fetched` is called once, after this has returned, never after close(). Unavailable,
  // ResourceExhausted, DataLoss and DeadlineExceeded may pass; others do not. What failed leaves
  // nothing at the path.
  using OnFetched = std::function<void(Result<FetchedUpload>)>;
  virtual void fetch_upload(UploadWanted wanted, OnFetched on_fetched) = 0;
};

}  // namespace hearth::agent
