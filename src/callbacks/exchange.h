// One POST on its way over a socket that never blocks. Internal to SocketPoster, on its thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "callbacks/address.h"
#include "callbacks/poster.h"
#include "tls/context.h"
#include "tls/session.h"

namespace hearth::callbacks {

class Exchange {
 public:
  // `tls` is null for http.
  Exchange(const CallbackPost& post, std::shared_ptr<const tls::Context> tls);

  // Connects to the first that answers; all are admitted.
  void begin(std::vector<Address> addresses);
  // Goes on as far as it can; then fd() is to be waited for, for events(), or there is an outcome.
  void advance();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] short events() const { return events_; }
  [[nodiscard]] const std::optional<PostOutcome>& outcome() const { return outcome_; }
  // What it waits for, to be told when its time is over.
  [[nodiscard]] std::string waiting_for() const;

 private:
  enum class Stage { Connecting, Handshaking, Writing, Reading };

  void connect_next();
  // False when it waits or is over.
  bool step();
  bool finish_connecting();
  bool shake_hands();
  bool write();
  bool read();
  // The next address is tried or, after the last, there is an outcome.
  bool fail(const std::string& why);
  bool wait_for(tls::Io io);
  void end(PostOutcome outcome);

  const CallbackUrl url_;
  const std::shared_ptr<const tls::Context> tls_;
  const std::string request_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  Stage stage_ = Stage::Connecting;
  UniqueFd fd_;
  std::unique_ptr<tls::Session> session_;  // goes before fd_; null: plain
  std::size_t sent_ = 0;
  std::string received_;
  short events_ = 0;
  std::optional<PostOutcome> outcome_;
};

}  // namespace hearth::callbacks
