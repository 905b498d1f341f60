// The server over real loopback sockets: framing, limits, timeouts, streams, stop.
#include "net/http_server.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <thread>

#include "net/testing/http_server_fixture.h"

namespace hearth::net {
namespace {

using testing::get;
using testing::HttpServerTest;
using testing::LambdaSource;
using testing::post;
using testing::RawClient;
using testing::RawResponse;
using testing::Transport;

INSTANTIATE_TEST_SUITE_P(Over, HttpServerTest, ::testing::Values(Transport::Plain, Transport::Tls),
                         testing::transport_name);

TEST_P(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  RawClient client = connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(get("/a?x=1")));
    const RawResponse response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "GET /a?x=1 ");
    EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
    EXPECT_TRUE(response.headers.contains("date"));
  }
  EXPECT_EQ(server_->stats().connections_total, 1);
  EXPECT_EQ(server_->stats().responses.at(1), 3);
}

TEST_P(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  RawClient client = connect();
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests += i % 2 == 0 ? get("/" + std::to_string(i)) : post("/" + std::to_string(i), "body");
  }
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 200; ++i) {
    const std::string expected =
        (i % 2 == 0 ? "GET /" : "POST /") + std::to_string(i) + (i % 2 == 0 ? " " : " body");
    ASSERT_EQ(client.read_response().body, expected);
  }
}

TEST_P(HttpServerTest, KeepsOrderWhenAnAnswerComesLaterFromAnotherThread) {
  start();
  std::vector<std::jthread> threads;
  handler_.on_request = [&threads](const Request& request, const Responder& responder) {
    threads.emplace_back(
        [responder, path = request.path] { responder.send(Response{.body = path}); });
  };
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/1") + get("/2") + get("/3")));
  EXPECT_EQ(client.read_response().body, "/1");
  EXPECT_EQ(client.read_response().body, "/2");
  EXPECT_EQ(client.read_response().body, "/3");
  server_->stop(0);  // before what its handler uses goes
}

TEST_P(HttpServerTest, AnyCutOfARequestIsTheSameRequest) {
  start();
  const std::string bytes =
      "POST /cut HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n";
  RawClient client = connect();
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    ASSERT_TRUE(client.send(bytes.substr(0, cut)));
    ASSERT_TRUE(client.send(bytes.substr(cut)));
    ASSERT_EQ(client.read_response().body, "POST /cut abcdefg") << "cut at " << cut;
  }
  for (const char byte : bytes) {
    ASSERT_TRUE(client.send(std::string(1, byte)));
  }
  EXPECT_EQ(client.read_response().body, "POST /cut abcdefg");
}

TEST_P(HttpServerTest, HeadHasTheLengthButNoBody) {
  start();
  RawClient client = connect();
  ASSERT_TRUE(client.send("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/y")));
  const RawResponse head = client.read_response(true);
  EXPECT_EQ(head.headers.at("content-length"), "8");
  EXPECT_EQ(client.read_response().body, "GET /y ");
}

TEST_P(HttpServerTest, OldClientsAndConnectionCloseEndTheConnection) {
  start();
  RawClient old = connect();
  ASSERT_TRUE(old.send("GET /old HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(old.read_response().body, "GET /old ");
  EXPECT_TRUE(old.at_end());
  RawClient closing = connect();
  ASSERT_TRUE(closing.send(get("/c", "Connection: close\r\n")));
  const RawResponse response = closing.read_response();
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(closing.at_end());
}

TEST_P(HttpServerTest, RefusesWhatIsNotHttp) {
  start();
  const std::vector<std::string> bad = {
      "\x16\x03\x01\x02garbage that is no HTTP\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
      "Transfer-Encoding: chunked\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  };
  for (const std::string& bytes : bad) {
    RawClient client = connect();
    ASSERT_TRUE(client.send(bytes));
    const RawResponse response = client.read_response();
    EXPECT_EQ(response.status, 400) << bytes;
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    EXPECT_TRUE(client.at_end());
  }
}

TEST_P(HttpServerTest, BoundsTheHead) {
  start();
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\nX: " +
              std::string(static_cast<std::size_t>(limits::kHeaderBytesMax), 'x') + "\r\n\r\n");
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 431);
  EXPECT_NE(response.body.find("\"limit\":\"header_bytes_max\",\"limitValue\":16384"),
            std::string::npos)
      << response.body;
}

TEST_P(HttpServerTest, BoundsBodiesByLengthAndByChunks) {
  start();
  const std::string wanted = "\"limit\":\"request_body_bytes_max\",\"limitValue\":1048576";
  const std::string most(static_cast<std::size_t>(limits::kRequestBodyBytesMax), 'x');
  RawClient full = connect();
  ASSERT_TRUE(full.send(post("/full", most)));
  EXPECT_EQ(full.read_response().body.size(), most.size() + 11);

  RawClient client = connect();
  client.send(post("/big", most + "x"));
  RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 413);
  EXPECT_NE(response.body.find(wanted), std::string::npos) << response.body;
  EXPECT_TRUE(client.at_end());

  RawClient chunked = connect();
  chunked.send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 17; ++i) {
    chunked.send("10000\r\n" + std::string(65536, 'x') + "\r\n");
  }
  response = chunked.read_response();
  EXPECT_EQ(response.status, 413);
  EXPECT_NE(response.body.find(wanted), std::string::npos);
}

TEST_P(HttpServerTest, BoundsAChunkHeader) {
  start();
  RawClient client = connect();
  client.send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
              std::string(200'000, 'e'));
  EXPECT_EQ(client.read_response().status, 400);
}

TEST_P(HttpServerTest, StreamsABodyIntoASinkAndBoundsIt) {
  start();
  RawClient client = connect();
  ASSERT_TRUE(client.send(post("/count", std::string(5 << 20, 'x'))));
  EXPECT_EQ(client.read_response().body, std::to_string(5 << 20));
  ASSERT_TRUE(client.send(post("/count", "a!b")));
  EXPECT_EQ(client.read_response().status, 400);
  RawClient big = connect();
  big.send("POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8388609\r\n\r\n");
  EXPECT_EQ(big.read_response().status, 413);
}

TEST_P(HttpServerTest, RefusesBeforeReadingTheBody) {
  start();
  RawClient client = connect();
  ASSERT_TRUE(client.send(
      "POST /refuse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc"));
  EXPECT_EQ(client.read_response().status, 415);
  EXPECT_TRUE(client.at_end());
  RawClient bodyless = connect();
  ASSERT_TRUE(bodyless.send(get("/refuse") + get("/next")));
  EXPECT_EQ(bodyless.read_response().status, 415);
  EXPECT_EQ(bodyless.read_response().body, "GET /next ");
}

TEST_P(HttpServerTest, SaysContinueToThoseWhoAsk) {
  start();
  RawClient client = connect();
  ASSERT_TRUE(
      client.send("POST /e HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                  "Content-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.read_response().status, 100);
  ASSERT_TRUE(client.send("ok"));
  EXPECT_EQ(client.read_response().body, "POST /e ok");
}

TEST_P(HttpServerTest, EndsSlowHeadsAndSlowBodies) {
  start();
  RawClient slow_head = connect();
  exchange(slow_head);
  ASSERT_TRUE(slow_head.send(get("/sync") + "GET / HTTP/1.1\r\nHos"));
  ASSERT_EQ(slow_head.read_response().status, 200);  // the half head was read with it
  RawClient slow_body = connect();
  ASSERT_TRUE(
      slow_body.send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                     "Content-Length: 10\r\n\r\n"));
  ASSERT_EQ(slow_body.read_response().status, 100);
  tick(11);
  RawResponse response = slow_head.read_response();
  EXPECT_EQ(response.status, 408);
  EXPECT_TRUE(slow_head.at_end());
  tick(25);
  response = slow_body.read_response();
  EXPECT_EQ(response.status, 408);
  EXPECT_TRUE(slow_body.at_end());
}

TEST_P(HttpServerTest, ClosesIdleConnections) {
  start();
  RawClient client = connect();
  exchange(client);
  tick(70);
  exchange(client);  // counts anew
  tick(70);
  exchange(client);
  tick(76);
  EXPECT_TRUE(client.at_end());
}

TEST_P(HttpServerTest, RefusesConnectionsOverTheLimit) {
  start({.connections_max = 2, .tick = Duration(0)});
  RawClient first = connect();
  RawClient second = connect();
  exchange(first);
  exchange(second);
  RawClient third = connect();
  const RawResponse response = third.read_response();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("retry-after"), "1");
  EXPECT_NE(response.body.find("\"limit\":\"connections_max\",\"limitValue\":2"),
            std::string::npos);
  EXPECT_EQ(server_->stats().connections_refused_total_bound, 1);
  exchange(first);
}

TEST_P(HttpServerTest, AnswersARequestThatWasDropped) {
  start();
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/drop")));
  EXPECT_EQ(client.read_response().status, 500);
}

TEST_P(HttpServerTest, StreamsWhatASourceGives) {
  start();
  int calls = 0;
  handler_.on_request = [&calls](const Request& request, const Responder& responder) {
    std::optional<std::int64_t> length;
    if (request.path == "/sized") {
      length = 30;
    }
    calls = 0;
    responder.stream(Response{.content_type = "text/plain"},
                     std::make_unique<LambdaSource>([&calls](std::string& out, std::size_t) {
                       out += "0123456789";
                       return ++calls == 3 ? BodySource::Pull::End : BodySource::Pull::More;
                     }),
                     length);
  };
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/chunked") + get("/sized") + get("/chunked")));
  for (int i = 0; i < 3; ++i) {
    const RawResponse response = client.read_response();
    EXPECT_TRUE(response.complete);
    EXPECT_EQ(response.body, "012345678901234567890123456789");
  }
  RawClient old = connect();
  ASSERT_TRUE(old.send("GET /chunked HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(old.read_response().headers.count("transfer-encoding"), 0U);
  EXPECT_EQ(old.read_some(100), "012345678901234567890123456789");
  server_->stop(0);  // before what its handler uses goes
}

TEST_P(HttpServerTest, WakesAWaitingStreamAndKeepsItAlive) {
  start();
  std::promise<Wakeup> opened;
  std::mutex mutex;
  std::string pending;
  bool end = false;
  handler_.on_request = [&](const Request&, const Responder& responder) {
    opened.set_value(responder.wakeup());
    responder.stream(Response{}, std::make_unique<LambdaSource>([&](std::string& out, std::size_t) {
                       const std::lock_guard lock(mutex);
                       out += pending;
                       pending.clear();
                       return end ? BodySource::Pull::End : BodySource::Pull::Wait;
                     }));
  };
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/stream")));
  const Wakeup wakeup = opened.get_future().get();
  EXPECT_EQ(client.read_response(true).status, 200);
  for (const std::string_view word : {"one", "two"}) {
    {
      const std::lock_guard lock(mutex);
      pending = word;
    }
    wakeup.notify();
    EXPECT_EQ(client.read_until(word), "3\r\n" + std::string(word));
    client.read_some(2);
  }
  tick(15);
  EXPECT_EQ(client.read_until(":quiet\n"), "7\r\n:quiet\n");
  {
    const std::lock_guard lock(mutex);
    end = true;
  }
  wakeup.notify();
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "\r\n0\r\n\r\n");
  wakeup.notify();   // after the end: nothing happens
  server_->stop(0);  // before what its handler uses goes
}

TEST_P(HttpServerTest, PullsNoFasterThanTheReaderReads) {
  start();
  std::atomic<std::int64_t> pulled{0};
  handler_.on_request = [&pulled](const Request&, const Responder& responder) {
    responder.stream(Response{},
                     std::make_unique<LambdaSource>([&pulled](std::string& out, std::size_t max) {
                       out.append(max, 'x');
                       pulled += static_cast<std::int64_t>(max);
                       return BodySource::Pull::More;
                     }));
  };
  RawClient client = connect();
  client.set_receive_buffer(64 * 1024);
  ASSERT_TRUE(client.send(get("/endless")));
  ASSERT_EQ(client.read_response(true).status, 200);
  // The loop answers ticks only between its turns: once the socket is full, nothing is pulled.
  std::int64_t before = -1;
  for (int i = 0; i < 50 && before != pulled; ++i) {
    before = pulled;
    tick(1);
  }
  EXPECT_EQ(before, pulled);
  EXPECT_LT(pulled, 32 * limits::kMiB);  // kernel buffers of both ends, not gigabytes
  EXPECT_GT(client.read_some(4 << 20).size(), 4U << 19);
  server_->stop(0);  // before what its handler uses goes
}

TEST_P(HttpServerTest, DropsAReaderThatTakesNothing) {
  start();
  std::promise<void> destroyed;
  handler_.on_request = [&destroyed](const Request&, const Responder& responder) {
    auto source = std::make_unique<LambdaSource>([](std::string& out, std::size_t max) {
      out.append(max, 'x');
      return BodySource::Pull::More;
    });
    source->on_destroy = [&destroyed] { destroyed.set_value(); };
    responder.stream(Response{}, std::move(source));
  };
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/endless")));
  ASSERT_EQ(client.read_response(true).status, 200);
  auto gone = destroyed.get_future();
  for (int i = 0; i < 1000 && gone.wait_for(Duration(0)) != std::future_status::ready; ++i) {
    tick(1);
  }
  EXPECT_EQ(gone.wait_for(Duration(0)), std::future_status::ready);
  server_->stop(0);  // before what its handler uses goes
}

TEST_P(HttpServerTest, FreesTheSourceWhenThePeerLeaves) {
  start();
  std::promise<void> destroyed;
  handler_.on_request = [&destroyed](const Request&, const Responder& responder) {
    auto source = std::make_unique<LambdaSource>(
        [](std::string&, std::size_t) { return BodySource::Pull::Wait; });
    source->on_destroy = [&destroyed] { destroyed.set_value(); };
    responder.stream(Response{}, std::move(source));
  };
  {
    RawClient client = connect();
    ASSERT_TRUE(client.send(get("/stream")));
    ASSERT_EQ(client.read_response(true).status, 200);
  }
  destroyed.get_future().wait();
  server_->stop(0);  // before what its handler uses goes
}

TEST_P(HttpServerTest, StopLetsAnswersUnderWayEnd) {
  start({.tick = std::chrono::seconds(1)});
  std::promise<Responder> asked;
  handler_.on_request = [&asked](const Request& request, const Responder& responder) {
    if (request.path == "/late") {
      asked.set_value(responder);
      return;
    }
    responder.stream(Response{}, std::make_unique<LambdaSource>([](std::string&, std::size_t) {
                       return BodySource::Pull::Wait;
                     }));
  };
  RawClient late = connect();
  RawClient stream = connect();
  RawClient idle = connect();
  ASSERT_TRUE(late.send(get("/late")));
  ASSERT_TRUE(stream.send(get("/stream")));
  ASSERT_EQ(stream.read_response(true).status, 200);
  Responder responder = asked.get_future().get();
  std::jthread stopper([this] { server_->stop(); });
  EXPECT_EQ(stream.read_until("bye\n"), "4\r\nbye\n");  // so the stop has begun
  responder.send(Response{.body = "late"});
  const RawResponse response = late.read_response();
  EXPECT_EQ(response.body, "late");
  EXPECT_EQ(response.headers.at("connection"), "close");
  late.finish_sending();
  stream.finish_sending();
  EXPECT_TRUE(idle.at_end());
  stopper.join();
  RawClient refused = connect();
  EXPECT_FALSE(refused.send(get("/")));
}

TEST_P(HttpServerTest, AnswersAfterTheServerIsGoneAreHarmless) {
  start();
  std::promise<Responder> asked;
  handler_.on_request = [&asked](const Request&, const Responder& responder) {
    asked.set_value(responder);
  };
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/")));
  std::optional<Responder> responder = asked.get_future().get();
  server_->stop(0);
  server_.reset();
  responder->wakeup().notify();
  responder->send(Response{});
  responder.reset();
  EXPECT_TRUE(client.at_end());
}

TEST_P(HttpServerTest, ATakenPortNamesItsHolderAndTheWayOut) {
  start();
  auto second =
      HttpServer::start({"127.0.0.1", port_}, "--http ADDR or HEARTH_HTTP", handler_, clock_, {});
  ASSERT_FALSE(second);
  const std::string& message = second.error().message;
  EXPECT_NE(message.find("port " + std::to_string(port_) + " is taken by process " +
                         std::to_string(getpid())),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("choose another with --http ADDR or HEARTH_HTTP"), std::string::npos);
}

TEST_P(HttpServerTest, ListensOnLoopbackOnly) {
  auto started = HttpServer::start({"0.0.0.0", 0}, "--http", handler_, clock_, {});
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("loopback only"), std::string::npos);
}

}  // namespace
}  // namespace hearth::net
