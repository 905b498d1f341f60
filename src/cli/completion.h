// Scripts that complete the command line in a shell, made from what the parser knows of itself, so
// that neither a command nor a flag can be missing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

// What follows a flag, or stands alone: "" nothing, FILE, DIR, JOB, AGENT or TOKEN (asked from the
// controller), COMMAND (of a job), "a|b" one of these, "a|b,..." any of these with commas, and
// anything else a word that nobody but the user knows.
using ValueName = std::string;

struct FlagSpec {
  std::vector<std::string> names;  // "-f", "--follow"
  std::string help;
  ValueName value;
  bool repeats = false;
};

struct CommandSpec {
  std::string name;
  std::string help;
  std::vector<FlagSpec> flags;
  ValueName operand;
  bool operand_repeats = false;
  std::vector<CommandSpec> commands;
};

// The whole of it; parse.cc knows.
CommandSpec command_tree();

// "bash|zsh|fish": the shells there are scripts for.
inline constexpr std::string_view kShells = "bash|zsh|fish";
// `shell` is one of them. What the controller knows is asked of it for a second at most, and
// without an answer nothing is offered.
std::string completion_script(std::string_view shell, const CommandSpec& tree);

}  // namespace hearth::cli
