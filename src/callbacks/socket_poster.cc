#include "callbacks/socket_poster.h"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <thread>
#include <utility>

#include "base/mailbox.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "callbacks/exchange.h"

namespace hearth::callbacks {

namespace {

constexpr Duration kLookUpWait = std::chrono::hours(1);
constexpr int kNanosecondsPerMillisecond = 1'000'000;

}  // namespace

Result<std::vector<Address>> resolve_host(const std::string& host) {
  if (const auto address = Address::parse(host)) {
    return std::vector<Address>{*address};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); failed != 0) {
    return unavailable(host + " has no address: " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    if (const auto address = Address::of(*at->ai_addr)) {
      addresses.push_back(*address);
    }
  }
  return addresses;
}

class SocketPoster::Impl {
 public:
  Impl(const CallbackPolicy& policy, Clock& clock, Options options)
      : policy_(policy),
        clock_(clock),
        options_(std::move(options)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void post(CallbackPost post, std::function<void(PostOutcome)> done) {
    const std::int64_t deadline_ns =
        clock_.monotonic_ns() + options_.time_max.count() * kNanosecondsPerMillisecond;
    const MutexLock lock(mutex_);
    if (stopping_.load()) {
      return;
    }
    begun_.push_back(
        {.post = std::move(post), .done = std::move(done), .deadline_ns = deadline_ns});
    if (!io_.joinable()) {
      io_ = std::thread([this] { run(); });
      names_ = std::thread([this] { resolve(); });
    }
    wake();
  }

  void stop() {
    {
      const MutexLock lock(mutex_);
      stopping_.store(true);
    }
    wake();
    lookups_.close();
    if (io_.joinable()) {
      io_.join();
      names_.join();
    }
  }

 private:
  struct Begun {
    CallbackPost post;
    std::function<void(PostOutcome)> done;
    std::int64_t deadline_ns = 0;
  };
  struct Running {
    std::uint64_t id = 0;
    CallbackUrl url;
    std::function<void(PostOutcome)> done;
    std::int64_t deadline_ns = 0;
    std::unique_ptr<Exchange> exchange;
    bool is_resolved = false;
    std::optional<PostOutcome> outcome;
  };
  struct Lookup {
    std::uint64_t id = 0;
    std::string host;
  };
  struct Resolved {
    std::uint64_t id = 0;
    Result<std::vector<Address>> addresses;
  };

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
  }

  // The thread of names.
  void resolve() {
    while (!stopping_.load()) {
      for (Lookup& lookup : lookups_.pop_all(1, kLookUpWait)) {
        Resolved resolved{.id = lookup.id, .addresses = options_.resolve(lookup.host)};
        const MutexLock lock(mutex_);
        resolved_.push_back(std::move(resolved));
        wake();
      }
    }
  }

  void run() {
    while (!stopping_.load()) {
      take_new();
      end_those_that_are_over();
      wait();
    }
    running_.clear();
  }

  void take_new() {
    std::vector<Begun> begun;
    std::vector<Resolved> resolved;
    {
      const MutexLock lock(mutex_);
      begun.swap(begun_);
      resolved.swap(resolved_);
    }
    for (Begun& each : begun) {
      begin(std::move(each));
    }
    for (Resolved& each : resolved) {
      const auto found = std::ranges::find(running_, each.id, &Running::id);
      if (found != running_.end()) {
        connect(*found, std::move(each.addresses));
      }
    }
  }

  void begin(Begun&& begun) {
    Running& running = running_.emplace_back();
    running.id = ++last_id_;
    running.url = begun.post.url;
    running.done = std::move(begun.done);
    running.deadline_ns = begun.deadline_ns;
    std::shared_ptr<const tls::Context> tls;
    if (running.url.is_https) {
      auto context = tls_context();
      if (!context) {
        running.outcome = PostOutcome{
            .status = 0, .is_forbidden = false, .why = std::move(context).error().message};
        return;
      }
      tls = std::move(*context);
    }
    running.exchange = std::make_unique<Exchange>(begun.post, std::move(tls));
    if (!lookups_.try_push({.id = running.id, .host = running.url.host})) {
      running.outcome = PostOutcome{
          .status = 0, .is_forbidden = false, .why = "too many names wait to be resolved"};
    }
  }

  // Made once it is needed: reading the system's authorities takes a while.
  Result<std::shared_ptr<const tls::Context>> tls_context() {
    if (tls_ == nullptr) {
      HEARTH_ASSIGN(tls_, tls::make_client_context(options_.tls));
    }
    return tls_;
  }

  void connect(Running& running, Result<std::vector<Address>> found) {
    running.is_resolved = true;
    std::vector<Address> admitted;
    PostOutcome none{.status = 0, .is_forbidden = false, .why = "its name has no address"};
    if (!found) {
      none.why = found.error().message;
    } else {
      for (const Address& address : *found) {
        if (auto admits = policy_.admits(running.url, address)) {
          admitted.push_back(address);
        } else {
          none.is_forbidden = true;
          none.why = admits.error().message;
        }
      }
    }
    if (admitted.empty()) {
      running.outcome = std::move(none);
      return;
    }
    running.exchange->begin(std::move(admitted));
  }

  void end_those_that_are_over() {
    const std::int64_t now_ns = clock_.monotonic_ns();
    for (auto at = running_.begin(); at != running_.end();) {
      if (!at->outcome && at->exchange != nullptr) {
        at->outcome = at->exchange->outcome();
      }
      if (!at->outcome && at->deadline_ns <= now_ns) {
        at->outcome =
            PostOutcome{.status = 0, .is_forbidden = false, .why = at->exchange->waiting_for()};
      }
      if (!at->outcome) {
        ++at;
        continue;
      }
      at->done(std::move(*at->outcome));
      at = running_.erase(at);
    }
  }

  void wait() {
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    std::vector<Exchange*> exchanges;
    std::int64_t deadline_ns = -1;
    for (Running& running : running_) {
      if (running.is_resolved) {
        fds.push_back({running.exchange->fd(), running.exchange->events(), 0});
        exchanges.push_back(running.exchange.get());
      }
      deadline_ns =
          deadline_ns < 0 ? running.deadline_ns : std::min(deadline_ns, running.deadline_ns);
    }
    int patience_ms = -1;
    if (deadline_ns >= 0) {
      const std::int64_t left_ns = std::max<std::int64_t>(deadline_ns - clock_.monotonic_ns(), 0);
      patience_ms = static_cast<int>(left_ns / kNanosecondsPerMillisecond) + 1;
    }
    ::poll(fds.data(), fds.size(), patience_ms);
    std::uint64_t drained = 0;
    [[maybe_unused]] const auto read = ::read(wake_.get(), &drained, sizeof(drained));
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      if (fds[i + 1].revents != 0) {
        exchanges[i]->advance();
      }
    }
  }

  const CallbackPolicy& policy_;
  Clock& clock_;
  const Options options_;
  const UniqueFd wake_;
  std::atomic<bool> stopping_{false};
  Mailbox<Lookup> lookups_{static_cast<std::size_t>(limits::kCallbacksAtOnceMax)};
  Mutex mutex_;
  std::vector<Begun> begun_ HEARTH_GUARDED_BY(mutex_);
  std::vector<Resolved> resolved_ HEARTH_GUARDED_BY(mutex_);
  // The I/O thread's own.
  std::list<Running> running_;
  std::uint64_t last_id_ = 0;
  std::shared_ptr<const tls::Context> tls_;
  std::thread names_;
  std::thread io_;
};

SocketPoster::SocketPoster(const CallbackPolicy& policy, Clock& clock, Options options)
    : impl_(std::make_unique<Impl>(policy, clock, std::move(options))) {}

SocketPoster::~SocketPoster() {
  stop();
}

void SocketPoster::post(CallbackPost post, std::function<void(PostOutcome)> done) {
  impl_->post(std::move(post), std::move(done));
}

void SocketPoster::stop() {
  impl_->stop();
}

}  // namespace hearth::callbacks
