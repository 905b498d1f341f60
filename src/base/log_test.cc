#include "base/log.h"

#include <gtest/gtest.h>

#include <string>

#include "base/testing/recording_log.h"

namespace hearth {
namespace {

TEST(LogTest, TextLineNamesItsFields) {
  EXPECT_EQ(format_text_line("attempt ended", {{"job", 17}, {"reason", "oom"}}),
            "attempt ended job=17 reason=oom");
}

TEST(LogTest, TextValuesThatCouldForgeAFieldAreQuoted) {
  EXPECT_EQ(format_text_line("x", {{"a", "two words"}, {"b", "k=v"}, {"c", ""}, {"d", "q\"q"}}),
            R"(x a="two words" b="k=v" c="" d="q\"q")");
}

TEST(LogTest, ControlCharactersNeverReachTheLine) {
  EXPECT_EQ(format_text_line("one\ntwo", {{"a", "\x1b[31m\n"}}), R"(one\ntwo a="\x1b[31m\n")");
}

TEST(LogTest, JsonEscapesTextAndKeepsNumbers) {
  EXPECT_EQ(format_json_members("said \"hi\"", {{"job", -3}, {"path", "a\\b\x01"}}),
            R"("message":"said \"hi\"","job":-3,"path":"a\\b\u0001")");
}

TEST(LogTest, JsonReplacesBytesThatAreNoUtf8) {
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(format_json_members("\xc3\xa9", {}), "\"message\":\"\xc3\xa9\"");
  EXPECT_EQ(format_json_members("\xff", {}), "\"message\":\"" + replacement + "\"");
  EXPECT_EQ(format_json_members("a\xc3", {}), "\"message\":\"a" + replacement + "\"");
  // An overlong slash and half of a surrogate pair.
  EXPECT_EQ(format_json_members("\xc0\xaf", {}),
            "\"message\":\"" + replacement + replacement + "\"");
  EXPECT_EQ(format_json_members("\xed\xa0\x80", {}),
            "\"message\":\"" + replacement + replacement + replacement + "\"");
  EXPECT_EQ(format_json_members("\xf0\x9f\x94\xa5", {}), "\"message\":\"\xf0\x9f\x94\xa5\"");
}

TEST(LogTest, StderrLogWritesOneLineAndDropsWhatIsBelowItsLevel) {
  ::testing::internal::CaptureStderr();
  {
    const auto log = make_stderr_log(LogLevel::Info, LogFormat::Text);
    EXPECT_FALSE(log->is_on(LogLevel::Debug));
    log->debug("hidden");
    log->info("shown", {{"job", 1}});
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find("Z info    shown job=1\n"), std::string::npos) << text;
}

TEST(LogTest, AContextIsAddedToEachLineUnlessTheLineSaysItself) {
  testing::RecordingLog lines;
  ContextLog log(lines, {{"agent", "a"}, {"epoch", 3}});
  log.info("starting", {{"job", 1}});
  log.info("said", {{"agent", "b"}});
  EXPECT_EQ(lines.text(), "starting job=1 agent=a epoch=3\nsaid agent=b epoch=3\n");
  const auto null = make_null_log();
  EXPECT_FALSE(ContextLog(*null, {}).is_on(LogLevel::Error));
}

TEST(LogTest, JsonLogIsOneObjectALine) {
  ::testing::internal::CaptureStderr();
  make_stderr_log(LogLevel::Debug, LogFormat::Json)->error("broke", {{"why", "a {} b"}});
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.rfind(R"({"time":")", 0), 0U) << text;
  EXPECT_NE(text.find(R"("level":"error","message":"broke","why":"a {} b"})"
                      "\n"),
            std::string::npos)
      << text;
}

TEST(LogTest, NullLogIsOffAtEveryLevel) {
  EXPECT_FALSE(make_null_log()->is_on(LogLevel::Error));
}

}  // namespace
}  // namespace hearth
