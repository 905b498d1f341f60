#include <map>

#include "cli/completion_parts.h"

namespace hearth::cli {
namespace {

constexpr const char* kHead =
    R"sh(# bash completion for hearth, as printed by `hearth completion bash`.

# Ids that the controller knows, asked as the line being completed would ask.
_hearth_ask() {
  local -a with=()
  local i
  for ((i = 0; i < ${#words[@]} - 1; i++)); do
    case ${words[i]} in
      @FLAGS_EQ@) with+=("${words[i]}") ;;
      @FLAGS@) with+=("${words[i]}" "${words[i + 1]}") ;;
    esac
  done
  timeout 1 "$program" $1 "${with[@]}" 2>/dev/null </dev/null | awk 'NR > 1 { print $1 }'
}

# Fills COMPREPLY with what begins like $cur of the values named by $1.
_hearth_offer() {
  local -a found=()
  local before=
  case $1 in
    FILE) compopt -o filenames 2>/dev/null; mapfile -t found < <(compgen -f -- "$cur") ;;
    DIR) compopt -o filenames 2>/dev/null; mapfile -t found < <(compgen -d -- "$cur") ;;
    JOB) mapfile -t found < <(compgen -W "$(_hearth_ask jobs)" -- "$cur") ;;
    AGENT) mapfile -t found < <(compgen -W "$(_hearth_ask agents)" -- "$cur") ;;
    TOKEN) mapfile -t found < <(compgen -W "$(_hearth_ask 'token list')" -- "$cur") ;;
    *'|'*,...)
      compopt -o nospace 2>/dev/null
      [[ $cur == *,* ]] && before=${cur%,*},
      local list=${1%,...}
      mapfile -t found < <(compgen -P "$before" -W "${list//|/ }" -- "${cur##*,}")
      ;;
    *'|'*) mapfile -t found < <(compgen -W "${1//|/ }" -- "$cur") ;;
  esac
  COMPREPLY+=("${found[@]}")
}

# The command and arguments of a job, after --.
_hearth_job() {
  compopt -o filenames 2>/dev/null
  if ((operands == 0)); then
    mapfile -t COMPREPLY < <(compgen -c -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

)sh";

constexpr const char* kTail = R"sh(
_hearth() {
  local program=${COMP_WORDS[0]} cur= path= flag= glue= after= operands=0 w i
  local commands= flags= operand= value=
  local -a words=()
  COMPREPLY=()
  # Bash takes words apart at = and :; here they are whole.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    w=${COMP_WORDS[i]}
    if ((${#words[@]} > 0)) && [[ -n $glue || $w == [:=]* ]]; then
      words[-1]+=$w
    else
      words+=("$w")
    fi
    glue=
    [[ $w == *[:=] ]] && glue=1
  done
  cur=${words[-1]}
  _hearth_table ""
  for ((i = 0; i < ${#words[@]} - 1; i++)); do
    w=${words[i]}
    if [[ -n $after ]]; then
      ((++operands))
    elif [[ -n $flag ]]; then
      flag=
    elif [[ $w == -- ]]; then
      after=1
    elif [[ $w == -*=* ]]; then
      :
    elif [[ $w == -* ]]; then
      _hearth_value "$path" "$w"
      [[ -n $value ]] && flag=$w
    elif [[ " $commands " == *" $w "* ]]; then
      path=${path:+$path }$w
      _hearth_table "$path"
    fi
  done
  if [[ -n $after ]]; then
    [[ $operand == COMMAND ]] && _hearth_job
    return
  fi
  local whole=$cur
  if [[ -z $flag && $cur == --*=* ]]; then
    flag=${cur%%=*}
    cur=${cur#*=}
  fi
  if [[ -n $flag ]]; then
    _hearth_value "$path" "$flag"
    _hearth_offer "$value"
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  elif [[ -n $commands ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
  else
    _hearth_offer "$operand"
  fi
  # What bash replaces begins behind the last : of the word.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${cur%:*}:"}")
  fi
}

complete -F _hearth hearth
)sh";

using FlagsByValue = std::map<ValueName, std::vector<std::string>>;

void collect(const CommandSpec& command, const std::string& path, std::string& table,
             FlagsByValue& values) {
  std::vector<std::string> commands;
  for (const CommandSpec& sub : command.commands) {
    commands.push_back(sub.name);
  }
  std::vector<std::string> flags;
  for (const FlagSpec& flag : command.flags) {
    for (const std::string& name : flag.names) {
      flags.push_back(name);
      if (!flag.value.empty()) {
        values[flag.value].push_back(quoted(path + " " + name));
      }
    }
  }
  table += "    " + quoted(path) + ") commands=" + quoted(join(commands, " ")) +
           " flags=" + quoted(join(flags, " ")) + " operand=" + quoted(command.operand) + " ;;\n";
  for (const CommandSpec& sub : command.commands) {
    collect(sub, path.empty() ? sub.name : path + " " + sub.name, table, values);
  }
}

}  // namespace

std::string bash_script(const CommandSpec& tree) {
  std::string table;
  FlagsByValue values;
  collect(tree, "", table, values);
  std::vector<std::string> with_values = connection_flags();
  for (std::string& flag : with_values) {
    flag += "=*";
  }
  std::string script = replaced(replaced(kHead, "@FLAGS_EQ@", join(with_values, " | ")), "@FLAGS@",
                                join(connection_flags(), " | "));
  script += "# What the command $1 takes.\n_hearth_table() {\n  commands= flags= operand=\n";
  script += "  case $1 in\n" + table + "  esac\n}\n\n";
  script += "# What follows the flag $2 of the command $1; nothing: it takes no value.\n";
  script += "_hearth_value() {\n  value=\n  case \"$1 $2\" in\n";
  for (const auto& [value, flags] : values) {
    script += "    " + join(flags, " | \\\n      ") + ") value=" + quoted(value) + " ;;\n";
  }
  return script + "  esac\n}\n" + kTail;
}

}  // namespace hearth::cli
