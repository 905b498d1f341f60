// GET /v1/jobs/{id}/results and what is below.
#include <gtest/gtest.h>

#include "archive/tar_writer.h"
#include "base/upload_limits.h"
#include "front/rest/testing/rest_fixture.h"

namespace hearth::rest {
namespace {

using net::testing::RawResponse;

std::string entry(const std::string& path, const std::string& bytes) {
  const archive::TarEntry entry{.path = path, .bytes = std::ssize(bytes)};
  return archive::tar_header(entry) + bytes + archive::tar_padding(entry.bytes);
}

class ResultRoutesTest : public testing::RestFixture {
 protected:
  static void expect_problem(const RawResponse& response, int status, const std::string& code) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(text(json(response), "code"), code) << response.body;
  }
  // A job that has left this.
  std::string ended_with(const std::string& tar) {
    const JobId id = submit(R"({"command":["true"],"results":["out"]})");
    api_.start_attempt(id);
    api_.write(id, StreamKind::Results, tar);
    api_.finish(id, {.state = JobState::Completed});
    return "/v1/jobs/" + to_string(id) + "/results";
  }

  const std::string tar_ =
      archive::tar_comment(R"({"left_out":[{"path":"gone","why":"does not exist"}],"more":2})") +
      entry("report.json", "{}") + entry("out/a b.txt", std::string(100'000, 'a')) +
      entry("out/" + std::string(200, 'n'), "long") + archive::tar_end();
};

TEST_F(ResultRoutesTest, TheWholeTar) {
  const RawResponse response = get(ended_with(tar_));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body, tar_);
  EXPECT_EQ(response.headers.at("content-type"), "application/x-tar");
  EXPECT_EQ(response.headers.at("content-length"), std::to_string(tar_.size()));
  EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.headers.at("content-security-policy"), "sandbox");
  EXPECT_EQ(response.headers.at("content-disposition"), "attachment");
  EXPECT_EQ(response.headers.at("hearth-attempt"), "1");
}

TEST_F(ResultRoutesTest, TheListAndWhatWasLeftOut) {
  const auto list = json(get(ended_with(tar_) + "?list=1"));
  const auto& files = list.at("files").as_array();
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(text(files[1], "path"), "out/a b.txt");
  EXPECT_EQ(files[1].at("bytes").as_int64(), 100'000);
  EXPECT_EQ(list.at("leftOut"), boost::json::parse(R"([{"path":"gone","why":"does not exist"}])"));
  EXPECT_EQ(list.at("leftOutMore").as_int64(), 2);
  EXPECT_EQ(list.at("attempt").as_int64(), 1);
}

TEST_F(ResultRoutesTest, OneFile) {
  const std::string path = ended_with(tar_);
  const RawResponse file = get(path + "/out/a%20b.txt");
  ASSERT_EQ(file.status, 200) << file.body;
  EXPECT_EQ(file.body, std::string(100'000, 'a'));
  EXPECT_EQ(file.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(file.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(file.headers.at("content-security-policy"), "sandbox");
  EXPECT_EQ(get(path + "/report.json").body, "{}");
  EXPECT_EQ(get(path + "/out%2F" + std::string(200, 'n')).body, "long");
  for (const char* none : {"/none", "/out", "/out/", "/../results", "//etc/passwd"}) {
    expect_problem(get(path + none), 404, "not_found");
  }
  expect_problem(get(path + "/report.json?attempt=2"), 404, "not_found");
}

TEST_F(ResultRoutesTest, NoneYetAndNone) {
  const JobId id = submit();
  const std::string path = "/v1/jobs/" + to_string(id) + "/results";
  expect_problem(get(path), 404, "not_found");
  api_.start_attempt(id);
  expect_problem(get(path), 409, "not_finished");
  api_.finish(id, {.state = JobState::Completed});
  const RawResponse none = get(path + "?list=1");
  expect_problem(none, 404, "not_found");
  EXPECT_NE(none.body.find("'results'"), std::string::npos) << none.body;
  expect_problem(get("/v1/jobs/none/results"), 404, "not_found");
  expect_problem(get(path + "?format=zip"), 400, "unknown_field");
}

TEST_F(ResultRoutesTest, WhatDidNotArriveWholeIsNotGiven) {
  const JobId id = submit();
  api_.start_attempt(id);
  api_.write(id, StreamKind::Results, tar_.substr(0, 1'000));
  api_.skip(id, StreamKind::Results, 500);
  api_.write(id, StreamKind::Results, tar_.substr(1'500));
  api_.finish(id, {.state = JobState::Completed});
  const std::string path = "/v1/jobs/" + to_string(id) + "/results";
  for (const std::string& what : {path, path + "?list=1", path + "/report.json"}) {
    expect_problem(get(what), 404, "not_found");
  }
}

TEST_F(ResultRoutesTest, NothingOfATarThatIsNoneOrLeadsOut) {
  for (const std::string& tar :
       {std::string("no tar at all"), tar_.substr(0, tar_.size() - 1'024),
        entry("../../etc/passwd", "x") + archive::tar_end(),
        entry("/etc/passwd", "x") + archive::tar_end(), entry("a\nb", "x") + archive::tar_end()}) {
    const std::string path = ended_with(tar);
    expect_problem(get(path + "?list=1"), 500, "internal");
    expect_problem(get(path + "/etc/passwd"), 500, "internal");
  }
  const std::string strange = ended_with(archive::tar_comment(R"({"left_out":[1,{"path":2}]})") +
                                         entry("a", "x") + archive::tar_end());
  const auto list = json(get(strange + "?list=1"));
  EXPECT_TRUE(list.at("leftOut").as_array().empty());
  EXPECT_EQ(list.at("files").as_array().size(), 1U);
}

}  // namespace
}  // namespace hearth::rest
