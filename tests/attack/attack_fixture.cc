#include "tests/attack/attack_fixture.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>

namespace hearth::attack {

namespace fs = std::filesystem;

using harness::text;

namespace {

// As setcap writes it: version 2, effective, all of the first half.
constexpr std::array<std::uint32_t, 5> kAllCapabilities = {0x0200'0001, 0xffff'ffff, 0, 0, 0};
constexpr Duration kBackToNormal{20'000};
constexpr Duration kEnd{60'000};

bool is_said(const std::string& said, const std::string& wanted) {
  constexpr std::string_view kAndMore = "…";
  return wanted.ends_with(kAndMore)
             ? said.starts_with(wanted.substr(0, wanted.size() - kAndMore.size()))
             : said == wanted;
}

std::string join(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) {
    all += "  " + line + "\n";
  }
  return all;
}

}  // namespace

void place_tools(const std::string& folder) {
  const std::string tool = folder + "/attack_tool";
  for (const char* name : {"attack_tool", "setuid_tool", "capable_tool"}) {
    fs::copy_file(harness::program_path("attack_tool"), folder + "/" + name);
  }
  ASSERT_EQ(::chmod((folder + "/setuid_tool").c_str(), 06755), 0);
  ASSERT_EQ(::setxattr((folder + "/capable_tool").c_str(), "security.capability",
                       kAllCapabilities.data(), sizeof kAllCapabilities, 0),
            0);
}

std::map<std::string, std::string> parse_outcomes(const std::string& said) {
  std::map<std::string, std::string> found;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    if (const std::size_t colon = line.find(": "); colon != std::string::npos) {
      found[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  return found;
}

void AttackTest::SetUp() {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "NOT RUN HERE: sandboxes with ids of their own are root's to make";
  }
  auto pen = Pen::make();
  if (!pen) {
    GTEST_SKIP() << "NOT RUN HERE: nothing bounds hostile jobs: " << pen.error().message;
  }
  pen_ = std::move(*pen);
  place_tools(Pen::shown());
  canaries_ = std::make_unique<Canaries>(Pen::shown());
}

void AttackTest::TearDown() {
  if (hearth_ != nullptr) {
    forget(*hearth_);
  }
}

void AttackTest::start_hearth(const std::vector<std::string>& flags) {
  set_environment({{"HEARTH_TOKEN", kToken}, {"ATTACK_SECRET", kToken}});
  std::vector<std::string> all = {"--cpu",
                                  "8",
                                  "--memory",
                                  "768",
                                  "--sandbox-paths",
                                  Pen::shown(),
                                  "--sandbox-processes",
                                  std::to_string(kProcesses),
                                  "--sandbox-disk",
                                  std::to_string(kDiskMb)};
  all.insert(all.end(), flags.begin(), flags.end());
  if (std::find(flags.begin(), flags.end(), "--warm-slots") == flags.end()) {
    all.insert(all.end(), {"--warm-slots", "0"});
  }
  hearth_ = &start_up(all);
  // What is made at the first job, and kept.
  for (int i = 0; i < 3; ++i) {
    expect_hello();
  }
  note_state();
}

std::vector<std::string> AttackTest::tool(std::vector<std::string> words) {
  words.insert(words.begin(), Pen::shown() + "/attack_tool");
  return words;
}

json::object AttackTest::job_of(const std::vector<std::string>& command,
                                const json::object& more) const {
  json::object body = {{"command", json::array(command.begin(), command.end())},
                       {"sandbox", "process"},
                       {"requiredRamMb", kMemoryMb},
                       {"requiredCpu", 0.5},
                       {"timeoutMs", 30'000},
                       {"graceMs", 0}};
  if (command.empty()) {
    body.erase("command");
  }
  for (const auto& field : more) {
    body[field.key()] = field.value();
  }
  return body;
}

json::object AttackTest::run(const std::vector<std::string>& command, const json::object& more) {
  const std::string id = submit(job_of(command, more));
  return id.empty() ? json::object() : wait_ended(id, kEnd);
}

void AttackTest::expect_end(const Case& attack) {
  SCOPED_TRACE(attack.name);
  const json::object ended = run(attack.command, attack.more);
  EXPECT_EQ(text(ended, "state"), attack.state) << json::serialize(ended);
  EXPECT_EQ(text(ended, "reason"), attack.reason) << json::serialize(ended);
  const std::string said = output(text(ended, "id"));
  EXPECT_TRUE(is_said(said, attack.output))
      << "it said: " << said.substr(0, 300)
      << "\nand on stderr: " << output(text(ended, "id"), "stderr").substr(0, 300);
  expect_as_before();
}

std::map<std::string, std::string> AttackTest::run_group(const std::vector<std::string>& words) {
  const json::object ended = run(tool(words), {{"stdin", "abc"}});
  EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
  auto found = parse_outcomes(output(text(ended, "id")));
  EXPECT_FALSE(found.empty()) << output(text(ended, "id"), "stderr");
  return found;
}

void AttackTest::expect_hello() {
  const json::object ended = run({"/bin/echo", "hello"});
  EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
  EXPECT_EQ(output(text(ended, "id")), "hello\n");
}

void AttackTest::expect_as_before() {
  expect_hello();
  std::vector<std::string> left;
  const auto is_as_before = [&] {
    left = differences(before_, MachineState::of(*pen_, hearth_->pid(), data()));
    return left.empty();
  };
  if (!is_as_before()) {
    wait_until(is_as_before, "all to be as before", kBackToNormal);
  }
  EXPECT_TRUE(left.empty()) << join(left);
}

}  // namespace hearth::attack
