#include "front/agentlink/acceptor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <semaphore>
#include <vector>

namespace hearth::front::agentlink {
namespace {

UniqueFd connect_to(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return socket;
}

// The peer closed it, or does within ten seconds.
bool is_closed(const UniqueFd& socket) {
  char ignored = 0;
  pollfd waiting{socket.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 10'000) == 1 && ::read(socket.get(), &ignored, 1) == 0;
}

TEST(AcceptorTest, HandsOverConnectionsAndNamesATakenPort) {
  auto acceptor = Acceptor::listen("127.0.0.1", 0);
  ASSERT_TRUE(acceptor) << acceptor.error().message;
  ASSERT_TRUE((*acceptor)->start([](int, UniqueFd) {}, [] {}));
  EXPECT_TRUE(is_closed(connect_to((*acceptor)->port())));
  const auto again = Acceptor::listen("127.0.0.1", (*acceptor)->port());
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("another process holds the port"), std::string::npos);
}

TEST(AcceptorTest, NobodyListensOnceItHasStopped) {
  auto acceptor = Acceptor::listen("127.0.0.1", 0);
  ASSERT_TRUE(acceptor) << acceptor.error().message;
  ASSERT_TRUE((*acceptor)->start([](int, UniqueFd) {}, [] {}));
  (*acceptor)->stop();
  EXPECT_TRUE(Acceptor::listen("127.0.0.1", (*acceptor)->port()));
}

TEST(AcceptorTest, AcceptsAgainWhenDescriptorsAreBack) {
  // No promise: without descriptors UBSan cannot look whether its parts are what they should be.
  std::counting_semaphore<> told(0);
  auto acceptor = Acceptor::listen("127.0.0.1", 0);
  ASSERT_TRUE(acceptor) << acceptor.error().message;
  const UniqueFd before = connect_to((*acceptor)->port());
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_TRUE((*acceptor)->start([](int, UniqueFd) {}, [&told] { told.release(); }));
  ASSERT_TRUE(is_closed(before));
  const UniqueFd waiting(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const rlimit none{.rlim_cur = 3, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>((*acceptor)->port()));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_EQ(::connect(waiting.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(told.try_acquire_for(std::chrono::seconds(10)));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(is_closed(waiting));
}

}  // namespace
}  // namespace hearth::front::agentlink
