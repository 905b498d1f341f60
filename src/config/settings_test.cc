#include "config/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "config/quantity.h"

namespace hearth::config {
namespace {

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "hearth-config-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~SettingsTest() override { std::filesystem::remove_all(directory_); }
  SettingsTest(const SettingsTest&) = delete;
  SettingsTest& operator=(const SettingsTest&) = delete;

  std::string file(const std::string& text) {
    const std::string path = directory_ / "hearth.toml";
    std::ofstream(path) << text;
    return path;
  }

  std::filesystem::path directory_;
};

TEST_F(SettingsTest, FlagWinsOverEnvironmentOverFileOverDefault) {
  Sources sources;
  sources.file = file("http = \"127.0.0.1:1\"\ngrpc = \"127.0.0.1:2\"\nid = \"filed\"\n");
  sources.environment = {{"HEARTH_HTTP", "127.0.0.1:3"}, {"HEARTH_GRPC", "127.0.0.1:4"}};
  sources.flags = {{"http", "127.0.0.1:5"}};
  const auto settings = Settings::load(sources);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->text("http"), "127.0.0.1:5");
  EXPECT_EQ(settings->values().at("http").origin, "flag --http");
  EXPECT_EQ(settings->text("grpc"), "127.0.0.1:4");
  EXPECT_EQ(settings->values().at("grpc").origin, "environment HEARTH_GRPC");
  EXPECT_EQ(settings->text("id"), "filed");
  EXPECT_EQ(settings->values().at("id").origin, sources.file);
  EXPECT_EQ(settings->duration("heartbeat_timeout"), Duration(30'000));
  EXPECT_EQ(settings->values().at("heartbeat_timeout").origin, "default");
}

TEST_F(SettingsTest, AFileOfTheLargestSizeIsReadAndOneByteMoreIsRefused) {
  constexpr auto kMost = static_cast<std::size_t>(limits::kSettingsFileBytesMax);
  const std::string setting = "id = \"a\"\n#";
  Sources sources;
  sources.file = file(setting + std::string(kMost - setting.size(), 'x'));
  const auto largest = Settings::load(sources);
  ASSERT_TRUE(largest) << largest.error().message;
  EXPECT_EQ(largest->text("id"), "a");
  sources.file = file(setting + std::string(kMost - setting.size() + 1, 'x'));
  const auto refused = Settings::load(sources);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "kSettingsFileBytesMax");
  EXPECT_EQ(refused.error().limit_value, limits::kSettingsFileBytesMax);
  const std::string& sentence = refused.error().message;
  EXPECT_NE(sentence.find(sources.file + " has 1048577 bytes"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("at most 1048576"), std::string::npos) << sentence;
}

TEST_F(SettingsTest, AFileWithoutASizeIsReadNoFurtherThanTheLargest) {
  Sources sources;
  sources.file = "/dev/zero";
  const auto endless = Settings::load(sources);
  ASSERT_FALSE(endless);
  EXPECT_NE(endless.error().message.find("/dev/zero has more than 1048576 bytes"),
            std::string::npos)
      << endless.error().message;
  sources.file = directory_;
  const auto directory = Settings::load(sources);
  ASSERT_FALSE(directory);
  EXPECT_NE(directory.error().message.find(directory_.string()), std::string::npos)
      << directory.error().message;
}

TEST_F(SettingsTest, AliasesOfTheSourceDocumentsAreReadAfterTheOwnName) {
  Sources sources;
  sources.environment = {{"MAX_PARALLEL_JOBS", "2"}, {"SCHEDULER_ENDPOINT", "localhost:9"}};
  auto settings = Settings::load(sources);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->integer("max_parallel_jobs"), 2);
  EXPECT_EQ(settings->text("controller"), "localhost:9");
  sources.environment["HEARTH_MAX_PARALLEL_JOBS"] = "3";
  settings = Settings::load(sources);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->integer("max_parallel_jobs"), 3);
}

TEST_F(SettingsTest, ABadValueNamesTheSettingItsOriginAndWhatToWrite) {
  Sources sources;
  sources.environment = {{"HEARTH_HEARTBEAT_TIMEOUT", "soon"}};
  const auto settings = Settings::load(sources);
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("heartbeat_timeout"), std::string::npos);
  EXPECT_NE(settings.error().message.find("HEARTH_HEARTBEAT_TIMEOUT"), std::string::npos);
  EXPECT_NE(settings.error().message.find("30s"), std::string::npos);
}

TEST_F(SettingsTest, AChoiceThatIsNoneIsRefusedInsteadOfReadAsTheDefault) {
  for (const auto& [variable, text] :
       std::vector<std::pair<std::string, std::string>>{{"HEARTH_LOG_LEVEL", "warnings"},
                                                        {"HEARTH_LOG_FORMAT", "jsn"},
                                                        {"HEARTH_CGROUP", "off"},
                                                        {"HEARTH_AUTH", "loopback"}}) {
    Sources sources;
    sources.environment = {{variable, text}};
    const auto settings = Settings::load(sources);
    ASSERT_FALSE(settings) << variable << "=" << text;
    EXPECT_NE(settings.error().message.find(variable), std::string::npos);
    EXPECT_NE(settings.error().message.find("'" + text + "' is none of "), std::string::npos)
        << settings.error().message;
  }
  for (const char* level : {"debug", "info", "warning", "error", "off"}) {
    Sources sources;
    sources.environment = {{"HEARTH_LOG_LEVEL", level}};
    EXPECT_TRUE(Settings::load(sources)) << level;
  }
}

TEST_F(SettingsTest, NothingIsKeptForNoTimeByMistake) {
  for (const auto& [variable, text] :
       std::vector<std::pair<std::string, std::string>>{{"HEARTH_RETENTION_AGE", ""},
                                                        {"HEARTH_RETENTION_JOBS", ""},
                                                        {"HEARTH_RETENTION_JOBS", "-1"},
                                                        {"HEARTH_RETENTION_EVENTS", "-1"}}) {
    Sources sources;
    sources.environment = {{variable, text}};
    const auto settings = Settings::load(sources);
    ASSERT_FALSE(settings) << variable << "=" << text;
    EXPECT_NE(settings.error().message.find(variable), std::string::npos);
  }
}

TEST_F(SettingsTest, AnUnknownKeyAMissingFileAndBadTomlAreRefused) {
  Sources sources;
  sources.file = file("htpp = \"x\"\n");
  EXPECT_NE(Settings::load(sources).error().message.find("'htpp'"), std::string::npos);
  sources.file = file("http = \n");
  EXPECT_NE(Settings::load(sources).error().message.find(":1:"), std::string::npos);
  sources.file = (directory_ / "absent.toml").string();
  EXPECT_NE(Settings::load(sources).error().message.find("absent.toml"), std::string::npos);
}

TEST_F(SettingsTest, ATableInTheFileReadsAsLabels) {
  Sources sources;
  sources.file = file("cpu = 1.5\nmax_parallel_jobs = 4\n[labels]\ndisk = \"ssd\"\nzone = \"a\"\n");
  const auto settings = Settings::load(sources);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->labels("labels"),
            (std::map<std::string, std::string>{{"disk", "ssd"}, {"zone", "a"}}));
  EXPECT_EQ(settings->cpu_milli("cpu"), 1500);
}

// toml++ must not see them elsewhere.
TEST_F(SettingsTest, CharactersBeyondAsciiStandInStringsAndCommentsOnly) {
  for (const char* text :
       {"# grün\nid = \"grün\"\n", "id = 'grün' # ü\n",
        "\xef\xbb\xbf"
        "id = \"grün\"\n",
        "labels = {\"b\"='ü',c=\"é\"}\nid = \"grün\"\n", "type = \"\\\"\"\nid = \"grün\"\n",
        "type = \'\'\'a\n\'\'\'\nid = \"grün\"\n", "id = \"\"\"\ngrün\"\"\"\n"}) {
    Sources sources;
    sources.file = file(text);
    const auto settings = Settings::load(sources);
    ASSERT_TRUE(settings) << text << settings.error().message;
    EXPECT_EQ(settings->text("id"), "grün") << text;
  }
  for (const char* text : {"\nid = ü\n", "\nü = 1\n", "\nid = \"\" ü\n", "\nid = \"\"\"ü",
                           "\ntype = 20\"a\"\"ü\" = 1\n", "\ntype = 20\"a[\"ü\" = 1\n"}) {
    Sources sources;
    sources.file = file(text);
    const auto settings = Settings::load(sources);
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message.find(":2:"), std::string::npos) << settings.error().message;
  }
  Sources sources;
  sources.file = file("id = \"\U000f00fc\"\n");
  const auto settings = Settings::load(sources);
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("private characters"), std::string::npos);
}

// The table becomes one text, in which a comma would begin another label.
TEST_F(SettingsTest, ATableThatItsTextCannotHoldIsRefused) {
  for (const char* table :
       {"a = \"b,c=d\"", "\"a,b\" = \"c\"", "\"a=b\" = \"c\"", "\"\" = \"c\""}) {
    Sources sources;
    sources.file = file(std::string("[labels]\n") + table + "\n");
    const auto settings = Settings::load(sources);
    ASSERT_FALSE(settings) << table;
    EXPECT_NE(settings.error().message.find("'labels' must be"), std::string::npos)
        << settings.error().message;
  }
  Sources sources;
  sources.file = file("[labels]\na = \"b=c\"\n");
  const auto settings = Settings::load(sources);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->labels("labels"), (std::map<std::string, std::string>{{"a", "b=c"}}));
}

TEST(QuantityTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("500ms"), Duration(500));
  EXPECT_EQ(parse_duration("1.5s"), Duration(1500));
  EXPECT_EQ(parse_duration("2"), Duration(2000));
  EXPECT_EQ(parse_duration("7d"), Duration(7LL * 86400 * 1000));
  EXPECT_EQ(parse_cpu_milli("0.5"), 500);
  EXPECT_EQ(parse_memory_bytes("256"), 256 * limits::kMiB);
  EXPECT_EQ(parse_memory_bytes("2G"), 2 * limits::kGiB);
}

TEST(QuantityTest, RefusesWhatIsNone) {
  for (const char* text : {"", "s", "-1s", "nan", "inf", "1e5s", "5 s", "0x10"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  for (const char* text : {"0", "-1", "0.0001", "two", "1k", "nan"}) {
    EXPECT_FALSE(parse_cpu_milli(text)) << text;
  }
  for (const char* text : {"0", "-5M", "1X", "99999999T", ""}) {
    EXPECT_FALSE(parse_memory_bytes(text)) << text;
  }
}

}  // namespace
}  // namespace hearth::config
