#include "cli/job_line.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace hearth::cli {
namespace {

std::string line_of(const char* job) {
  return job_line(boost::json::parse(job));
}

TEST(JobLineTest, ShowsACommandOrTheFirstLineOfAScript) {
  EXPECT_EQ(line_of(R"({"command":["sleep","60"],"script":null})"), "sleep 60");
  EXPECT_EQ(
      line_of(R"({"command":null,"script":{"language":"js","code":"\n \t\n let a = 1; \r\nb"}})"),
      "js: let a = 1;");
  EXPECT_EQ(line_of(R"({"command":null,"script":{"language":"sh","code":" \n"}})"), "sh: ");
}

TEST(JobLineTest, OfWhatIsNoJobThereIsNothing) {
  for (const char* job :
       {"[]", "null", "{}", R"({"command":7,"script":"x"})", R"({"command":[1,{}]})"}) {
    EXPECT_EQ(line_of(job), "") << job;
  }
}

TEST(JobLineTest, IsCutWhereNobodyIsShownMore) {
  const std::string code(100'000, 'x');
  EXPECT_EQ(line_of((R"({"script":{"language":"js","code":")" + code + R"("}})").c_str()).size(),
            1024U);
}

}  // namespace
}  // namespace hearth::cli
