// Uploads from the controller to an agent.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/testing/temp_dir.h"
#include "link_fixture.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

class LinkFetchTest : public AgentLinkTest {
 protected:
  // As soon as it is answered: the bytes, or "<code>".
  std::string fetch(TestAgent& agent, const std::string& upload, std::uint64_t job = 1) {
    std::optional<Result<agent::FetchedUpload>> answer;
    const std::string path = folder_.file("fetched" + std::to_string(++fetched_));
    agent.link().fetch_upload(
        {.attempt = key(job), .upload = upload, .path = path},
        [&answer](Result<agent::FetchedUpload> result) { answer.emplace(std::move(result)); });
    EXPECT_FALSE(answer.has_value());
    if (!agent.until([&] { return answer.has_value(); })) {
      return "";
    }
    if (!*answer) {
      EXPECT_FALSE(fs::exists(path)) << "nothing is left of what failed";
      return "<" + std::string(to_string(answer->error().code)) + ">";
    }
    EXPECT_TRUE((*answer)->is_copy);
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    EXPECT_EQ((*answer)->bytes, std::ssize(bytes.str()));
    return bytes.str();
  }

  hearth::testing::TempDir folder_;
  int fetched_ = 0;
};

TEST_F(LinkFetchTest, BringsItWhole) {
  std::string large(5 << 20, 'x');
  large += "the end";
  api_.change([&](State& state) {
    state.uploads = {{"small", "s"}, {"none", ""}, {"large", large}};
  });
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  EXPECT_EQ(fetch(agent, "small"), "s");
  EXPECT_EQ(fetch(agent, "none"), "");
  EXPECT_EQ(fetch(agent, "large", 7), large);
  const auto asked = api_.state().fetched.back();
  EXPECT_EQ(asked, std::tuple(AgentId("node-1"), key(7), std::string("large")));
  const front::agentlink::LinkStats stats = server_->stats();
  EXPECT_EQ(stats.upload_bytes_sent, large.size() + 1);
}

TEST_F(LinkFetchTest, SaysWhatTheControllerSays) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  EXPECT_EQ(fetch(agent, "gone"), "<not_found>");
  for (const ErrorCode code :
       {ErrorCode::PermissionDenied, ErrorCode::FailedPrecondition, ErrorCode::Unavailable}) {
    api_.change([code](State& state) {
      state.next_fetch_error = Error{.code = code, .message = "for a test"};
    });
    EXPECT_EQ(fetch(agent, "any"), "<" + std::string(to_string(code)) + ">");
  }
  EXPECT_EQ(server_->stats().fetches, 0);
}

TEST_F(LinkFetchTest, NothingWithoutALink) {
  TestAgent agent("127.0.0.1:1");
  agent.start();
  EXPECT_EQ(fetch(agent, "any"), "<unavailable>");
}

TEST_F(LinkFetchTest, SoManyAtOnce) {
  api_.change([](State& state) { state.uploads = {{"up", "x"}}; });
  serve({.address = "127.0.0.1:0", .fetches_max = 0});
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  EXPECT_EQ(fetch(agent, "up"), "<resource_exhausted>");
  EXPECT_EQ(server_->stats().refused.at("upload_fetches_max"), 1U);
}

TEST_F(LinkFetchTest, AnAgentThatGoesInTheMiddleLeavesNothing) {
  api_.change([](State& state) { state.uploads = {{"up", std::string(64 << 20, 'x')}}; });
  serve();
  const std::string path = folder_.file("half");
  {
    TestAgent agent(address_);
    agent.start();
    ASSERT_TRUE(agent.until_order<agent::LinkUp>());
    bool told = false;
    agent.link().fetch_upload({.attempt = key(1), .upload = "up", .path = path},
                              [&told](const auto& /*result*/) { told = true; });
    ASSERT_TRUE(agent.until([&] { return server_->stats().upload_bytes_sent > 0; }));
    agent.link().close();
    EXPECT_FALSE(told);
  }
  EXPECT_FALSE(fs::exists(path));
  TestAgent other(address_);
  ASSERT_TRUE(other.until([&] { return server_->stats().fetches == 0; }));
}

TEST_F(LinkFetchTest, OfAControllerThatGoesInTheMiddleNothingIsTaken) {
  api_.change([](State& state) { state.uploads = {{"up", std::string(64 << 20, 'x')}}; });
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  std::optional<Result<agent::FetchedUpload>> answer;
  const std::string path = folder_.file("half");
  agent.link().fetch_upload(
      {.attempt = key(1), .upload = "up", .path = path},
      [&answer](Result<agent::FetchedUpload> result) { answer.emplace(std::move(result)); });
  ASSERT_TRUE(agent.until([&] { return server_->stats().upload_bytes_sent > 0; }));
  server_->stop();
  ASSERT_TRUE(agent.until([&] { return answer.has_value(); }));
  // All of it may have been on its way already.
  EXPECT_EQ(fs::exists(path), answer->has_value());
}

}  // namespace
}  // namespace hearth
