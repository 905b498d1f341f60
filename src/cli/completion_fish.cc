#include "cli/completion_parts.h"

namespace hearth::cli {
namespace {

constexpr const char* kHead =
    R"sh(# fish completion for hearth, as printed by `hearth completion fish`.

# True when the line so far is of the command $argv, before any --.
function __hearth_at
    set -l words (commandline -opc)
    set -e words[1]
    contains -- -- $words; and return 1
    test (count $argv) -eq 0; and return 0
    test "$words[1..$(count $argv)]" = "$argv"
end

# True when the command $argv was written and nothing but flags behind it.
function __hearth_needs_command
    set -l words (commandline -opc)
    set -e words[1]
    set words (string match --invert -- '-*' $words)
    test "$words" = "$argv"
end

# True behind the -- of a command that takes the command of a job.
function __hearth_in_job
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv; and contains -- -- $words
end

# What would complete the job's own command line.
function __hearth_job
    set -l words (commandline -opc)
    set -l from (math (contains --index -- -- $words) + 1)
    set -l rest (string escape -- $words[$from..-1])
    complete -C (string join ' ' -- $rest (commandline -ct))
end

# Ids that the controller knows, asked as the line being completed would ask.
function __hearth_ask
    set -l words (commandline -opc)
    set -l with
    for i in (seq 2 (count $words))
        switch $words[$i]
            case @FLAGS_EQ@
                set -a with $words[$i]
            case @FLAGS@
                set -a with $words[$i] $words[(math $i + 1)]
        end
    end
    timeout 1 $words[1] $argv $with 2>/dev/null </dev/null | awk 'NR > 1 { print $1 }'
end

complete -c hearth -e
complete -c hearth -f
)sh";

std::string arguments_of(const ValueName& value) {
  if (value == "FILE") {
    return " -F";
  }
  if (value == "DIR") {
    return " -a '(__fish_complete_directories (commandline -ct))'";
  }
  if (const auto words = words_of(value)) {
    const std::string all = join(words->words, " ");
    return words->are_list ? " -a '(__fish_append , " + all + ")'" : " -a " + quoted(all);
  }
  const std::string_view asked = asked_as(value);
  return asked.empty() ? "" : " -a '(__hearth_ask " + std::string(asked) + ")'";
}

// In fish's single quotes only \ and ' are escaped.
std::string described(std::string_view help) {
  return " -d '" +
         replaced(replaced(replaced(std::string(help), "\\", "\\\\"), "'", "\\'"), "\n", " ") +
         "'\n";
}

void write_command(const CommandSpec& command, const std::string& path, std::string& script,
                   std::vector<std::string>& job_commands) {
  const std::string at =
      "complete -c hearth -n '__hearth_at" + (path.empty() ? "" : " " + path) + "'";
  for (const CommandSpec& sub : command.commands) {
    script += "complete -c hearth -n '__hearth_needs_command" + (path.empty() ? "" : " " + path) +
              "' -a " + sub.name + described(sub.help);
  }
  for (const FlagSpec& flag : command.flags) {
    script += path.empty() ? "complete -c hearth -n '__hearth_needs_command'" : at;
    for (const std::string& name : flag.names) {
      script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!flag.value.empty()) {
      script += (flag.value == "FILE" ? " -r" : " -x") + arguments_of(flag.value);
    }
    script += described(flag.help);
  }
  if (command.operand == "COMMAND") {
    job_commands.push_back(command.name);
  } else if (const std::string arguments = arguments_of(command.operand); !arguments.empty()) {
    script += at + arguments + "\n";
  }
  for (const CommandSpec& sub : command.commands) {
    write_command(sub, path.empty() ? sub.name : path + " " + sub.name, script, job_commands);
  }
}

}  // namespace

std::string fish_script(const CommandSpec& tree) {
  std::vector<std::string> with_values = connection_flags();
  for (std::string& flag : with_values) {
    flag = quoted(flag + "=*");
  }
  std::string script = replaced(replaced(kHead, "@FLAGS_EQ@", join(with_values, " ")), "@FLAGS@",
                                join(connection_flags(), " "));
  std::vector<std::string> job_commands;
  write_command(tree, "", script, job_commands);
  return script + "complete -c hearth -n '__hearth_in_job " + join(job_commands, " ") +
         "' -a '(__hearth_job)'\n";
}

}  // namespace hearth::cli
