// An HTTP server for what Hearth calls itself (callbacks, heartbeats to others): it keeps what it
// was asked, and answers as the test says, also late, half or never.
//
// It has one thread, and listens in the network namespace of the thread that made it. All calls may
// come from any thread. Whatever a client sends that is no HTTP/1.1, or is past a bound, fails the
// test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace hearth::harness {

class MockHttpServer {
 public:
  static constexpr std::size_t kRequestsMax = 10'000;  // in its life; the next get 503
  static constexpr std::size_t kConnectionsMax = 1'000;
  static constexpr std::int64_t kBodyBytesMax = 64 << 20;
  static constexpr Duration kPatience = std::chrono::seconds(30);

  struct Request {
    std::string method;
    std::string target;                          // with its query
    std::string path;                            // without
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };

  enum class Way {
    Whole,
    Cut,    // the connection is closed after `cut_after` bytes of a body that should be longer
    Drop,   // it is closed without an answer
    Never,  // it stays open, and nothing comes
    Open,   // head and body come, and more by send(), until hang_up()
  };
  struct Reply {
    int status = 200;
    std::map<std::string, std::string> headers;
    std::string body;
    Way way = Way::Whole;
    std::size_t cut_after = 0;
    bool is_held = false;  // until a release() of its path lets it go
  };

  // HOST:PORT, an IP address; port 0 picks a free one.
  explicit MockHttpServer(const std::string& address = "127.0.0.1:0");
  // Closes all connections.
  ~MockHttpServer();
  MockHttpServer(const MockHttpServer&) = delete;
  MockHttpServer& operator=(const MockHttpServer&) = delete;

  // IP:PORT as it listens.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://" + address_ + path;
  }

  // What one request for the path gets: those of next() in their order, then that of always().
  // Without either it is 404.
  void next(const std::string& path, Reply reply);
  void always(const std::string& path, Reply reply);

  // Lets so many held answers of the path go, also such that are asked for only later.
  void release(const std::string& path, int count = 1);
  // More of each body of the path that is open; fails the test when none is.
  void send(const std::string& path, const std::string& bytes);
  // Closes the path's connections whose answers are held, open or never come, once what was sent is
  // gone.
  void hang_up(const std::string& path);

  // Those whose last byte has come, in that order; of all paths when it is "".
  [[nodiscard]] std::vector<Request> requests(const std::string& path = "");
  // The same once there are so many; fails the test when `patience` passes before.
  std::vector<Request> wait_for(std::size_t count, const std::string& path = "",
                                Duration patience = kPatience);
  // Waits until so many clients have closed a connection whose answer they did not have whole.
  void wait_given_up(std::size_t count, Duration patience = kPatience);
  // So many were accepted.
  [[nodiscard]] std::size_t connections();

 private:
  struct Connection;
  struct Script {
    std::list<Reply> next;
    std::unique_ptr<Reply> always;
    int released = 0;
  };

  void listen_on(const std::string& address);
  void run();
  void wake() const;
  void accept_all() HEARTH_REQUIRES(mutex_);
  // False when it is over.
  bool serve(Connection& connection) HEARTH_REQUIRES(mutex_);
  bool read_from(Connection& connection) HEARTH_REQUIRES(mutex_);
  bool parse(Connection& connection) HEARTH_REQUIRES(mutex_);
  void take_request(Connection& connection) HEARTH_REQUIRES(mutex_);
  void answer(Connection& connection) HEARTH_REQUIRES(mutex_);
  Reply reply_to(const std::string& path) HEARTH_REQUIRES(mutex_);
  [[nodiscard]] std::vector<Request> of_path(const std::string& path) const HEARTH_REQUIRES(mutex_);

  std::string address_;
  UniqueFd listener_;
  UniqueFd wake_;
  Mutex mutex_;
  Condition changed_;
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  std::map<std::string, Script> scripts_ HEARTH_GUARDED_BY(mutex_);
  std::vector<Request> requests_ HEARTH_GUARDED_BY(mutex_);
  std::list<std::unique_ptr<Connection>> connections_ HEARTH_GUARDED_BY(mutex_);
  std::size_t accepted_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::size_t given_up_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::thread thread_;  // uses all the others
};

}  // namespace hearth::harness
