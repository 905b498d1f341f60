// How agent connections reach the controller: front/agentlink calls AgentApi, the controller
// answers through the AgentConnection it was given. Everything sent is already durable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/command.h"
#include "core/effect.h"
#include "model/agent.h"
#include "model/job.h"
#include "model/worker.h"
#include "output/output_store.h"
#include "uploads/upload_store.h"

namespace hearth::api {

// Implemented by the connection; called on controller threads; must not block.
class AgentConnection {
 public:
  virtual ~AgentConnection() = default;
  virtual void welcome(const core::Welcome& welcome) = 0;
  virtual void reject(const Error& error) = 0;  // then closes
  // `spec` and `secrets` as stored (JobPayload).
  virtual void assign(const AttemptKey& key, std::string spec, std::string secrets) = 0;
  virtual void cancel(const AttemptKey& key) = 0;
  virtual void stop(const AttemptKey& key) = 0;
  virtual void ack(const AttemptKey& key, bool finished, bool accepted) = 0;
  virtual void drain() = 0;
  // From now on, and once at once, beat this often.
  virtual void heartbeat_wanted(Duration interval) = 0;
  // From now on whole telemetry reports this often; 0: with each heartbeat.
  virtual void telemetry_wanted(Duration interval) = 0;
  virtual void telemetry_query(std::uint64_t id, const TelemetryQuery& query) = 0;
};

// Thread-safe. `link` is returned by open and names this connection from then on.
class AgentApi {
 public:
  virtual ~AgentApi() = default;
  virtual std::uint64_t open(AgentInfo info, std::vector<core::HeldAttempt> held,
                             std::shared_ptr<AgentConnection> connection) = 0;
  virtual void closed(std::uint64_t link, const AgentId& agent) = 0;
  virtual void heartbeat(std::uint64_t link, const AgentId& agent, AgentUsage usage) = 0;
  virtual void draining(std::uint64_t link, const AgentId& agent) = 0;
  virtual void started(std::uint64_t link, const AgentId& agent, const AttemptKey& key) = 0;
  // Waits for the output up to the final offsets to arrive before the core hears of it.
  virtual void finished(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                        AttemptResult result) = 0;
  virtual void progress(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                        std::int32_t percent, std::string text) = 0;
  // Refuses chunks of attempts that are not current with FailedPrecondition.
  virtual Result<std::int64_t> output(const AgentId& agent, const AttemptKey& key,
                                      StreamKind stream, std::int64_t offset,
                                      std::string_view bytes) = 0;
  // For an attempt that the agent holds, of a job that names this upload; otherwise
  // FailedPrecondition or PermissionDenied. NotFound when it is gone.
  virtual Result<uploads::OpenUpload> open_upload(const AgentId& agent, const AttemptKey& key,
                                                  const std::string& upload) = 0;
  virtual void telemetry(std::uint64_t link, const AgentId& agent, TelemetryReport report) = 0;
  // To a telemetry_query.
  virtual void telemetry_answer(std::uint64_t link, std::uint64_t query,
                                Result<TelemetrySeries> series) = 0;
  virtual std::uint64_t controller_epoch() = 0;
};

}  // namespace hearth::api
