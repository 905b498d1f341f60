#include "cli/completion_parts.h"

namespace hearth::cli {
namespace {

constexpr const char* kHead = R"sh(#compdef hearth
# zsh completion for hearth, as printed by `hearth completion zsh`.

# Ids that the controller knows, asked as the line being completed would ask.
_hearth_ask() {
  local -a with found
  local -i i
  for ((i = 1; i < CURRENT; i++)); do
    case $words[i] in
      @FLAGS_EQ@) with+=($words[i]) ;;
      @FLAGS@) with+=($words[i] $words[i+1]) ;;
    esac
  done
  found=(${(f)"$(timeout 1 ${~hearth_program} ${=1} $with 2>/dev/null </dev/null |
      awk 'NR > 1 { print $1 }')"})
  compadd -a found
}

)sh";

constexpr const char* kTail = R"sh(
if [[ $funcstack[1] == _hearth ]]; then
  _hearth "$@"
else
  compdef _hearth hearth
fi
)sh";

// For use between [ ] or : : of a spec of _arguments, inside single quotes.
std::string spec_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') {
      escaped += '\\';
    }
    escaped += c == '\n' ? ' ' : c;
  }
  return replaced(escaped, "'", "'\\''");
}

std::string action_of(const ValueName& value) {
  if (const auto words = words_of(value)) {
    const std::string all = join(words->words, " ");
    return words->are_list ? "_values -s , value " + all : "(" + all + ")";
  }
  if (const std::string_view asked = asked_as(value); !asked.empty()) {
    return "{_hearth_ask \"" + std::string(asked) + "\"}";
  }
  if (value == "FILE") {
    return "_files";
  }
  return value == "DIR" ? "_files -/" : " ";
}

std::string spec_of(const FlagSpec& flag, const std::string& name) {
  std::string spec = quoted(flag.repeats ? "*" : "(" + join(flag.names, " ") + ")");
  spec += name;
  spec += flag.value.empty() ? "" : (name.starts_with("--") ? "=" : "+");
  spec += "'[" + spec_text(flag.help) + "]";
  if (!flag.value.empty()) {
    spec +=
        ":" + spec_text(words_of(flag.value) ? "value" : flag.value) + ":" + action_of(flag.value);
  }
  return spec + "'";
}

std::string function_of(const std::string& path) {
  return "_hearth" + (path.empty() ? "" : "_" + replaced(path, " ", "_"));
}

void write_command(const CommandSpec& command, const std::string& path, std::string& script) {
  std::string cases;
  std::string list;
  for (const CommandSpec& sub : command.commands) {
    const std::string sub_path = path.empty() ? sub.name : path + " " + sub.name;
    write_command(sub, sub_path, script);
    cases += "        " + sub.name + ") " + function_of(sub_path) + " ;;\n";
    list += "      '" + sub.name + ":" + spec_text(sub.help) + "'\n";
  }
  script += function_of(path) + "() {\n";
  if (path.empty()) {
    script += "  local hearth_program=$words[1]\n";
  }
  if (!command.commands.empty()) {
    script += "  local curcontext=$curcontext state line\n  typeset -A opt_args\n";
  }
  script += command.commands.empty() ? "  _arguments -s -S" : "  _arguments -C";
  for (const FlagSpec& flag : command.flags) {
    for (const std::string& name : flag.names) {
      script += " \\\n    " + spec_of(flag, name);
    }
  }
  if (!command.commands.empty()) {
    script += " \\\n    '1: :->command' \\\n    '*:: :->rest'\n  case $state in\n    command)\n";
    script += "      local -a commands=(\n" + list + "      )\n";
    script += "      _describe -t commands command commands\n      ;;\n    rest)\n";
    script += "      case $words[1] in\n" + cases + "      esac\n      ;;\n  esac\n";
  } else if (command.operand == "COMMAND") {
    script += " \\\n    '(-)1:command: _command_names -e' \\\n    '*::arguments: _normal'\n";
  } else if (!command.operand.empty()) {
    script += std::string(" \\\n    '") + (command.operand_repeats ? "*" : "1") + ":" +
              spec_text(words_of(command.operand) ? "value" : command.operand) + ":" +
              action_of(command.operand) + "'\n";
  } else {
    script += "\n";
  }
  script += "}\n\n";
}

}  // namespace

std::string zsh_script(const CommandSpec& tree) {
  std::vector<std::string> with_values = connection_flags();
  for (std::string& flag : with_values) {
    flag += "=*";
  }
  std::string script = replaced(replaced(kHead, "@FLAGS_EQ@", join(with_values, "|")), "@FLAGS@",
                                join(connection_flags(), "|"));
  write_command(tree, "", script);
  return script + kTail;
}

}  // namespace hearth::cli
