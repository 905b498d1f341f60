// Callbacks of tasks, by real programs to a server that answers as the test says.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/tasks_fixture.h"
#include "tests/harness/mock_http_server.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::MockHttpServer;
using harness::Program;
using harness::text;

namespace {

class TasksCallbacksTest : public TasksFixture {
 protected:
  // Of an answer that a callback gets.
  static MockHttpServer::Reply reply(int status, std::map<std::string, std::string> headers = {}) {
    MockHttpServer::Reply made;
    made.status = status;
    made.headers = std::move(headers);
    return made;
  }
  Program& start_with_hosts(const std::string& hosts) {
    return start_up({"--callback-hosts", hosts});
  }
  std::string post_with_callback(const std::string& url,
                                 const std::string& code = "console.log(2+2)") {
    return post_task(script(code, {{"callbackUrl", url}}));
  }
  std::int64_t metric(const std::string& name) {
    const std::string all = "\n" + get("/metrics").raw;
    const std::size_t at = all.find("\n" + name + " ");
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1 : std::stoll(all.substr(at + name.size() + 2));
  }
  void wait_metric(const std::string& name, std::int64_t value) {
    wait_until([&] { return metric(name) == value; }, name);
  }

  MockHttpServer server_;
};

TEST_F(TasksCallbacksTest, TheWholeTaskIsDeliveredOnceItHasEnded) {
  start_with_hosts(server_.address());
  server_.always("/done", reply(204));
  const std::string id = post_with_callback(server_.url("/done?to=me"));
  const auto requests = server_.wait_for(1, "/done");
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].target, "/done?to=me");
  EXPECT_EQ(requests[0].headers.at("host"), server_.address());
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(requests[0].headers.at("hearth-task-id"), id);
  EXPECT_EQ(requests[0].headers.at("hearth-delivery-attempt"), "1");
  EXPECT_EQ(requests[0].body, get("/tasks/" + id).raw);
  EXPECT_EQ(text(json::parse(requests[0].body).as_object(), "stdout"), "4\n");
  wait_metric("hearth_callbacks_delivered_total", 1);
  wait_metric("hearth_callbacks_held", 0);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(TasksCallbacksTest, FailuresAndCancelsAreToldToo) {
  start_with_hosts(server_.address());
  server_.always("/done", reply(200));
  post_with_callback(server_.url("/done"), "throw new Error('x')");
  EXPECT_EQ(text(json::parse(server_.wait_for(1, "/done").at(0).body).as_object(), "status"),
            "FAILED");
  const std::string id = post_with_callback(server_.url("/done"), "setInterval(() => {}, 1000)");
  EXPECT_EQ(post("/tasks/" + id + "/cancel", "").status / 100, 2);
  EXPECT_EQ(text(json::parse(server_.wait_for(2, "/done").at(1).body).as_object(), "status"),
            "CANCELLED");
}

TEST_F(TasksCallbacksTest, WhatIsNotTakenIsTriedAgain) {
  start_with_hosts(server_.address());
  server_.next("/done", reply(500));
  MockHttpServer::Reply dropped;
  dropped.way = MockHttpServer::Way::Drop;
  server_.next("/done", dropped);
  server_.always("/done", reply(200));
  post_with_callback(server_.url("/done"));
  const auto requests = server_.wait_for(3, "/done");
  ASSERT_EQ(requests.size(), 3U);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].headers.at("hearth-delivery-attempt"), std::to_string(i + 1));
    EXPECT_EQ(requests[i].body, requests[0].body);
  }
  wait_metric("hearth_callbacks_delivered_total", 1);
  EXPECT_EQ(metric("hearth_callbacks_failed_tries_total"), 2);
  EXPECT_EQ(metric("hearth_callbacks_given_up_total"), 0);
}

TEST_F(TasksCallbacksTest, AServerThatNeverAnswersHoldsUpNoOther) {
  MockHttpServer other;
  start_with_hosts(server_.address() + "," + other.address());
  MockHttpServer::Reply never;
  never.way = MockHttpServer::Way::Never;
  server_.always("/done", never);
  other.always("/done", reply(200));
  for (int i = 0; i < 20; ++i) {
    post_with_callback(server_.url("/done"));
  }
  server_.wait_for(1, "/done");
  post_with_callback(other.url("/done"));
  other.wait_for(1, "/done");
  wait_metric("hearth_callbacks_delivered_total", 1);
  EXPECT_EQ(text(run_task(script("console.log('fine')")), "stdout"), "fine\n");
  // Hearth ends what takes too long by itself.
  server_.wait_given_up(1);
}

TEST_F(TasksCallbacksTest, ARedirectIsNotFollowed) {
  MockHttpServer inside;
  start_with_hosts(server_.address() + "," + inside.address());
  inside.always("/secret", reply(200));
  server_.next("/done", reply(307, {{"Location", inside.url("/secret")}}));
  server_.always("/done", reply(200));
  post_with_callback(server_.url("/done"));
  server_.wait_for(2, "/done");
  wait_metric("hearth_callbacks_delivered_total", 1);
  EXPECT_EQ(inside.connections(), 0U);
}

TEST_F(TasksCallbacksTest, AControllerThatIsKilledBeforeDeliveryDeliversAfterItsStart) {
  start_controller({"--callback-hosts", server_.address()});
  start_agent("worker-1");
  MockHttpServer::Reply held = reply(200);
  held.is_held = true;
  server_.next("/done", held);
  server_.always("/done", reply(200));
  const std::string id = post_with_callback(server_.url("/done"));
  // It is on its way, and whether it was taken nobody said.
  server_.wait_for(1, "/done");
  const std::string later =
      post_with_callback(server_.url("/later"), "console.log('up'); setTimeout(() => {}, 1500)");
  wait_printed(later, "up\n");
  server_.always("/later", reply(200));
  restart_controller();
  const auto requests = server_.wait_for(2, "/done");
  EXPECT_EQ(requests.at(1).headers.at("hearth-task-id"), id);
  EXPECT_EQ(requests.at(1).body, requests.at(0).body);
  EXPECT_EQ(server_.wait_for(1, "/later").at(0).headers.at("hearth-task-id"), later);
  wait_metric("hearth_callbacks_delivered_total", 2);
  // And what was delivered is not delivered again.
  restart_controller();
  const std::string last = post_with_callback(server_.url("/last"));
  server_.wait_for(1, "/last");
  EXPECT_EQ(server_.requests("/done").size(), 2U);
  EXPECT_EQ(server_.requests("/later").size(), 1U);
}

TEST_F(TasksCallbacksTest, WhoIsNotListedIsRefused) {
  start_with_hosts("hooks.example," + server_.address());
  for (const std::string& url :
       {std::string("http://127.0.0.1:1/"), std::string("http://169.254.169.254/latest/meta-data"),
        "http://localhost:" + server_.address().substr(server_.address().find(':') + 1) + "/",
        "http://user@" + server_.address() + "/", std::string("file:///etc/passwd"),
        std::string("http://") + http() + "/v1/jobs"}) {
    const Answer refused = post("/tasks", json::serialize(script("1", {{"callbackUrl", url}})));
    EXPECT_EQ(refused.status, 400) << refused.raw;
    EXPECT_EQ(text(object_of(refused), "field"), "callbackUrl") << refused.raw;
  }
  const Answer unlisted =
      post("/tasks", json::serialize(script("1", {{"callbackUrl", "http://127.0.0.1:1/"}})));
  EXPECT_NE(unlisted.raw.find("callback_hosts"), std::string::npos) << unlisted.raw;
  EXPECT_EQ(server_.connections(), 0U);
  EXPECT_EQ(get("/tasks").body.at("tasks").as_array().size(), 0U);
}

TEST_F(TasksCallbacksTest, WithoutTheSettingThereAreNone) {
  start_up();
  const Answer refused =
      post("/tasks", json::serialize(script("1", {{"callbackUrl", server_.url("/done")}})));
  EXPECT_EQ(refused.status, 400) << refused.raw;
  EXPECT_NE(refused.raw.find("callback_hosts"), std::string::npos) << refused.raw;
}

TEST_F(TasksCallbacksTest, ANameThatLeadsToThisMachineIsNotCalledUnlessItsAddressIsListed) {
  const std::string port = server_.address().substr(server_.address().find(':') + 1);
  server_.always("/done", reply(200));
  {
    Program& up = start_with_hosts("localhost:" + port);
    post_with_callback("http://localhost:" + port + "/done");
    wait_metric("hearth_callbacks_given_up_total", 1);
    EXPECT_EQ(server_.connections(), 0U);
    EXPECT_NE(up.err().find("not public"), std::string::npos) << up.err();
    up.signal(SIGTERM);
    EXPECT_EQ(up.wait().code, 0);
  }
  start_with_hosts("localhost:" + port + ",127.0.0.1:" + port);
  post_with_callback("http://localhost:" + port + "/done");
  EXPECT_EQ(server_.wait_for(1, "/done").at(0).headers.at("host"), "localhost:" + port);
}

TEST_F(TasksCallbacksTest, ASettingThatCannotBeReadEndsTheStart) {
  const harness::Exit exit = hearth({"controller", "--data", scratch("c"), "--http", "127.0.0.1:0",
                                     "--grpc", "127.0.0.1:0", "--callback-hosts", "fine,h:0"});
  EXPECT_EQ(exit.code, 1);
  EXPECT_NE(exit.err.find("callback_hosts"), std::string::npos) << exit.err;
  EXPECT_NE(exit.err.find("h:0"), std::string::npos) << exit.err;
}

}  // namespace
}  // namespace hearth::e2e
