#include "front/rest/upload_routes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "front/rest/testing/rest_fixture.h"
#include "net/testing/raw_client.h"
#include "uploads/testing/memory_upload_store.h"

namespace hearth::rest {
namespace {

using net::testing::RawClient;
using net::testing::RawResponse;

// "PK" begins an archive.
Result<uploads::Content> check_pk(int fd) {
  std::string start(2, ' ');
  if (::pread(fd, start.data(), start.size(), 0) == 2 && start == "PK") {
    return uploads::Content{.files = 3, .bytes = 1'000};
  }
  return Error{.code = ErrorCode::InvalidArgument,
               .message = "the archive is refused: entry \"../x\": leads out",
               .kind = "archive_refused"};
}

class UploadRoutesTest : public testing::RestFixture {
 protected:
  UploadRoutesTest() { uploads_ = &store_; }

  static void expect_problem(const RawResponse& response, int status, const std::string& code) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(text(json(response), "code"), code) << response.body;
  }
  // Before a byte of the body is there, and whatever it is.
  RawResponse announce(const std::string& fields) {
    RawClient client(port());
    client.send("POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n");
    return client.read_response();
  }

  hearth::testing::ManualClock store_clock_;
  uploads::testing::MemoryUploadStore store_{store_clock_, check_pk};
};

TEST_F(UploadRoutesTest, IsTakenAndSaidWhatItIs) {
  for (const std::string_view type : kArchiveTypes) {
    const RawResponse response = post("/v1/uploads", "PK...", std::string(type));
    ASSERT_EQ(response.status, 201) << response.body;
    const auto body = json(response);
    EXPECT_EQ(body.at("files").as_int64(), 3);
    EXPECT_EQ(body.at("bytes").as_int64(), 1'000);
    EXPECT_EQ(body.at("archiveBytes").as_int64(), 5);
    EXPECT_EQ(text(body, "sha256").size(), 64U);
    EXPECT_TRUE(store_.open(text(body, "id")));
  }
}

TEST_F(UploadRoutesTest, AHostileOneIsRefusedWithItsReason) {
  const RawResponse refused = post("/v1/uploads", "evil", "application/zip");
  expect_problem(refused, 422, "archive_refused");
  EXPECT_EQ(text(json(refused), "detail"), "the archive is refused: entry \"../x\": leads out");
  EXPECT_EQ(store_.stats().kept, 0);
}

TEST_F(UploadRoutesTest, WhatBrowsersSendUnaskedIsRefused) {
  for (const char* type : {"text/plain", "multipart/form-data; boundary=x",
                           "application/x-www-form-urlencoded", "application/json", ""}) {
    expect_problem(post("/v1/uploads", "PK", type), 415, "unsupported_media_type");
  }
  expect_problem(
      post("/v1/uploads", "PK", "application/zip", "Origin: https://evil.example.org\r\n"), 403,
      "forbidden");
  expect_problem(get("/v1/uploads"), 405, "method_not_allowed");
  EXPECT_EQ(store_.stats().bytes, 0);
}

TEST_F(UploadRoutesTest, TooLargeIsSaidBeforeItIsSent) {
  const RawResponse refused = announce("Content-Type: application/zip\r\nContent-Length: " +
                                       std::to_string(limits::kUploadBytesMax + 1) + "\r\n");
  expect_problem(refused, 413, "too_large");
  EXPECT_EQ(text(json(refused), "limit"), "upload_bytes_max");
  EXPECT_EQ(json(refused).at("limitValue").as_int64(), limits::kUploadBytesMax);
}

TEST_F(UploadRoutesTest, AClientThatGoesInTheMiddleLeavesNothing) {
  {
    RawClient client(port());
    client.send(
        "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/zip\r\n"
        "Content-Length: 1000\r\n\r\nPK and no more");
    const auto deadline = clock_.monotonic_ns() + 10'000'000'000;
    while (store_.stats().bytes == 0 && clock_.monotonic_ns() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_GT(store_.stats().bytes, 0);
  }
  const auto deadline = clock_.monotonic_ns() + 10'000'000'000;
  while (store_.stats().bytes > 0 && clock_.monotonic_ns() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(store_.stats().bytes, 0);
  EXPECT_EQ(store_.stats().kept, 0);
}

TEST_F(UploadRoutesTest, WhatTheStoreCannotTakeIsSaid) {
  store_.fail_with(Error{.code = ErrorCode::Unavailable,
                         .message = "the disk is full",
                         .kind = "storage_unavailable"});
  const RawResponse full = post("/v1/uploads", "PK", "application/zip");
  expect_problem(full, 503, "storage_unavailable");
  EXPECT_TRUE(full.headers.contains("retry-after"));
  store_.fail_with(std::nullopt);
  uploads::testing::MemoryUploadStore none(store_clock_, check_pk, {.kept_max = 0});
  uploads_ = &none;
  start(limits::kWatcherQueueEventsMax);
  const RawResponse refused = post("/v1/uploads", "PK", "application/zip");
  expect_problem(refused, 429, "rate_limited");
  EXPECT_EQ(text(json(refused), "limit"), "uploads_kept_max");
  server_.reset();
}

TEST_F(UploadRoutesTest, WithoutAStoreNoneAreTaken) {
  uploads_ = nullptr;
  start(limits::kWatcherQueueEventsMax);
  expect_problem(post("/v1/uploads", "PK", "application/zip"), 422, "not_supported");
}

TEST_F(UploadRoutesTest, JobsNameOneThatIsThere) {
  api_.add_upload("u1");
  const RawResponse single =
      post("/v1/jobs", R"({"command":["sh","run.sh"],"upload":"u1","results":["out"]})");
  ASSERT_EQ(single.status, 201) << single.body;
  const auto job = json(get("/v1/jobs/" + text(json(single), "id")));
  EXPECT_EQ(text(job, "upload"), "u1");
  EXPECT_EQ(text(job, "sandbox"), "process");
  EXPECT_EQ(job.at("results"), boost::json::parse(R"(["out"])"));
  const RawResponse refused = post("/v1/jobs", R"({"command":["true"],"upload":"u2"})");
  expect_problem(refused, 400, "invalid_field");
  EXPECT_EQ(text(json(refused), "field"), "upload");
  EXPECT_NE(refused.body.find("there is no upload"), std::string::npos) << refused.body;
  const RawResponse batch = post(
      "/v1/jobs:batch",
      R"([{"command":["a"],"upload":"u1"},{"command":["b"],"upload":"u2"},{"command":["c"]}])");
  ASSERT_EQ(batch.status, 200) << batch.body;
  const auto answer = json(batch);
  const auto& results = answer.at("results").as_array();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[0].as_object().contains("id"));
  EXPECT_EQ(text(results[1].at("error"), "field"), "upload");
  EXPECT_TRUE(results[2].as_object().contains("id"));
}

}  // namespace
}  // namespace hearth::rest
