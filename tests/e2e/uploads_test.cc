// What jobs bring and leave, with the real programs.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "archive/tar_writer.h"
#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace fs = std::filesystem;
namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::Exit;
using harness::number;
using harness::text;

namespace {

std::string content_of(const fs::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

std::string tar_of(const std::string& path, const std::string& bytes) {
  const archive::TarEntry entry{.path = path, .bytes = std::ssize(bytes)};
  return archive::tar_header(entry) + bytes + archive::tar_padding(entry.bytes) +
         archive::tar_end();
}

UniqueFd connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = ::htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

class UploadsTest : public ClusterTest {
 protected:
  void write(const std::string& path, const std::string& bytes) {
    fs::create_directories(fs::path(scratch(path)).parent_path());
    std::ofstream(scratch(path), std::ios::binary) << bytes;
  }
  std::string upload(const std::string& archive) {
    const Answer answer = post("/v1/uploads", archive, "application/x-tar");
    EXPECT_EQ(answer.status, 201) << answer.raw;
    return answer.status == 201 ? text(answer.body.as_object(), "id") : "";
  }
  [[nodiscard]] std::vector<std::string> uploads_on_disk() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(scratch("controller/uploads"))) {
      if (entry.is_regular_file()) {
        names.push_back(entry.path().filename());
      }
    }
    return names;
  }
};

TEST_F(UploadsTest, AFolderGoesInAndFilesComeOut) {
  start_up({"--id", "here"});
  write("project/run.sh",
        "mkdir -p out/deep; tr a-z A-Z < data/in.txt > out/deep/result.txt\n"
        "echo '{}' > report.json; ln -s /etc/passwd out/link; echo done\n");
  write("project/data/in.txt", "hello");
  write("project/.git/config", "not for others");
  const Exit run = hearth({"run", "--upload", scratch("project"), "--result", "out", "--result",
                           "report.json", "--result", "none", "--", "sh", "run.sh"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "done\n");
  const auto jobs = get("/v1/jobs").body;
  const json::object job = jobs.at("jobs").as_array().front().as_object();
  const std::string id = text(job, "id");
  EXPECT_EQ(text(job, "sandbox"), "process");
  const Exit list = hearth({"results", id});
  EXPECT_NE(list.out.find("5      out/deep/result.txt"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("report.json"), std::string::npos) << list.out;
  EXPECT_NE(list.err.find("none does not exist"), std::string::npos) << list.err;
  EXPECT_NE(list.err.find("out/link is a symbolic link"), std::string::npos) << list.err;
  EXPECT_EQ(hearth({"results", id, "out/deep/result.txt"}).out, "HELLO");
  const Exit none = hearth({"results", id, "none"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.err.find("no result file"), std::string::npos) << none.err;
  const Exit all = hearth({"results", id, "--to", scratch("came")});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(content_of(scratch("came/out/deep/result.txt")), "HELLO");
  EXPECT_EQ(content_of(scratch("came/report.json")), "{}\n");
  EXPECT_FALSE(fs::exists(fs::symlink_status(scratch("came/out/link"))));
  const Exit again = hearth({"results", id, "--to", scratch("came")});
  EXPECT_NE(again.code, 0) << "nothing is overwritten";
}

TEST_F(UploadsTest, WhatIsHostileIsRefusedWholeWithItsReason) {
  start_controller();
  const Answer refused = post("/v1/uploads", tar_of("../evil", "x"), "application/x-tar");
  EXPECT_EQ(refused.status, 422) << refused.raw;
  EXPECT_EQ(text(refused.body.as_object(), "code"), "archive_refused");
  EXPECT_NE(text(refused.body.as_object(), "detail").find("\"../evil\""), std::string::npos);
  EXPECT_TRUE(uploads_on_disk().empty());
  fs::create_directory(scratch("project"));
  fs::create_symlink("/etc/passwd", scratch("project/link"));
  const Exit submit = hearth({"submit", "--upload", scratch("project"), "--", "true"});
  EXPECT_EQ(submit.code, 1) << submit.err;
  EXPECT_NE(submit.err.find("\"link\""), std::string::npos) << submit.err;
  const Exit none = hearth({"submit", "--upload", scratch("none"), "--", "true"});
  EXPECT_NE(none.err.find("none"), std::string::npos) << none.err;
  const Exit open = hearth({"submit", "--sandbox", "none", "--upload", scratch(), "--", "true"});
  EXPECT_NE(open.code, 0) << open.out;
}

TEST_F(UploadsTest, OverTheNetworkAndOverRestarts) {
  start_controller();
  const std::string id = upload(tar_of("in.txt", std::string(3'000'000, 'x') + "end"));
  const std::string waits =
      submit({{"command", {"tail", "-c", "3", "in.txt"}}, {"upload", id}, {"results", {"in.txt"}}});
  restart_controller();
  start_agent("far");
  EXPECT_EQ(text(wait_ended(waits), "state"), "COMPLETED");
  EXPECT_EQ(output(waits), "end");
  const Answer file = get("/v1/jobs/" + waits + "/results/in.txt");
  EXPECT_EQ(file.raw.size(), 3'000'003U);
  restart_controller();
  EXPECT_EQ(get("/v1/jobs/" + waits + "/results/in.txt").raw, file.raw);
  const Answer retried = post("/v1/jobs/" + waits + "/retry", "{}");
  ASSERT_EQ(retried.status, 201) << retried.raw;
  const std::string second = text(retried.body.as_object(), "id");
  EXPECT_EQ(text(wait_ended(second), "state"), "COMPLETED");
  EXPECT_EQ(output(second), "end");
}

TEST_F(UploadsTest, AControllerKilledInTheMiddleKeepsNothingOfIt) {
  start_controller();
  const std::string whole = upload(tar_of("whole", "x"));
  // A client that has sent half when the controller dies.
  const UniqueFd half(connect_to(http()));
  const std::string head =
      "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-tar\r\n"
      "Content-Length: 1000000\r\n\r\n" +
      std::string(300'000, 'x');
  ASSERT_EQ(::send(half.get(), head.data(), head.size(), MSG_NOSIGNAL), std::ssize(head));
  wait_until([this] { return uploads_on_disk().size() == 3; }, "a file for what is coming in");
  stop_controller();
  EXPECT_EQ(uploads_on_disk().size(), 3U);
  restart_controller();
  EXPECT_EQ(uploads_on_disk().size(), 2U);
  EXPECT_EQ(post("/v1/jobs", R"({"command":["true"],"upload":")" + whole + "\"}").status, 201);
}

}  // namespace
}  // namespace hearth::e2e
