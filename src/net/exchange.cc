#include "net/exchange.h"

#include "net/http_connection.h"
#include "net/problem.h"

namespace hearth::net {

Exchange::~Exchange() {
  if (!answered_) {
    Answer answer;
    answer.head = problem_response(internal_error("the request was dropped without an answer"));
    post(std::move(answer), nullptr);
  }
}

void Exchange::answer(Answer answer) {
  if (!answered_.exchange(true)) {
    auto self = answer.source != nullptr ? shared_from_this() : nullptr;
    post(std::move(answer), std::move(self));
  }
}

void Exchange::post(Answer answer, std::shared_ptr<Exchange> self) {
  if (loop_->in_thread()) {
    if (const auto connection = connection_.lock()) {
      connection->deliver(serial_, std::move(answer), std::move(self));
    }
    return;
  }
  auto shared_answer = std::make_shared<Answer>(std::move(answer));
  loop_->post([connection = connection_, serial = serial_, shared_answer,
               exchange = std::move(self)]() mutable {
    if (const auto target = connection.lock()) {
      target->deliver(serial, std::move(*shared_answer), std::move(exchange));
    }
  });
}

void Exchange::wake() {
  if (wake_pending_.exchange(true)) {
    return;
  }
  loop_->wake({.connection = connection_, .serial = serial_});
}

}  // namespace hearth::net
