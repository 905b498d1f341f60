#include "model/language.h"

#include <gtest/gtest.h>

#include "base/task_limits.h"

namespace hearth {
namespace {

TEST(LanguageTest, OtherNamesAreResolvedAndUnknownOnesKept) {
  for (const char* name : {"js", "javascript", "node", "nodejs"}) {
    EXPECT_EQ(canonical_language(name), kDefaultLanguage) << name;
  }
  for (const char* name : {"python", "python3", "py"}) {
    EXPECT_EQ(canonical_language(name), "python") << name;
  }
  for (const char* name : {"sh", "bash", "shell"}) {
    EXPECT_EQ(canonical_language(name), "sh") << name;
  }
  EXPECT_EQ(canonical_language("ruby"), "ruby");
  EXPECT_EQ(canonical_language(""), "");
}

TEST(LanguageTest, NamesAreShortAndPlain) {
  for (const char* name : {"js", "c++", "c#", "python3.11", "posix-sh", "a_b", "7"}) {
    EXPECT_TRUE(is_valid_language(name)) << name;
  }
  for (const char* name : {"", "JS", "a b", "a/b", "a:b", "\xc3\xa9", "a\n"}) {
    EXPECT_FALSE(is_valid_language(name)) << name;
  }
  const auto most = static_cast<std::size_t>(limits::kLanguageBytesMax);
  EXPECT_TRUE(is_valid_language(std::string(most, 'a')));
  EXPECT_FALSE(is_valid_language(std::string(most + 1, 'a')));
}

TEST(LanguageTest, ImagesAreNamesAndNeverPaths) {
  for (const char* name : {"debian", "debian:12", "a.b-c_d", "x@sha256:0f"}) {
    EXPECT_TRUE(is_valid_image_name(name)) << name;
  }
  for (const char* name : {"", ".", "..", "/etc", "a/b", "-a", "a b", "a\n"}) {
    EXPECT_FALSE(is_valid_image_name(name)) << name;
  }
  const auto most = static_cast<std::size_t>(limits::kImageNameBytesMax);
  EXPECT_TRUE(is_valid_image_name(std::string(most, 'a')));
  EXPECT_FALSE(is_valid_image_name(std::string(most + 1, 'a')));
}

TEST(LanguageTest, AJobNeedsWhatItsScriptAndImageNeed) {
  ExecutionSpec run;
  EXPECT_TRUE(features_of(run).empty());
  run.script = ScriptSpec{.language = "python", .code = "1", .args = {}};
  run.image = "debian";
  EXPECT_EQ(features_of(run), (std::vector<std::string>{"image:debian", "lang:python"}));
}

}  // namespace
}  // namespace hearth
