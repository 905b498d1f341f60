#include "local/local_link.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "agent/link/reconnect_delay.h"
#include "agent/loop/work_pool.h"
#include "base/check.h"
#include "local/local_connection.h"
#include "model/agent_check.h"
#include "uploads/upload_store.h"

namespace hearth {
namespace {

using agent::OutputPiece;
using agent::OutputStreamKey;
using agent::TimerId;
using Said = LocalConnection::Said;

class LocalLink final : public agent::ControllerLink {
 public:
  LocalLink(const LocalLinkDeps& deps, const LocalLinkOptions& options)
      : deps_(deps),
        options_(options),
        delay_(options.reconnect_initial, options.reconnect_max, options.seed),
        sender_(deps.output) {
    auto pool = agent::WorkPool::create(deps_.loop, 1);
    HEARTH_CHECK(pool.has_value(), "an eventfd and a thread are there at the agent's start");
    pool_ = std::move(*pool);
  }
  ~LocalLink() override { close(); }

  void start(agent::LinkListener& listener) override {
    listener_ = &listener;
    (void)deps_.usage.read();  // so that the first heartbeat knows the CPU since now
    connect();
  }
  void close() override {
    listener_ = nullptr;
    alive_.reset();
    disconnect();
    cancel(reconnect_timer_);
  }

  void report_started(const AttemptKey& key) override {
    if (up_) {
      deps_.api.started(link_, agent_, key);
    }
  }
  void report_finished(const AttemptKey& key, const AttemptResult& result) override {
    if (up_) {
      deps_.api.finished(link_, agent_, key, result);
    }
  }
  void say_draining() override {
    if (up_) {
      deps_.api.draining(link_, agent_);
    }
  }
  void report_telemetry(TelemetryReport report) override {
    if (up_) {
      deps_.api.telemetry(link_, agent_, std::move(report));
    }
  }
  void answer_telemetry(std::uint64_t id, const Result<TelemetrySeries>& series) override {
    if (up_) {
      deps_.api.telemetry_answer(link_, id, series);
    }
  }
  void output_grew(const OutputStreamKey& stream, std::int64_t size) override {
    sender_.grew(stream, size);
    pump_output();
  }
  void forget_output(const AttemptKey& key) override { sender_.forget(key); }

  // Opened, not copied.
  void fetch_upload(agent::UploadWanted wanted, OnFetched on_fetched) override;

 private:
  // A batch of output on its way through the pool.
  struct Handover {
    std::vector<OutputPiece> pieces;
    std::vector<std::pair<OutputStreamKey, std::int64_t>> received;
    std::optional<Error> error;
  };

  void connect();
  void disconnect();
  void hear(std::vector<Said> all);
  void on(const core::Welcome& welcome);
  void on(const LocalConnection::Rejected& rejected);
  void on(const agent::AssignOrder& order) { listener_->on_assign(order); }
  void on(const agent::AgentCommand& order) { listener_->on_order(order); }
  void on(const LocalConnection::TelemetryWanted& wanted) {
    listener_->on_telemetry_wanted(wanted.interval);
  }
  void on(const LocalConnection::TelemetryAsked& asked) {
    listener_->on_telemetry_query(asked.id, asked.query);
  }
  void beat();
  void open_output();
  void pump_output();
  void handed_over(const Handover& handover, std::uint64_t connection);

  void arm(std::optional<TimerId>& timer, Duration after, void (LocalLink::*then)()) {
    cancel(timer);
    timer = deps_.loop.set_timer(after, [this, &timer, then] {
      timer.reset();
      (this->*then)();
    });
  }
  void cancel(std::optional<TimerId>& timer) {
    if (timer) {
      deps_.loop.cancel_timer(*timer);
      timer.reset();
    }
  }

  const LocalLinkDeps deps_;
  const LocalLinkOptions options_;
  agent::LinkListener* listener_ = nullptr;  // null when closed
  agent::ReconnectDelay delay_;
  agent::OutputSender sender_;

  std::shared_ptr<LocalConnection> connection_;
  std::uint64_t connections_ = 0;  // so many were opened
  AgentId agent_;
  std::uint64_t link_ = 0;
  bool up_ = false;
  bool handing_over_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // gone once closed
  std::optional<TimerId> reconnect_timer_;
  std::optional<TimerId> heartbeat_timer_;
  std::optional<TimerId> output_timer_;
  std::unique_ptr<agent::WorkPool> pool_;  // last: its threads see the rest
};

void LocalLink::connect() {
  agent::LinkHello hello = listener_->hello();
  if (const Result<> valid = check_agent_info(hello.info); !valid) {
    on(LocalConnection::Rejected{valid.error()});
    return;
  }
  std::vector<core::HeldAttempt> held;
  for (const agent::HeldState& state : hello.held) {
    held.push_back({.key = state.key, .started = state.started, .finished = state.finished});
  }
  ++connections_;
  agent_ = hello.info.id;
  connection_ =
      std::make_shared<LocalConnection>(deps_.loop, deps_.api.controller_epoch(),
                                        [this](std::vector<Said> said) { hear(std::move(said)); });
  link_ = deps_.api.open(std::move(hello.info), std::move(held), connection_);
}

void LocalLink::disconnect() {
  cancel(heartbeat_timer_);
  cancel(output_timer_);
  sender_.closed();
  up_ = false;
  if (connection_) {
    connection_->detach();
    connection_.reset();
    deps_.api.closed(link_, agent_);
  }
}

void LocalLink::hear(std::vector<Said> all) {
  const std::uint64_t connection = connections_;
  for (const Said& said : all) {
    if (connection_ && connection == connections_) {
      std::visit([this](const auto& value) { on(value); }, said);
    }
  }
}

void LocalLink::on(const core::Welcome& welcome) {
  delay_.reset();
  up_ = true;
  beat();
  open_output();
  listener_->on_order(agent::LinkUp{
      .controller_epoch = welcome.controller_epoch, .keep = welcome.keep, .stop = welcome.stop});
}

void LocalLink::on(const LocalConnection::Rejected& rejected) {
  const bool was_up = up_;
  disconnect();
  arm(reconnect_timer_, delay_.next(), &LocalLink::connect);
  if (was_up) {
    listener_->on_order(agent::LinkDown{});
  }
  if (listener_ != nullptr) {
    listener_->on_rejected(rejected.error);
  }
}

void LocalLink::beat() {
  deps_.api.heartbeat(link_, agent_, deps_.usage.read());
  sender_.repeat_unanswered();
  pump_output();
  arm(heartbeat_timer_, options_.heartbeat_interval, &LocalLink::beat);
  listener_->on_beat();
}

void LocalLink::open_output() {
  sender_.opened();
  pump_output();
}

// One batch at a time: what is written meanwhile goes together with the next.
void LocalLink::pump_output() {
  if (!up_ || handing_over_) {
    return;
  }
  auto handover = std::make_shared<Handover>(Handover{.pieces = sender_.next_batch()});
  if (handover->pieces.empty()) {
    return;
  }
  const auto hand_over = [&api = deps_.api, agent = agent_, handover] {
    for (const OutputPiece& piece : handover->pieces) {
      const auto& [attempt, stream] = piece.stream;
      const auto position = api.output(agent, attempt, stream, piece.offset, piece.bytes);
      if (position) {
        handover->received.emplace_back(piece.stream, *position);
      } else if (position.error().code != ErrorCode::FailedPrecondition) {
        handover->error = position.error();
        return;
      }  // otherwise the attempt is not this agent's any more: it is told to stop
    }
  };
  const std::uint64_t connection = connections_;
  handing_over_ =
      pool_->submit(hand_over, [this, handover, connection] { handed_over(*handover, connection); })
          .has_value();
}

void LocalLink::handed_over(const Handover& handover, std::uint64_t connection) {
  handing_over_ = false;
  if (connection != connections_) {
    pump_output();  // what an earlier connection was told says nothing about this one
    return;
  }
  for (const auto& [stream, position] : handover.received) {
    sender_.received(stream, position);
  }
  if (handover.error) {
    deps_.log.warn("the controller does not take output now; it is kept and handed over again",
                   {{"why", handover.error->message}});
    sender_.closed();
    arm(output_timer_, options_.reconnect_max, &LocalLink::open_output);
    return;
  }
  pump_output();
}

void LocalLink::fetch_upload(agent::UploadWanted wanted, OnFetched on_fetched) {
  struct Fetch {
    Result<uploads::OpenUpload> opened = unavailable("there is no link to the controller now");
  };
  auto fetch = std::make_shared<Fetch>();
  const auto open = [&api = deps_.api, agent = agent_, up = up_, wanted = std::move(wanted),
                     fetch] {
    if (up) {
      fetch->opened = api.open_upload(agent, wanted.attempt, wanted.upload);
    }
  };
  const auto tell = [alive = std::weak_ptr(alive_), fetch, on_fetched] {
    if (alive.expired()) {
      return;
    }
    if (fetch->opened) {
      on_fetched(agent::FetchedUpload{.file = std::move(fetch->opened->file),
                                      .bytes = fetch->opened->upload.bytes});
    } else {
      on_fetched(fetch->opened.error());
    }
  };
  if (const Result<> taken = pool_->submit(open, tell); !taken) {
    fetch->opened = taken.error();
    deps_.loop.set_timer(Duration(0), tell);
  }
}

}  // namespace

std::unique_ptr<agent::ControllerLink> make_local_link(const LocalLinkDeps& deps,
                                                       const LocalLinkOptions& options) {
  return std::make_unique<LocalLink>(deps, options);
}

}  // namespace hearth
