#include "cli/completion.h"

#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <set>

#include "auth/scope.h"
#include "cli/completion_parts.h"
#include "cli/options.h"
#include "config/settings.h"

namespace hearth::cli {
namespace {

using Path = std::vector<std::string>;

void each_command(const CommandSpec& command, const Path& path,
                  const std::function<void(const CommandSpec&, const Path&)>& visit) {
  visit(command, path);
  for (const CommandSpec& sub : command.commands) {
    Path below = path;
    below.push_back(sub.name);
    each_command(sub, below, visit);
  }
}

// What the parser itself tells of a command, which is another way to it than the tree is.
std::string help_of(Path path) {
  path.emplace_back("--help");
  const auto invocation = parse_command_line(path);
  const auto* message = std::get_if<Message>(&invocation);
  return message == nullptr ? "" : message->text;
}

std::set<std::string> found_in(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    found.insert((*at)[1].str());
  }
  return found;
}

// Only lines that begin with a flag; a flag named in a help text may be of another command.
std::set<std::string> flags_in_help(const std::string& help) {
  std::set<std::string> flags = found_in(help, "\n +(?:-[a-zA-Z],)?(--[a-z][a-z-]*)");
  flags.merge(found_in(help, "\n +(-[a-zA-Z])\\b"));
  return flags;
}

std::set<std::string> commands_in_help(const std::string& help) {
  const std::size_t list = help.find("Subcommands:");
  return list == std::string::npos ? std::set<std::string>()
                                   : found_in(help.substr(list), "\n {2}([a-z]+) ");
}

// The part of the script that is about one command.
std::string part_of(const std::string& script, const std::string& begin, const std::string& end) {
  const std::size_t from = script.find(begin);
  if (from == std::string::npos) {
    return "";
  }
  return script.substr(from, script.find(end, from + begin.size()) - from);
}

std::string lines_with(const std::string& script, const std::string& text) {
  std::string found;
  for (std::size_t at = script.find(text); at != std::string::npos;
       at = script.find(text, at + 1)) {
    const std::size_t begin = script.rfind('\n', at) + 1;
    found += script.substr(begin, script.find('\n', at) - begin) + " \n";
  }
  return found;
}

TEST(CompletionTest, EachCommandAndFlagOfTheHelpIsInEachScript) {
  const CommandSpec tree = command_tree();
  const std::string bash = completion_script("bash", tree);
  const std::string zsh = completion_script("zsh", tree);
  const std::string fish = completion_script("fish", tree);
  int commands = 0;
  int flags = 0;
  each_command(tree, {}, [&](const CommandSpec& command, const Path& path) {
    const std::string name = join(path, " ");
    const std::string help = help_of(path);
    ASSERT_FALSE(help.empty()) << name;
    const std::string in_bash = part_of(bash, "\n    '" + name + "') ", ";;");
    const std::string in_zsh =
        part_of(zsh, "\n_hearth" + (name.empty() ? "" : "_" + join(path, "_")) + "() {", "\n}");
    const std::string at = name.empty() ? "__hearth_needs_command'" : "__hearth_at " + name + "'";
    const std::string in_fish = lines_with(fish, at);
    for (const std::string& flag : flags_in_help(help)) {
      ++flags;
      EXPECT_TRUE(std::regex_search(in_bash, std::regex("[ ']" + flag + "[ ']"))) << name << flag;
      EXPECT_TRUE(std::regex_search(in_zsh, std::regex("['}]" + flag + "[=+']"))) << name << flag;
      const std::string as_fish =
          flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
      EXPECT_NE(in_fish.find(as_fish + " "), std::string::npos) << name << flag;
    }
    const std::string needs = "__hearth_needs_command" + (name.empty() ? "" : " " + name) + "'";
    for (const std::string& sub : commands_in_help(help)) {
      ++commands;
      EXPECT_TRUE(std::regex_search(in_bash, std::regex("commands='[^']*\\b" + sub + "\\b")))
          << sub;
      EXPECT_NE(in_zsh.find("\n      '" + sub + ":"), std::string::npos) << sub;
      EXPECT_NE(lines_with(fish, needs).find(" -a " + sub + " "), std::string::npos) << sub;
    }
    EXPECT_EQ(commands_in_help(help).size(), command.commands.size()) << name;
  });
  EXPECT_GT(commands, 20);
  EXPECT_GT(flags, 200);
}

TEST(CompletionTest, EachSettingOfADaemonSaysWhatItTakes) {
  const CommandSpec tree = command_tree();
  std::set<std::string> seen;
  for (const CommandSpec& command : tree.commands) {
    for (const FlagSpec& flag : command.flags) {
      for (const config::Setting& setting : config::all_settings()) {
        if (flag.names.back() == config::flag_of(setting) && !setting.value_name.empty() &&
            (command.name == "up" || command.name == "agent" || command.name == "controller")) {
          EXPECT_EQ(flag.value, setting.value_name) << command.name << " " << flag.names.back();
          seen.insert(std::string(setting.name));
        }
      }
    }
  }
  EXPECT_TRUE(seen.contains("log_level"));
  EXPECT_TRUE(seen.contains("tls_cert"));
}

TEST(CompletionTest, ScopesAreThoseThereAre) {
  const CommandSpec tree = command_tree();
  for (const CommandSpec& command : tree.commands) {
    if (command.name != "token") {
      continue;
    }
    for (const FlagSpec& flag : command.commands.front().flags) {
      if (flag.names.front() == "--scope") {
        const auto words = words_of(flag.value);
        ASSERT_TRUE(words);
        EXPECT_TRUE(words->are_list);
        EXPECT_EQ(join(words->words, ","), auth::kAllScopes.to_string());
        return;
      }
    }
  }
  FAIL() << "token create --scope is gone";
}

TEST(CompletionTest, WordsAreReadFromTheValueName) {
  EXPECT_FALSE(words_of("FILE"));
  EXPECT_EQ(words_of("a|b")->words, (Path{"a", "b"}));
  EXPECT_FALSE(words_of("a|b")->are_list);
  EXPECT_EQ(words_of("a|b,...")->words, (Path{"a", "b"}));
  EXPECT_TRUE(words_of("a|b,...")->are_list);
}

TEST(CompletionTest, TheCommandPrintsTheScriptAndKnowsItsShells) {
  const Words shells = words_of(std::string(kShells)).value();
  for (const std::string& shell : shells.words) {
    const auto invocation = parse_command_line({"completion", shell});
    const auto* message = std::get_if<Message>(&invocation);
    ASSERT_NE(message, nullptr) << shell;
    EXPECT_EQ(message->exit_code, 0);
    EXPECT_EQ(message->text, completion_script(shell, command_tree()));
    EXPECT_NE(message->text.find(shell + " completion for hearth"), std::string::npos);
    EXPECT_EQ(message->text.find("@FLAGS"), std::string::npos);
  }
  const auto wrong = parse_command_line({"completion", "cmd.exe"});
  EXPECT_EQ(std::get<Message>(wrong).exit_code, 2);
}

}  // namespace
}  // namespace hearth::cli
