// Both ends of a session over a pair of sockets, driven in turns.
#include "tls/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "base/unique_fd.h"
#include "tls/testing/test_certificates.h"

namespace hearth::tls {
namespace {

using testing::TestCertificates;

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { identity_ = certificates_.identity(); }

  void open(const ClientFiles& files, const std::string& host = "localhost") {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()), 0);
    client_.reset();
    server_.reset();
    client_fd_.reset(fds[0]);
    server_fd_.reset(fds[1]);
    const auto context = make_client_context(files);
    ASSERT_TRUE(context) << context.error().message;
    client_ = std::move(*Session::connect(**context, client_fd_.get(), host));
    server_ = std::move(*Session::accept(*identity_->current()->context, server_fd_.get()));
  }

  // Turns both ends until neither waits; the worse of the two.
  Io shake() {
    Io client = Io::WantRead;
    Io server = Io::WantRead;
    for (int i = 0; i < 20 && (client == Io::WantRead || server == Io::WantRead); ++i) {
      client = client == Io::WantRead ? client_->handshake() : client;
      server = server == Io::WantRead ? server_->handshake() : server;
    }
    return client == Io::Done && server == Io::Done ? Io::Done : Io::Broken;
  }
  // What the client says when it does not believe.
  std::string refusal(const ClientFiles& files, const std::string& host = "localhost") {
    open(files, host);
    EXPECT_EQ(shake(), Io::Broken);
    return client_->why();
  }
  static std::string read(Session& session) {
    std::array<char, 65536> space{};
    const Moved moved = session.read(space);
    return std::string(space.data(), moved.bytes);
  }

  TestCertificates certificates_;
  std::unique_ptr<ServerIdentity> identity_;
  UniqueFd client_fd_;
  UniqueFd server_fd_;
  std::unique_ptr<Session> client_;
  std::unique_ptr<Session> server_;
};

TEST_F(SessionTest, CarriesBytesBothWays) {
  open({.authority = certificates_.ca()});
  ASSERT_EQ(shake(), Io::Done) << client_->why() << server_->why();
  EXPECT_EQ(client_->protocol(), "TLSv1.3");
  EXPECT_EQ(client_->write("ping").bytes, 4U);
  EXPECT_EQ(read(*server_), "ping");
  EXPECT_EQ(server_->write("pong").bytes, 4U);
  EXPECT_EQ(read(*client_), "pong");
  std::array<char, 65536> space{};
  EXPECT_EQ(server_->read(space).io, Io::WantRead);
  client_->close_notify();
  EXPECT_EQ(server_->read(space).io, Io::End);
}

TEST_F(SessionTest, AWriteGoesOnWhereASocketWasFull) {
  open({.authority = certificates_.ca()});
  ASSERT_EQ(shake(), Io::Done);
  std::string sent;
  for (int i = 0; sent.size() < 3'000'000; ++i) {
    sent += std::to_string(i);
  }
  std::string received;
  std::size_t done = 0;
  bool was_full = false;
  while (received.size() < sent.size()) {
    // From another place each time: the buffer of a connection moves as it grows.
    const std::string rest = sent.substr(done);
    const Moved moved = rest.empty() ? Moved{} : server_->write(rest);
    was_full = was_full || moved.io == Io::WantWrite;
    done += moved.bytes;
    ASSERT_NE(moved.io, Io::Broken) << server_->why();
    if (moved.io == Io::WantWrite || rest.empty()) {
      received += read(*client_);
    }
  }
  EXPECT_TRUE(was_full);
  EXPECT_EQ(received, sent);
}

TEST_F(SessionTest, NothingIsHeldBackInside) {
  open({.authority = certificates_.ca()});
  ASSERT_EQ(shake(), Io::Done);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(client_->write(std::string(16'384, 'x')).bytes, 16'384U);
  }
  std::array<char, 32768> space{};
  std::size_t received = 0;
  for (Moved moved; (moved = server_->read(space)).io == Io::Done;) {
    received += moved.bytes;
  }
  EXPECT_EQ(received, 5U * 16'384U);
}

TEST_F(SessionTest, APeerThatLeftIsNoSignal) {
  open({.authority = certificates_.ca()});
  ASSERT_EQ(shake(), Io::Done);
  client_.reset();
  client_fd_.reset();
  EXPECT_EQ(server_->write(std::string(100'000, 'x')).io, Io::Broken);
  EXPECT_FALSE(server_->why().empty());
}

TEST_F(SessionTest, AnEndWithoutAWordIsNoEnd) {
  open({.authority = certificates_.ca()});
  ASSERT_EQ(shake(), Io::Done);
  server_.reset();
  server_fd_.reset();
  std::array<char, 32768> space{};
  (void)client_->read(space);  // the ticket
  EXPECT_EQ(client_->read(space).io, Io::Broken);
  EXPECT_NE(client_->why().find("ended in the middle"), std::string::npos) << client_->why();
}

TEST_F(SessionTest, NamesTheNamesOfACertificateForOthers) {
  const std::string why = refusal({.authority = certificates_.ca()}, "example.org");
  EXPECT_NE(why.find("is for localhost, 127.0.0.1, not for example.org"), std::string::npos) << why;
  EXPECT_NE(why.find("hearth cert server --host example.org"), std::string::npos) << why;
  EXPECT_NE(refusal({.authority = certificates_.ca()}, "127.0.0.2").find("not for 127.0.0.2"),
            std::string::npos);
  open({.authority = certificates_.ca()}, "127.0.0.1");
  EXPECT_EQ(shake(), Io::Done);
}

TEST_F(SessionTest, NamesAnAuthorityThatIsNotTrusted) {
  const TestCertificates others;
  const std::string why = refusal({.authority = others.ca()});
  EXPECT_NE(why.find("not from an authority trusted here"), std::string::npos) << why;
  EXPECT_NE(why.find("--ca FILE or HEARTH_CA"), std::string::npos) << why;
  // Without a file it is the system's authorities, which do not know it either.
  EXPECT_NE(refusal({}).find("--ca FILE"), std::string::npos);
}

TEST_F(SessionTest, SaysWhenACertificateExpired) {
  // The server itself refuses to start with one, so its context is made by hand.
  const ServerFiles files = certificates_.server("old", {"localhost"}, std::chrono::minutes(-1));
  const auto text = [](const std::string& path) { return *read_file(path, 1 << 20); };
  const auto context = make_server_context(
      {.certificate = text(files.certificate), .key = text(files.key), .client_authority = ""},
      files);
  ASSERT_TRUE(context);
  open({.authority = certificates_.ca()});
  server_ = std::move(*Session::accept(**context, server_fd_.get()));
  ASSERT_EQ(shake(), Io::Broken);
  EXPECT_NE(client_->why().find("expired on "), std::string::npos) << client_->why();
  EXPECT_NE(client_->why().find("hearth cert server"), std::string::npos);
}

TEST_F(SessionTest, SaysThatAServerDoesNotSpeakTls) {
  open({.authority = certificates_.ca()});
  EXPECT_EQ(client_->handshake(), Io::WantRead);
  const std::string answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  ASSERT_GT(::send(server_fd_.get(), answer.data(), answer.size(), 0), 0);
  EXPECT_EQ(client_->handshake(), Io::Broken);
  EXPECT_NE(client_->why().find("use http://"), std::string::npos) << client_->why();
}

TEST_F(SessionTest, WantsAClientCertificateWhenToldTo) {
  identity_ = certificates_.identity(/*wants_client_certificate=*/true);
  open({.authority = certificates_.ca()});
  EXPECT_EQ(shake(), Io::Broken);
  EXPECT_NE(server_->why().find("showed no certificate"), std::string::npos) << server_->why();
  std::array<char, 32768> space{};
  EXPECT_EQ(client_->read(space).io, Io::Broken);
  EXPECT_NE(client_->why().find("--client-cert"), std::string::npos) << client_->why();

  TestCertificates others;
  ClientFiles foreign = others.client("ann");
  foreign.authority = certificates_.ca();
  open(foreign);
  EXPECT_EQ(shake(), Io::Broken);
  EXPECT_NE(server_->why().find("was not accepted"), std::string::npos) << server_->why();

  open(certificates_.client("ann"));
  EXPECT_EQ(shake(), Io::Done) << client_->why() << server_->why();
}

TEST_F(SessionTest, AClientNeedsBothHalves) {
  const auto context = make_client_context({.authority = certificates_.ca(),
                                            .certificate = certificates_.files().certificate,
                                            .key = ""});
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().message.find("--client-key"), std::string::npos);
  const auto missing = make_client_context({.authority = certificates_.path("none.pem")});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("none.pem"), std::string::npos);
}

}  // namespace
}  // namespace hearth::tls
