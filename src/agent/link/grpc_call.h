// One bidirectional gRPC call whose whole life is on the agent's loop thread.
//
// gRPC reports on its own threads; every report is posted to the loop, and the next operation is
// started from there. A hold keeps the call alive in between, so the object needs no lock. At most
// one read, one write and the end are posted at a time.
//
// A call must not be destroyed by gRPC's threads: with it may go the last reference to a channel,
// and with the last channel gRPC 1.51 joins its callback threads, of which it would be one. So its
// owner keeps it until is_done(), and waits at the gate for the rest.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <memory>
#include <utility>

#include "agent/loop/event_loop.h"
#include "base/mutex.h"

namespace hearth::agent {

// What gRPC's threads go through to reach the loop; counts the calls that may still come.
class LoopGate {
 public:
  explicit LoopGate(EventLoop& loop) : loop_(loop) {}

  // A post that is refused, because the loop is hopelessly behind, leaves its call to close().
  void post(Task task) { (void)loop_.post(std::move(task)); }

  void call_started() {
    const MutexLock lock(mutex_);
    ++calls_;
  }
  void call_done() {
    const MutexLock lock(mutex_);
    --calls_;
    none_left_.notify_all();
  }
  // After every call was closed: blocks until gRPC let go of them, which needs no turn of the loop.
  void wait_until_none() {
    const MutexLock lock(mutex_);
    while (calls_ > 0) {
      none_left_.wait(mutex_);
    }
  }

 private:
  EventLoop& loop_;
  Mutex mutex_;
  Condition none_left_;
  int calls_ HEARTH_GUARDED_BY(mutex_) = 0;
};

template <class Up, class Down>
class GrpcCall final : public grpc::ClientBidiReactor<Up, Down>,
                       public std::enable_shared_from_this<GrpcCall<Up, Down>> {
 public:
  // All on the loop thread, none after close(). `on_ended` is the last.
  struct Events {
    std::function<void(const Down&)> on_message;
    std::function<void()> on_written;
    std::function<void(const grpc::Status&)> on_ended;
  };

  GrpcCall(std::shared_ptr<LoopGate> gate, Events events)
      : gate_(std::move(gate)), events_(std::move(events)) {}

  // `bind` starts the call of a stub with this context and reactor.
  template <class Bind>
  void start(Bind bind) {
    gate_->call_started();
    bind(&context_, this);
    this->AddHold();
    held_ = true;
    this->StartRead(&incoming_);
    this->StartCall();
  }

  // One at a time: the next after on_written. On a broken call nothing happens until on_ended.
  void write(Up message) {
    if (!held_) {
      return;
    }
    outgoing_ = std::move(message);
    this->StartWrite(&outgoing_);
  }

  void close() {
    events_ = {};
    if (held_) {
      context_.TryCancel();
      release();
    }
  }

  // gRPC has let go of it.
  [[nodiscard]] bool is_done() const { return done_; }

  // From gRPC's threads.
  void OnReadDone(bool ok) override {
    gate_->post([self = this->shared_from_this(), ok] { self->read_done(ok); });
  }
  void OnWriteDone(bool ok) override {
    gate_->post([self = this->shared_from_this(), ok] { self->write_done(ok); });
  }
  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<LoopGate> gate = gate_;
    gate->post([self = this->shared_from_this(), status] { self->ended(status); });
    gate->call_done();  // `this` may be gone
  }

 private:
  void read_done(bool ok) {
    if (!ok) {
      release();
      return;
    }
    if (events_.on_message) {
      // A copy: the handler may close this call.
      const auto on_message = events_.on_message;
      on_message(incoming_);
    }
    if (held_) {
      incoming_.Clear();
      this->StartRead(&incoming_);
    }
  }

  void write_done(bool ok) {
    if (ok && events_.on_written) {
      const auto on_written = events_.on_written;
      on_written();
    }
  }

  void ended(const grpc::Status& status) {
    done_ = true;
    if (events_.on_ended) {
      const auto on_ended = std::exchange(events_, {}).on_ended;
      on_ended(status);
    }
  }

  void release() {
    if (std::exchange(held_, false)) {
      this->RemoveHold();
    }
  }

  std::shared_ptr<LoopGate> gate_;
  Events events_;
  grpc::ClientContext context_;
  Down incoming_;
  Up outgoing_;
  bool held_ = false;
  bool done_ = false;
};

}  // namespace hearth::agent
