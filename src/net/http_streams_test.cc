// Many streamed answers on one loop: woken together, their buffers shared.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/testing/http_server_fixture.h"

namespace hearth::net {
namespace {

using testing::get;
using testing::HttpServerTest;
using testing::LambdaSource;
using testing::RawClient;
using testing::Transport;

class HttpStreamsTest : public HttpServerTest {
 protected:
  void start_one_loop() { start({.threads = 1, .tick = Duration(0)}); }
};

INSTANTIATE_TEST_SUITE_P(Over, HttpStreamsTest, ::testing::Values(Transport::Plain, Transport::Tls),
                         testing::transport_name);

TEST_P(HttpStreamsTest, AnEventReachesEveryStreamThatWaits) {
  static constexpr int kStreams = 200;  // some turns of the loop
  start_one_loop();
  std::mutex mutex;
  std::vector<Wakeup> wakeups;
  std::atomic<int> round{0};
  handler_.on_request = [&](const Request&, const Responder& responder) {
    {
      const std::lock_guard lock(mutex);
      wakeups.push_back(responder.wakeup());
    }
    responder.stream(Response{},
                     std::make_unique<LambdaSource>([&, seen = 0](std::string& out, auto) mutable {
                       if (seen < round) {
                         seen = round;
                         out += "round " + std::to_string(seen);
                       }
                       return BodySource::Pull::Wait;
                     }));
  };
  std::list<RawClient> clients;
  for (int i = 0; i < kStreams; ++i) {
    clients.emplace_back(port_, RawClient::Options{.tls = trust_.get()});
    ASSERT_TRUE(clients.back().send(get("/stream")));
    ASSERT_EQ(clients.back().read_response(true).status, 200);
  }
  clients.pop_front();  // who left is passed over
  for (int i = 1; i <= 3; ++i) {
    round = i;
    {
      const std::lock_guard lock(mutex);
      for (const Wakeup& wakeup : wakeups) {
        wakeup.notify();
        wakeup.notify();
      }
    }
    const std::string text = "round " + std::to_string(i);
    for (RawClient& client : clients) {
      EXPECT_EQ(client.read_until(text), (i == 1 ? "" : "\r\n") + std::string("7\r\n") + text);
    }
  }
  server_->stop(0);  // before what its handler uses goes
}

// Readers that take nothing keep what was gathered for them, while others use the same buffer.
TEST_P(HttpStreamsTest, SlowReadersGetTheirOwnBytes) {
  static constexpr std::int64_t kBytes = 8 * limits::kMiB;  // more than the sockets hold
  start_one_loop();
  handler_.on_request = [](const Request& request, const Responder& responder) {
    const char letter = request.path.at(1);
    responder.stream(Response{},
                     std::make_unique<LambdaSource>(
                         [letter, left = kBytes](std::string& out, std::size_t max) mutable {
                           const auto some = std::min(left, static_cast<std::int64_t>(max));
                           out.append(static_cast<std::size_t>(some), letter);
                           left -= some;
                           return left > 0 ? BodySource::Pull::More : BodySource::Pull::End;
                         }),
                     kBytes);
  };
  std::list<std::pair<char, RawClient>> slow;
  for (const char letter : {'a', 'b', 'c'}) {
    slow.emplace_back(std::piecewise_construct, std::forward_as_tuple(letter),
                      std::forward_as_tuple(port_, RawClient::Options{.tls = trust_.get()}));
    slow.back().second.set_receive_buffer(64 * 1024);
    ASSERT_TRUE(slow.back().second.send(get(std::string("/") + letter)));
    ASSERT_EQ(slow.back().second.read_response(true).status, 200);
  }
  RawClient quick = connect();
  ASSERT_TRUE(quick.send(get("/q")));
  EXPECT_EQ(quick.read_response().body, std::string(static_cast<std::size_t>(kBytes), 'q'));
  for (auto& [letter, client] : slow) {
    EXPECT_EQ(client.read_some(static_cast<std::size_t>(kBytes)),
              std::string(static_cast<std::size_t>(kBytes), letter));
  }
}

}  // namespace
}  // namespace hearth::net
