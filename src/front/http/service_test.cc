#include "front/http/service.h"

#include <gtest/gtest.h>

#include "front/http/answers.h"
#include "front/http/testing/front_fixture.h"

namespace hearth::front {
namespace {

void echo(Call call) {
  call.responder.send(json_response(200, std::move(call.request.body)));
}

// Refuses what says so in its head, and counts the rest.
class CountingSink final : public net::BodySink {
 public:
  Result<> on_data(std::string_view bytes) override {
    bytes_ += bytes.size();
    return {};
  }
  void finish(net::Request, net::Responder responder) override {
    responder.send(json_response(200, std::to_string(bytes_)));
  }

 private:
  std::size_t bytes_ = 0;
};

class ServiceTest : public testing::FrontFixture {
 protected:
  void mount() override {
    service_->mount({{.method = "GET", .path = "/a", .need = auth::Need::Read, .handler = echo},
                     {.method = "POST",
                      .path = "/a",
                      .need = auth::Need::Submit,
                      .handler = echo,
                      .body = &kJsonBody}});
    service_->mount(
        {{.method = "GET",
          .path = "/b/{id}",
          .need = auth::Need::Read,
          .handler =
              [](Call call) { call.responder.send(json_response(200, call.parameters.front())); }},
         {.method = "PUT",
          .path = "/b",
          .need = auth::Need::Submit,
          .sink = [](const net::Request& head) -> Result<std::unique_ptr<net::BodySink>> {
            if (head.query == "no") {
              return invalid_field("no", "not this");
            }
            return std::make_unique<CountingSink>();
          }}});
  }
  void unmount() override { service_.reset(); }
};

TEST_F(ServiceTest, EachTableIsServedAndNeitherTakesFromTheOther) {
  EXPECT_EQ(post("/a", "{}").body, "{}");
  EXPECT_EQ(get("/b/x%20y").body, "x y");
  EXPECT_EQ(get("/c").status, 404);
  const auto wrong = ask("DELETE /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "GET, HEAD, POST, OPTIONS");
}

TEST_F(ServiceTest, OnlyARouteWithARuleMindsTheTypeOfABody) {
  EXPECT_EQ(post("/a", "{}", "text/plain").status, 415);
  EXPECT_EQ(post("/a", "{}", "application/json; charset=utf-8").status, 200);
  EXPECT_EQ(ask("PUT /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc").body, "3");
}

TEST_F(ServiceTest, ASinkMayRefuseBeforeTheBodyComes) {
  const auto refused =
      ask("PUT /b?no HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(text(json(refused), "field"), "no");
}

TEST_F(ServiceTest, EveryRouteTakesExactlyTheCredentialsItNeeds) {
  door_.is_open = false;
  start();
  expect_needs({{"GET", "/a"}, {"POST", "/a"}, {"GET", "/b/{id}"}, {"PUT", "/b"}},
               {auth::Need::Read, auth::Need::Submit, auth::Need::Read, auth::Need::Submit});
}

TEST(BodyRuleTest, NoTypeOfAFormIsTaken) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data", "application/jsonx"}) {
    EXPECT_FALSE(takes_type(kJsonBody, type)) << type;
  }
  EXPECT_TRUE(takes_type(kJsonBody, "application/json"));
}

}  // namespace
}  // namespace hearth::front
