#include "local/local_connection.h"

#include <utility>

namespace hearth {

void LocalConnection::assign(const AttemptKey& key, std::string spec, std::string secrets) {
  say(agent::AssignOrder{.controller_epoch = epoch_,
                         .key = key,
                         .spec = std::move(spec),
                         .secrets = std::move(secrets)});
}

void LocalConnection::cancel(const AttemptKey& key) {
  say(agent::AgentCommand(agent::CancelOrder{epoch_, key}));
}

void LocalConnection::stop(const AttemptKey& key) {
  say(agent::AgentCommand(agent::StopOrder{epoch_, key}));
}

void LocalConnection::ack(const AttemptKey& key, bool finished, bool accepted) {
  say(agent::AgentCommand(agent::ReportAcked{epoch_, key, finished, accepted}));
}

void LocalConnection::drain() {
  say(agent::AgentCommand(agent::DrainOrder{epoch_}));
}

void LocalConnection::say(Said said) {
  const MutexLock lock(mutex_);
  if (loop_ == nullptr) {
    return;
  }
  said_.push_back(std::move(said));
  if (!posted_) {
    // A loop that takes no more is asked again with the next that is said.
    posted_ = loop_->post([self = shared_from_this()] { self->take(); }).has_value();
  }
}

void LocalConnection::take() {
  std::vector<Said> said;
  {
    const MutexLock lock(mutex_);
    posted_ = false;
    said.swap(said_);
  }
  if (hear_ && !said.empty()) {
    const auto hear = hear_;  // a copy: it may detach this
    hear(std::move(said));
  }
}

void LocalConnection::detach() {
  hear_ = {};
  const MutexLock lock(mutex_);
  loop_ = nullptr;
  said_.clear();
}

}  // namespace hearth
