// Certificates by `hearth cert`, a controller, an agent and a client that believe them, and peers
// that are not ours: curl and openssl.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

using harness::ClusterTest;
using harness::Exit;
using harness::Program;

namespace {

class TlsTest : public ClusterTest {
 protected:
  void make_certificates() {
    const Exit made = hearth({"cert", "init", "--dir", scratch("tls")});
    ASSERT_EQ(made.code, 0) << made.err;
    trust(scratch("tls/ca.pem"));
  }
  [[nodiscard]] std::vector<std::string> door(std::vector<std::string> more = {}) const {
    more.insert(more.end(),
                {"--tls-cert", scratch("tls/server.pem"), "--tls-key", scratch("tls/server.key")});
    return more;
  }
  Exit run_tool(std::vector<std::string> command, const std::string& input = "") {
    command.insert(command.begin(), "/usr/bin/env");
    return Program(scratch(""), std::move(command), {.environment = {}, .stdin_bytes = input})
        .wait();
  }
  Exit curl(const std::string& target, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"curl", "-sS", "--max-time", "20"});
    more.push_back("https://" + http() + target);
    return run_tool(std::move(more));
  }
  Exit s_client(std::vector<std::string> more) {
    more.insert(more.begin(), {"openssl", "s_client", "-connect", http(), "-CAfile",
                               scratch("tls/ca.pem"), "-verify_return_error"});
    return run_tool(std::move(more), "");
  }
};

TEST_F(TlsTest, RunsAJobAndSurvivesAChangeOfCertificate) {
  make_certificates();
  Program& controller = start_controller(door());
  Program& agent = start_agent("a", {"--ca", scratch("tls/ca.pem")});
  // The job itself waits for the change: its output comes before and after.
  const std::string gate = scratch("gate");
  auto job = start({"run", "--", "sh", "-c",
                    "echo first; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo second"});
  EXPECT_EQ(job->wait_for_line("first"), "first");

  ASSERT_EQ(hearth({"cert", "server", "--dir", scratch("tls"), "--host", "new.example.org"}).code,
            0);
  controller.signal(SIGHUP);
  EXPECT_TRUE(controller.wait_for_text("the certificate was replaced"));
  EXPECT_NE(curl("/healthz", {"--cacert", scratch("tls/ca.pem"), "-v"})
                .err.find("SSL certificate verify ok"),
            std::string::npos);
  std::ofstream(gate) << "open";
  const Exit exit = job->wait();
  EXPECT_EQ(exit.code, 0) << exit.err;
  EXPECT_EQ(exit.out, "first\nsecond\n");
  // Whoever comes now sees the new one, and what was connected never noticed.
  EXPECT_NE(s_client({"-servername", "localhost"}).out.find("Verify return code: 0 (ok)"),
            std::string::npos);
  EXPECT_EQ(agent.err().find("no link"), std::string::npos) << agent.err();
  EXPECT_EQ(hearth({"run", "--", "echo", "again"}).out, "again\n");
}

TEST_F(TlsTest, NamesOfANewCertificateAreHostsAtOnce) {
  make_certificates();
  Program& controller = start_controller(door());
  const auto ask = [this](const std::string& host) {
    const std::string port = http().substr(http().rfind(':') + 1);
    return run_tool({"curl", "-sS", "-k", "--max-time", "20", "-o", scratch("body"), "-w",
                     "%{http_code}", "--resolve", host + ":" + port + ":127.0.0.1",
                     "https://" + host + ":" + port + "/healthz"})
        .out;
  };
  const auto renew = [&](const std::string& host) {
    ASSERT_EQ(hearth({"cert", "server", "--dir", scratch("tls"), "--host", host}).code, 0);
    controller.signal(SIGHUP);
    EXPECT_TRUE(controller.wait_for_text(host));
  };
  EXPECT_EQ(ask("new.example.org"), "403");
  renew("new.example.org");
  EXPECT_EQ(ask("new.example.org"), "200");
  renew("newer.example.org");
  EXPECT_EQ(ask("newer.example.org"), "200");
  EXPECT_EQ(ask("new.example.org"), "403") << "the certificate has lost that name";
}

TEST_F(TlsTest, RefusedHandshakesOfTheAgentLinkAreLogged) {
  make_certificates();
  Program& controller = start_controller(door({"--tls-client-ca", scratch("tls/ca.pem")}));
  const auto agent = start({"agent", "--controller", grpc(), "--id", "b", "--data",
                            scratch("agent-b"), "--ca", scratch("tls/ca.pem")});
  EXPECT_TRUE(controller.wait_for_text("refused to=\"TLS of the agent link\" why=\"Handshake"));
}

TEST_F(TlsTest, RefusesABrokenCertificateAndServesOn) {
  make_certificates();
  Program& controller = start_controller(door());
  std::ofstream(scratch("tls/server.pem")) << "half a file";
  controller.signal(SIGHUP);
  EXPECT_TRUE(controller.wait_for_text("the new certificate is refused; the one in use stays"));
  EXPECT_EQ(get("/healthz").status, 200);
  // The mended file is found without a signal.
  ASSERT_EQ(hearth({"cert", "server", "--dir", scratch("tls"), "--name", "next"}).code, 0);
  std::filesystem::copy_file(scratch("tls/next.key"), scratch("tls/server.key"),
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::rename(scratch("tls/next.pem"), scratch("tls/server.pem"));
  EXPECT_TRUE(controller.wait_for_text("the certificate was replaced"));
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(TlsTest, NobodyIsBelievedWithoutTheAuthority) {
  make_certificates();
  ASSERT_EQ(hearth({"cert", "init", "--dir", scratch("other")}).code, 0);
  start_controller(door());
  const Exit wrong = hearth({"jobs", "--ca", scratch("other/ca.pem")});
  EXPECT_NE(wrong.code, 0);
  EXPECT_NE(wrong.err.find("is not from an authority trusted here"), std::string::npos)
      << wrong.err;
  const Exit plain = hearth({"jobs", "--url", "http://" + http()});
  EXPECT_NE(plain.code, 0);
  EXPECT_NE(plain.err.find("https://"), std::string::npos) << plain.err;
  const auto agent = start({"agent", "--controller", grpc(), "--id", "b", "--data",
                            scratch("agent-b"), "--ca", scratch("other/ca.pem")});
  EXPECT_TRUE(agent->wait_for_text("the controller's certificate is not from the authority in"))
      << agent->err();
  const Exit missing = hearth(
      {"agent", "--controller", grpc(), "--ca", scratch("none.pem"), "--data", scratch("agent-c")});
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("none.pem"), std::string::npos) << missing.err;
}

TEST_F(TlsTest, PeersThatAreNotOursAgree) {
  make_certificates();
  start_controller(door());
  EXPECT_EQ(curl("/readyz", {"--cacert", scratch("tls/ca.pem")}).out.find("{\"ready\":true"), 0U);
  EXPECT_EQ(curl("/readyz").code, 60);  // curl's "peer certificate cannot be authenticated"
  const Exit described = s_client({"-alpn", "http/1.1"});
  EXPECT_NE(described.out.find("ALPN protocol: http/1.1"), std::string::npos) << described.out;
  EXPECT_NE(described.out.find("Verify return code: 0 (ok)"), std::string::npos);
  EXPECT_NE(s_client({"-alpn", "h2"}).code, 0);
  EXPECT_NE(s_client({"-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"}).code, 0);
  EXPECT_EQ(s_client({"-tls1_2"}).code, 0);
  const std::string session = scratch("session");
  const std::string request =
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const std::vector<std::string> talk = {"openssl", "s_client", "-connect", http(), "-ign_eof"};
  const auto with = [&talk](const char* flag, const std::string& file) {
    std::vector<std::string> command = talk;
    command.insert(command.end(), {flag, file});
    return command;
  };
  EXPECT_NE(run_tool(with("-sess_out", session), request).out.find("200 OK"), std::string::npos);
  EXPECT_NE(run_tool(with("-sess_in", session), request).out.find("Reused, TLSv1.3"),
            std::string::npos);
}

TEST_F(TlsTest, CertificatesInBothDirections) {
  make_certificates();
  for (const char* name : {"ann", "node"}) {
    ASSERT_EQ(hearth({"cert", "client", "--dir", scratch("tls"), "--name", name}).code, 0);
  }
  const auto showing = [this](const std::string& name, std::vector<std::string> rest) {
    rest.insert(rest.end(), {"--client-cert", scratch("tls/" + name + ".pem"), "--client-key",
                             scratch("tls/" + name + ".key")});
    return rest;
  };
  start_controller(door({"--tls-client-ca", scratch("tls/ca.pem")}));
  const Exit nobody = hearth({"jobs"});
  EXPECT_NE(nobody.code, 0);
  EXPECT_NE(nobody.err.find("--client-cert"), std::string::npos) << nobody.err;
  start_agent("a", showing("node", {"--ca", scratch("tls/ca.pem")}));
  EXPECT_EQ(hearth(showing("ann", {"run", "--url", "https://" + http()})).code, 2);  // no command
  const Exit exit = hearth({"run", "--client-cert", scratch("tls/ann.pem"), "--client-key",
                            scratch("tls/ann.key"), "--", "echo", "hello"});
  EXPECT_EQ(exit.out, "hello\n") << exit.err;
}

TEST_F(TlsTest, UpNeedsTheSameTwoFiles) {
  make_certificates();
  const Exit half = hearth({"up", "--data", scratch("up"), "--tls-cert", scratch("tls/server.pem"),
                            "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"});
  EXPECT_EQ(half.code, 1);
  EXPECT_NE(half.err.find("--tls-key"), std::string::npos) << half.err;
  start_up(door());
  EXPECT_EQ(hearth({"run", "--", "echo", "hello"}).out, "hello\n");
}

}  // namespace
}  // namespace hearth::e2e
