// Who gets in over HTTP: the real server with every route, every credential and every way to try.

#include "base/door_limits.h"
#include "front/rest/testing/rest_fixture.h"
#include "front/rest/token_json.h"

namespace hearth::rest {
namespace {

using api::testing::make_client_token;
using api::testing::revoke_token;
using net::testing::RawClient;
using net::testing::RawResponse;
using testing::RestFixture;

class AccessTest : public RestFixture {
 protected:
  AccessTest() { door_.is_open = false; }

  std::string token(auth::Scopes scopes) { return make_client_token(*keeper_, scopes).text; }
  // The cookie of a new session of `token`.
  std::string session_of(const std::string& token) {
    const RawResponse response = post("/v1/session", "{\"token\":\"" + token + "\"}");
    EXPECT_EQ(response.status, 201) << response.body;
    const std::string& set = response.headers.at("set-cookie");
    return "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
  }
};

// Made of the route table: a new route is in it by itself.
TEST_F(AccessTest, EveryRouteTakesExactlyTheCredentialsItNeeds) {
  expect_needs(RestService::routes(), RestService::needs());
}

TEST_F(AccessTest, AnOpenDoorAsksNobody) {
  door_.is_open = true;
  start(limits::kWatcherQueueEventsMax);
  EXPECT_EQ(get("/v1/tokens").status, 200);
  EXPECT_EQ(get("/v1/jobs", bearer("garbage")).status, 200);
}

TEST_F(AccessTest, OnlyABearerTokenIsACredential) {
  const std::string read = token({auth::Scope::Read});
  EXPECT_EQ(get("/v1/jobs", "Authorization: bearer  " + read + " \r\n").status, 200);
  EXPECT_EQ(get("/v1/jobs", "Authorization: Basic " + read + "\r\n").status, 401);
  EXPECT_EQ(get("/v1/jobs", "Authorization: " + read + "\r\n").status, 401);
  EXPECT_EQ(get("/v1/jobs", bearer(read) + bearer(read)).status, 401);
  EXPECT_EQ(get("/v1/jobs", "Cookie: hearth_session=" + read + "\r\n").status, 401)
      << "a token is no session";
}

TEST_F(AccessTest, ATokenInAUrlIsRefusedAndSaidToBeLost) {
  const std::string read = token({auth::Scope::Read});
  for (const std::string& target : {"/v1/jobs?token=" + read, "/" + read}) {
    const RawResponse response = get(target, bearer(read));
    EXPECT_NE(response.status / 100, 2) << target;
  }
  const RawResponse response = get("/v1/jobs?token=" + read);
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("revoke this one"), std::string::npos) << response.body;
  EXPECT_EQ(response.body.find(read), std::string::npos);
}

TEST_F(AccessTest, MakesListsAndRevokesTokens) {
  const std::string admin = bearer(token({auth::Scope::Admin}));
  const RawResponse made =
      post("/v1/tokens", R"({"name":"ci","scopes":["submit","read"],"expiresInMs":60000})",
           "application/json", admin);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.headers.at("cache-control"), "no-store");
  const auto token = json(made);
  const std::string text = RestFixture::text(token, "token");
  EXPECT_EQ(get("/v1/jobs", bearer(text)).status, 200);
  const RawResponse list = get("/v1/tokens", admin);
  EXPECT_EQ(json(list).at("tokens").as_array().size(), 2U);
  EXPECT_EQ(list.body.find(auth::parse_token(text)->secret), std::string::npos);
  const std::string id = RestFixture::text(token, "id");
  const RawResponse revoked = post("/v1/tokens/" + id + "/revoke", "{}", "application/json", admin);
  EXPECT_EQ(RestFixture::text(json(revoked), "state"), "revoked");
  EXPECT_EQ(get("/v1/jobs", bearer(text)).status, 401);
  EXPECT_EQ(post("/v1/tokens/c000/revoke", "{}", "application/json", admin).status, 404);
  EXPECT_EQ(post("/v1/tokens", R"({"scopes":["all"]})", "application/json", admin).status, 400);
  EXPECT_EQ(post("/v1/tokens", R"({"kind":"session"})", "application/json", admin).status, 400);
  const auto for_ms = [](std::int64_t ms) {
    return R"({"scopes":["read"],"expiresInMs":)" + std::to_string(ms) + "}";
  };
  const std::int64_t longest = limits::kTokenForMax.count();
  EXPECT_EQ(post("/v1/tokens", for_ms(longest), "application/json", admin).status, 201);
  EXPECT_EQ(post("/v1/tokens", for_ms(longest + 1), "application/json", admin).status, 400);
  EXPECT_EQ(post("/v1/tokens", R"({"uses":2,"scopes":["read"]})", "application/json", admin).status,
            400);
}

TEST_F(AccessTest, AStreamEndsWhenItsTokenIsRevoked) {
  const api::MadeToken reader = make_client_token(*keeper_, {auth::Scope::Read});
  RawClient client(port());
  client.send(net::testing::get("/v1/events", bearer(reader.text)));
  EXPECT_NE(client.read_until("event: snapshot").find("200"), std::string::npos);
  revoke_token(*keeper_, reader.record.id);
  (void)client.read_until("0\r\n\r\n");
  client.send(net::testing::get("/v1/events", bearer(reader.text)));
  EXPECT_EQ(client.read_response().status, 401);
}

TEST_F(AccessTest, AStreamEndsSoonAfterItsTokenExpires) {
  auth::NewToken brief;
  brief.scopes = {auth::Scope::Read};
  brief.expires_at = door_clock_.now() + Duration(1);
  const api::MadeToken reader = api::testing::make_token(*keeper_, brief);
  RawClient client(port());
  client.send(net::testing::get("/v1/events", bearer(reader.text)));
  EXPECT_NE(client.read_until("event: snapshot").find("200"), std::string::npos);
  door_clock_.advance(Duration(1));
  const net::HttpServerOptions defaults;
  EXPECT_EQ(defaults.tick * defaults.keep_alive_ticks, limits::kExpiredStreamEndsWithin);
  for (std::uint64_t i = 0; i <= defaults.keep_alive_ticks; ++i) {
    server_->tick();
  }
  EXPECT_NE(client.read_until("0\r\n\r\n").find("0\r\n\r\n"), std::string::npos);
}

TEST_F(AccessTest, ABodyThatComesAfterItsTokenWasRevokedIsNotTaken) {
  for (const std::string target : {"/v1/jobs", "/v1/jobs:batch"}) {
    const api::MadeToken submitter = make_client_token(*keeper_, {auth::Scope::Submit});
    const std::string body =
        target == "/v1/jobs" ? R"({"command":["true"]})" : R"([{"command":["true"]}])";
    RawClient client(port());
    client.send("POST " + target + " HTTP/1.1\r\nHost: localhost\r\n" + bearer(submitter.text) +
                "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n");
    (void)client.read_until("100 Continue\r\n\r\n");
    revoke_token(*keeper_, submitter.record.id);
    client.send(body);
    EXPECT_EQ(client.read_response().status, 401) << target;
  }
}

TEST_F(AccessTest, ABrowserSignsInAndOutByCookie) {
  const std::string reader = token({auth::Scope::Read, auth::Scope::Submit});
  const RawResponse signed_in = post("/v1/session", "{\"token\":\"" + reader + "\"}");
  ASSERT_EQ(signed_in.status, 201) << signed_in.body;
  const std::string& set = signed_in.headers.at("set-cookie");
  EXPECT_NE(set.find("; HttpOnly"), std::string::npos) << set;
  EXPECT_NE(set.find("; SameSite=Strict"), std::string::npos) << set;
  EXPECT_EQ(set.find("Secure"), std::string::npos) << "this server has no TLS";
  EXPECT_EQ(signed_in.body.find("hearth_s"), std::string::npos) << "the cookie is not for scripts";
  const std::string cookie = "Cookie: other=1; " + set.substr(0, set.find(';')) + "; more=2\r\n";
  EXPECT_EQ(get("/v1/jobs", cookie).status, 200);
  EXPECT_EQ(get("/v1/tokens", cookie).status, 403);
  const std::string text = set.substr(set.find('=') + 1, set.find(';') - set.find('=') - 1);
  EXPECT_EQ(get("/v1/jobs", bearer(text)).status, 401) << "a session is no bearer token";
  EXPECT_EQ(post("/v1/session", R"({"token":"garbage"})").status, 401);
  const std::string origin = "Origin: http://localhost\r\n";
  const RawResponse out =
      ask("DELETE /v1/session HTTP/1.1\r\nHost: localhost\r\n" + origin + cookie + "\r\n");
  EXPECT_EQ(out.status, 204);
  EXPECT_NE(out.headers.at("set-cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(get("/v1/jobs", cookie).status, 401);
}

TEST_F(AccessTest, ACookieUnderTlsIsSecure) {
  door_.is_tls = true;
  start(limits::kWatcherQueueEventsMax);
  const std::string reader = token({auth::Scope::Read});
  const RawResponse signed_in = post("/v1/session", "{\"token\":\"" + reader + "\"}");
  EXPECT_NE(signed_in.headers.at("set-cookie").find("; Secure"), std::string::npos);
}

TEST_F(AccessTest, NoOtherSiteActsWithASession) {
  const std::string cookie = session_of(token({auth::Scope::Submit, auth::Scope::Read}));
  const std::string job = R"({"command":["true"]})";
  const std::string type = "application/json";
  EXPECT_EQ(post("/v1/jobs", job, type, cookie).status, 403) << "no Origin: no browser of ours";
  EXPECT_EQ(post("/v1/jobs", job, type, cookie + "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(post("/v1/jobs", job, type, cookie + "Origin: null\r\n").status, 403);
  EXPECT_EQ(post("/v1/jobs", job, type, cookie + "Origin: http://localhost:1\r\n").status, 403);
  EXPECT_EQ(post("/v1/jobs", job, "text/plain", cookie + "Origin: http://localhost\r\n").status,
            415);
  EXPECT_EQ(post("/v1/session", "{}", "application/x-www-form-urlencoded").status, 415);
  const RawResponse own =
      ask("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n" + cookie +
          "Content-Type: application/json\r\nContent-Length: " + std::to_string(job.size()) +
          "\r\n\r\n" + job);
  EXPECT_EQ(own.status, 201) << own.body;
}

TEST_F(AccessTest, ANameThatWasMadeToPointHereGetsNothing) {
  const std::string admin = bearer(token({auth::Scope::Admin}));
  for (const std::string host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                                 "evil.example:7070", ""}) {
    const RawResponse response =
        ask("GET /v1/jobs HTTP/1.1\r\nHost: " + host + "\r\n" + admin + "\r\n");
    EXPECT_TRUE(response.status == 403 || response.status == 400) << host << response.status;
  }
}

TEST_F(AccessTest, SubmissionsAreLimitedForEachCaller) {
  door_.submits_per_second_max = 2;
  start(limits::kWatcherQueueEventsMax);
  const std::string one = bearer(token({auth::Scope::Submit}));
  const std::string two = bearer(token({auth::Scope::Submit}));
  int limited = 0;
  RawResponse last;
  for (int i = 0; i < 50 && limited == 0; ++i) {
    last = post("/v1/jobs", R"({"command":["true"]})", "application/json", one);
    limited += last.status == 429 ? 1 : 0;
  }
  EXPECT_EQ(last.status, 429);
  EXPECT_NE(last.body.find("submits_per_second_max"), std::string::npos) << last.body;
  EXPECT_EQ(last.headers.at("retry-after"), "1");
  EXPECT_EQ(post("/v1/jobs", R"({"command":["true"]})", "application/json", two).status, 201);
}

TEST_F(AccessTest, RequestsAtOnceAreBounded) {
  door_.requests_at_once_max = 0;
  start(limits::kWatcherQueueEventsMax);
  const RawResponse response = get("/healthz");
  EXPECT_EQ(response.status, 429);
  EXPECT_NE(response.body.find("requests_at_once_max"), std::string::npos) << response.body;
  EXPECT_EQ(response.headers.at("retry-after"), "1");
  door_.requests_at_once_max = 1;
  start(limits::kWatcherQueueEventsMax);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get("/healthz").status, 200) << "one after the other is one at a time";
  }
}

}  // namespace
}  // namespace hearth::rest
