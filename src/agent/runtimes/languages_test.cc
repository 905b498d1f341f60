#include "agent/runtimes/languages.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace hearth::agent {
namespace {

using Words = std::vector<std::string>;

TEST(LanguagesTest, ASettingIsAProgramOptionsAndAFile) {
  const auto language = parse_language("c++", "  run -O2\t{main.cc} --then ");
  ASSERT_TRUE(language) << language.error().message;
  EXPECT_EQ(language->program, "run");
  EXPECT_EQ(language->options, (Words{"-O2"}));
  EXPECT_EQ(language->file, "main.cc");
  EXPECT_EQ(language->after, (Words{"--then"}));
  EXPECT_EQ(language->warm, WarmKind::None);
  EXPECT_EQ(parse_language("js", "/usr/bin/node {a.js}")->warm, WarmKind::Node);
  EXPECT_EQ(parse_language("py", "python3.11 {a.py}")->warm, WarmKind::Python);
}

TEST(LanguagesTest, ASettingThatMakesNoSenseIsRefusedWithAnExample) {
  for (const char* setting : {"", "node", "{main.js}", "node main.js", "node {a.js} {b.js}",
                              "node {}", "node {../a.js}", "node {.hidden}", "node {-x}"}) {
    const auto language = parse_language("js", setting);
    ASSERT_FALSE(language) << setting;
    EXPECT_NE(language.error().message.find("node {main.js}"), std::string::npos) << setting;
  }
  for (const char* name : {"", "JS", "a b", "a:b", "123456789012345678901234567890123"}) {
    EXPECT_FALSE(parse_language(name, "node {main.js}")) << name;
  }
}

class FindTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = std::filesystem::canonical(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string put(const std::string& name, const std::string& content) const {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << content;
    chmod(path.c_str(), 0755);
    return path;
  }
  static LanguageSettings only(LanguageSettings settings) {
    for (const auto& [name, setting] : default_languages()) {
      settings.try_emplace(name, "");
    }
    return settings;
  }

  std::string folder_;
};

TEST_F(FindTest, AShimIsPassedOverForTheProgramItself) {
  put("shims/lang", "#!/bin/sh\nexec real-lang \"$@\"\n");
  const std::string real = put("lang/bin/lang-1.2",
                               "\x7f"
                               "ELF");
  std::filesystem::create_symlink("lang-1.2", folder_ + "/lang/bin/lang");
  const auto found =
      find_languages(only({{"l", "lang {x}"}}), folder_ + "/shims:" + folder_ + "/lang/bin");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->languages.at("l").program, real);
  EXPECT_EQ(found->languages.at("l").folder, folder_ + "/lang") << "with its library";
  const auto only_shim = find_languages(only({{"l", "lang {x}"}}), folder_ + "/shims");
  ASSERT_FALSE(only_shim);
  EXPECT_NE(only_shim.error().message.find("is a script"), std::string::npos)
      << only_shim.error().message;
}

TEST_F(FindTest, AMissingProgramIsAnErrorOnlyWhereItWasAskedFor) {
  const auto none = find_languages({}, folder_);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->languages.empty());
  EXPECT_EQ(none->missing.size(), default_languages().size());
  const auto asked = find_languages(only({{"js", "no-such-node {main.js}"}}), folder_);
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().message.find("no-such-node"), std::string::npos);
}

TEST_F(FindTest, TheSystemsOwnAreFoundWithoutAFolderToShow) {
  const auto found = find_languages({}, "/usr/bin:/bin");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(found->languages.contains("sh")) << "bash is part of every Debian";
  EXPECT_EQ(found->languages.at("sh").folder, "");
  EXPECT_TRUE(found->languages.at("sh").program.starts_with("/usr/bin/"));
}

TEST_F(FindTest, NothingIsShownThatHoldsTooMuch) {
  const std::string program = folder_ + "-program";  // not in a folder of its own
  std::ofstream(program) << "\x7f"
                            "ELF";
  chmod(program.c_str(), 0755);
  const auto found = find_languages(only({{"l", program + " {x}"}}), "");
  std::filesystem::remove(program);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("a folder of its own"), std::string::npos)
      << found.error().message;
}

}  // namespace
}  // namespace hearth::agent
