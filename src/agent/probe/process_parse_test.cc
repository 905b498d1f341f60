#include "agent/probe/process_parse.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth::agent {
namespace {

std::string stat_line(const std::string& name, const std::string& start = "5000") {
  return "4711 (" + name + ") S 1 4711 4710 0 -1 4194560 100 200 0 0 7 8 9 10 20 0 3 0 " + start +
         " 1000000 250 18446744073709551615 0 0 0\n";
}

TEST(ProcessParseTest, NamesMayHoldAnything) {
  const auto plain = parse_process_stat(stat_line("sh"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, (ProcessStat{.state = 'S',
                                 .parent = 1,
                                 .group = 4711,
                                 .session = 4710,
                                 .cpu_ticks = 7 + 8 + 9 + 10,
                                 .threads = 3,
                                 .start_ticks = 5000}));
  for (const char* const odd : {"a b", "tmux: server", ") S 9 9 9", "((", "))", "", "a\nb"}) {
    EXPECT_EQ(parse_process_stat(stat_line(odd)), plain) << odd;
  }
}

TEST(ProcessParseTest, StatsThatAreNotWhole) {
  const std::string whole = stat_line("a (b) c");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parse_process_stat(std::string_view(whole).substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(parse_process_stat(stat_line("sh", "99999999999999999999")), std::nullopt);
  EXPECT_EQ(parse_process_stat(stat_line("sh", "-5")), std::nullopt);
  EXPECT_EQ(parse_process_stat(")\n"), std::nullopt);
}

TEST(ProcessParseTest, UptimeKnowsTheClockAndNeverUnderflows) {
  EXPECT_EQ(parse_uptime_ms("12345.67 54321.00\n"), 12'345'670);
  EXPECT_EQ(parse_uptime_ms("garbage\n"), std::nullopt);
  EXPECT_EQ(parse_uptime_ms("12345.67"), std::nullopt) << "cut off";
  EXPECT_EQ(uptime_of_ms(60'000, 5'000, 100), 10'000);
  EXPECT_EQ(uptime_of_ms(60'000, 5'000, 1'000), 55'000) << "not every kernel has 100 ticks";
  EXPECT_EQ(uptime_of_ms(60'000, 6'001, 100), 0) << "it started after the uptime was read";
  EXPECT_EQ(uptime_of_ms(60'000, INT64_MAX, 100), 0);
  EXPECT_EQ(uptime_of_ms(60'000, 5'000, 0), 0);
}

TEST(ProcessParseTest, MemoryAndIo) {
  EXPECT_EQ(parse_statm("1000 300 200 1 0 50 0\n"),
            (ProcessMemory{.resident_pages = 300, .file_pages = 200}));
  EXPECT_EQ(parse_statm("1000 300\n"), std::nullopt);
  EXPECT_EQ(parse_process_io("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\n"
                             "write_bytes: 8192\ncancelled_write_bytes: 0\n"),
            (IoBytes{.read = 4096, .written = 8192}));
  EXPECT_EQ(parse_process_io("read_bytes: 4096\nwrite_bytes: 81"), std::nullopt);
}

std::string command_line(std::initializer_list<std::string> arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    line += argument;
    line.push_back('\0');
  }
  return line;
}

TEST(ProcessParseTest, ModelInEverySpelling) {
  EXPECT_EQ(model_in(command_line({"llama-server", "--model", "a.gguf", "--port", "1"})), "a.gguf");
  EXPECT_EQ(model_in(command_line({"llama-server", "--port", "1", "--model=b c.gguf"})),
            "b c.gguf");
  EXPECT_EQ(model_in(command_line({"llama-server", "-m", "c.gguf"})), "c.gguf");
  EXPECT_EQ(model_in(command_line({"x", "-m", "short", "--model", "long"})), "long");
}

TEST(ProcessParseTest, WhatIsNoModel) {
  EXPECT_EQ(model_in(""), std::nullopt);
  EXPECT_EQ(model_in(command_line({"--model", "x"})), std::nullopt) << "the program's own name";
  EXPECT_EQ(model_in(command_line({"x", "--model"})), std::nullopt);
  EXPECT_EQ(model_in(command_line({"x", "--model="})), std::nullopt);
  EXPECT_EQ(model_in(command_line({"x", "--model-ref", "y", "--models", "z"})), std::nullopt);
  EXPECT_EQ(model_in(command_line({"x", "--model", "cut"}).substr(0, 13)), std::nullopt);
  EXPECT_EQ(model_in(command_line({"x", "-m", std::string(5'000, 'y')})), std::nullopt);
  EXPECT_EQ(model_in(command_line({"/usr/bin/python3", "-m", "vllm.server"})), std::nullopt);
  EXPECT_EQ(model_in(command_line({"python3", "-m", "vllm.server", "--model", "real"})), "real");
}

TEST(ProcessParseTest, VariablesOfAnEnvironment) {
  const std::string environment =
      command_line({"PATH=/bin", "HEARTH_GROUPS=no", "HEARTH_GROUP=a/b"});
  EXPECT_EQ(variable_in(environment, "HEARTH_GROUP"), "a/b");
  EXPECT_EQ(variable_in(environment, "HEARTH"), "");
  EXPECT_EQ(
      variable_in(std::string_view(environment).substr(0, environment.size() - 1), "HEARTH_GROUP"),
      "")
      << "cut off";
}

}  // namespace
}  // namespace hearth::agent
