// What an agent makes of what its controller says: orders as agent/link reads them, decided by
// AgentCore, with the runtime played by this file. Each step of the input is one byte for what the
// runtime does meanwhile, then a message behind its size in two bytes.
#include <algorithm>
#include <memory>
#include <string>
#include <variant>

#include "agent/core/agent_core.h"
#include "agent/link/link_messages.h"
#include "agent/link/output_sender.h"
#include "fuzz.h"
#include "wire/job_codec.h"
#include "wire/link_codec.h"
#include "wire/protobuf_log.h"

namespace hearth::fuzz {
namespace {

using agent::AgentCommand;
using agent::AgentCore;
using agent::AgentEffect;
using agent::OutputPiece;
using agent::OutputStreamKey;

class NoOutput final : public agent::OutputSource {
 public:
  output::LogSlice read_output(const OutputStreamKey& /*stream*/, std::int64_t offset,
                               std::int64_t max) override {
    return {.offset = offset, .bytes = std::string(static_cast<std::size_t>(max), 'x')};
  }
};

class Agent {
 public:
  void take(const v1::ControllerMessage& message) {
    if (message.has_welcome()) {
      handle(agent::to_link_up(message.welcome()));
    } else if (message.has_assign()) {
      assign(agent::to_assign(message));
    } else if (const auto order = agent::to_order(message)) {
      handle(*order);
    }
  }
  void take_positions(const v1::OutputDown& message) {
    for (const v1::OutputPosition& position : message.received()) {
      if (const Result<StreamKind> stream = wire::to_stream(position.stream())) {
        sender_.received({wire::to_model(position.key()), *stream},
                         static_cast<std::int64_t>(position.offset()));
      }
    }
    for (const OutputPiece& piece : sender_.next_batch()) {
      HEARTH_CHECK(piece.offset >= 0, "output is sent from before its start");
      HEARTH_CHECK(static_cast<std::int64_t>(piece.bytes.size()) <= limits::kOutputChunkBytesMax,
                   "a chunk is larger than its bound");
    }
    sender_.repeat_unanswered();
  }
  // What the machine does with the attempt that is held first.
  void live(std::uint8_t choice) {
    const std::vector<agent::HeldState> held = core_.held();
    const std::optional<TimePoint> next = core_.next_deadline();
    switch (choice % 8) {
      case 0:
        break;
      case 1:
        if (next) {
          HEARTH_CHECK(*next - now_ <= limits::kTimeoutMax + limits::kGraceMax,
                       "a deadline later than any job's");
          now_ = std::max(now_, *next);
        }
        handle(agent::TimePassed{});
        break;
      case 2:
        handle(agent::LinkDown{});
        sender_.closed();
        break;
      case 3:
        handle(agent::BeginDrain{Duration(1'000)});
        break;
      default:
        if (!held.empty()) {
          act(held.at(choice / 8 % held.size()).key, choice % 8);
        }
    }
  }

 private:
  void act(const AttemptKey& key, int what) {
    if (what == 4) {
      handle(agent::SpawnDone{key});
      sender_.opened();
      sender_.grew({key, StreamKind::Stdout}, 100'000);
    } else if (what == 5) {
      handle(agent::SpawnFailed{.key = key, .message = "no such program"});
    } else if (what == 6) {
      handle(agent::ProcessEnded{.key = key, .exit_code = 1});
    } else {
      handle(agent::OutputLimitReached{key});
    }
  }
  // As AgentShell does: an attempt whose job cannot be read fails when it is to be started.
  void assign(const agent::AssignOrder& order) {
    const Result<JobSpec> spec = wire::decode_job_spec(order.spec);
    const auto secrets = wire::decode_secrets(order.secrets);
    agent::Assign command{.controller_epoch = order.controller_epoch, .key = order.key};
    if (spec) {
      command.timeout = spec->execution.timeout;
      command.grace = spec->execution.grace;
      command.kill_on_output_limit = spec->execution.on_output_limit == OnOutputLimit::Kill;
    }
    readable_ = spec && secrets;
    handle(command);
  }
  void handle(const AgentCommand& command) {
    std::vector<AgentEffect> effects;
    core_.handle(command, now_, effects);
    core_.check_invariants();
    for (const AgentEffect& effect : effects) {
      if (const auto* start = std::get_if<agent::StartProcess>(&effect);
          start != nullptr && !readable_) {
        handle(agent::SpawnFailed{.key = start->key, .message = "it cannot be read"});
      } else if (const auto* forgotten = std::get_if<agent::ForgetAttempt>(&effect)) {
        sender_.forget(forgotten->key);
      } else if (const auto* report = std::get_if<agent::ReportFinished>(&effect)) {
        HEARTH_CHECK(is_final(report->result.state), "an end that is none");
      }
    }
  }

  AgentCore core_;
  NoOutput source_;
  agent::OutputSender sender_{source_};
  bool readable_ = true;
  TimePoint now_ = time_from_ms(1'000'000);
};

}  // namespace

bool run(std::string_view input) {
  static const std::unique_ptr<Log> log = make_null_log();
  static const wire::ProtobufLog quiet(*log);
  Agent agent;
  while (!input.empty()) {
    const std::uint8_t choice = take_byte(input);
    std::size_t bytes = take_byte(input);
    bytes += 256U * take_byte(input);
    bytes = std::min(bytes, input.size());
    agent.live(choice);
    v1::ControllerMessage message;
    v1::OutputDown positions;
    if (choice >= 128) {
      if (positions.ParseFromArray(input.data(), static_cast<int>(bytes))) {
        agent.take_positions(positions);
      }
    } else if (message.ParseFromArray(input.data(), static_cast<int>(bytes))) {
      agent.take(message);
      for (const v1::ControllerMessage& next : message.more()) {
        agent.take(next);
      }
    }
    input.remove_prefix(bytes);
  }
  return true;
}

}  // namespace hearth::fuzz
