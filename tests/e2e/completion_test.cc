// The scripts of `hearth completion` in the shells they are for.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

using harness::ClusterTest;
using harness::Exit;
using harness::Program;
using harness::program_path;

namespace {

using Words = std::set<std::string>;

// Calls the function as bash does, with the line taken apart at spaces, = and :.
constexpr const char* kBash = R"sh(
source "$SCRIPT" || exit 3
COMP_WORDS=() word=
for ((i = 0; i < ${#LINE}; i++)); do
  c=${LINE:i:1}
  if [[ $c == ' ' ]]; then
    [[ -n $word ]] && COMP_WORDS+=("$word")
    word=
  elif [[ $c == [=:] ]]; then
    [[ -n $word ]] && COMP_WORDS+=("$word")
    COMP_WORDS+=("$c")
    word=
  else
    word+=$c
  fi
done
[[ -n $word || $LINE == *' ' ]] && COMP_WORDS+=("$word")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$LINE COMP_POINT=${#LINE}
_hearth
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
)sh";

constexpr const char* kFish = R"sh(
source $SCRIPT; or exit 3
for found in (complete -C "$LINE")
    string split --fields 1 \t -- $found
end
true
)sh";

// Completion works in a line editor only: an interactive zsh on a pseudo-terminal of zsh's own,
// whose compadd tells what it was given.
constexpr const char* kZsh = R"sh(
zmodload zsh/zpty || exit 3
zpty inner zsh -f -i
zpty -w inner 'PS1= RPS1=; stty -echo; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source $SCRIPT'
zpty -w inner 'compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi; local -a hits; builtin compadd -A hits "$@"; (( $#hits )) && print -rl -- $hits >> $HITS; builtin compadd "$@" }'
zpty -w inner 'finish() { print "EN""D" }; zle -N finish; bindkey "^T" finish; bindkey "^I" complete-word; zstyle ":completion:*" completer _complete; LISTMAX=1000; print "READ""Y"'
zpty -r -m inner line '*READY*'
zpty -w -n inner "$LINE"$'\t\x14'
zpty -r -m inner line '*END*'
zpty -d inner
cat $HITS
)sh";

struct Shell {
  std::string name;
  std::vector<std::string> command;  // completes $LINE by $SCRIPT and prints what is offered
};

const std::vector<Shell>& shells() {
  static const std::vector<Shell> all = {{"bash", {"bash", "--norc", "-c", kBash}},
                                         {"fish", {"fish", "-N", "-c", kFish}},
                                         {"zsh", {"zsh", "-f", "-c", kZsh}}};
  return all;
}

// Shells differ in how much of the word they repeat: `--flag=`, what stands before a comma, the
// folder.
std::string last_part(std::string word) {
  word.erase(word.find_last_not_of(" /\r=") + 1);
  const std::size_t end = word.find_last_of("=,/:");
  return end == std::string::npos ? word : word.substr(end + 1);
}

class CompletionTest : public ClusterTest {
 protected:
  // What each shell offers at the end of `line`; they have to agree.
  Words offered(const std::string& line) {
    const Words first = offered_by(shells().front(), line);
    for (const Shell& shell : shells()) {
      EXPECT_EQ(offered_by(shell, line), first) << shell.name << ": " << line;
    }
    return first;
  }

  Words offered_by(const Shell& shell, const std::string& line) {
    const std::string script = scratch("completion." + shell.name);
    if (!std::ifstream(script)) {
      const Exit made = hearth({"completion", shell.name});
      EXPECT_EQ(made.code, 0) << made.err;
      std::ofstream(script) << made.out;
    }
    const std::string hits = scratch("hits");
    std::ofstream(hits).close();
    const std::string bin = program_path("hearth");
    // By env, whose assignments replace what is there already.
    std::vector<std::string> command = {"env",
                                        "PATH=" + bin.substr(0, bin.rfind('/')) + ":/usr/bin:/bin"};
    command.insert(command.end(), shell.command.begin(), shell.command.end());
    Program program(scratch(""), std::move(command),
                    {.environment = {{"SCRIPT", script},
                                     {"LINE", line},
                                     {"HITS", hits},
                                     {"TERM", "dumb"},
                                     {"HEARTH_URL", controller_}},
                     .stdin_bytes = {},
                     .directory = {}});
    const Exit exit = program.wait();
    EXPECT_EQ(exit.code, 0) << shell.name << ": " << exit.err;
    EXPECT_EQ(exit.err, "") << shell.name << ": " << line;
    Words words;
    std::istringstream lines(exit.out);
    for (std::string word; std::getline(lines, word);) {
      words.insert(last_part(word));
    }
    return words;
  }

  std::string controller_ = "127.0.0.1:1";  // nobody listens there
};

TEST_F(CompletionTest, CommandsFlagsAndWordsComeFromTheParser) {
  const Words commands = offered("hearth ");
  for (const char* command : {"up", "run", "submit", "jobs", "cert", "token", "completion"}) {
    EXPECT_TRUE(commands.contains(command)) << command;
  }
  EXPECT_EQ(offered("hearth ru"), Words{"run"});
  EXPECT_EQ(offered("hearth run --prio"), Words{"--priority"});
  EXPECT_EQ(offered("hearth cert "), (Words{"init", "server", "client", "show"}));
  EXPECT_EQ(offered("hearth cert init --da"), Words{"--days"});
  EXPECT_EQ(offered("hearth run --name x --sandbox "), (Words{"none", "process", "image"}));
  EXPECT_EQ(offered("hearth run --sandbox=p"), Words{"process"});
  EXPECT_EQ(offered("hearth up --log-level w"), Words{"warning"});
  EXPECT_EQ(offered("hearth token create --scope submit,r"), Words{"read"});
  EXPECT_EQ(offered("hearth completion "), (Words{"bash", "zsh", "fish"}));
  EXPECT_EQ(offered("hearth run --name "), Words{}) << "nobody else knows";
}

TEST_F(CompletionTest, FilesFoldersAndTheCommandOfAJob) {
  std::filesystem::create_directories(scratch("things/folder"));
  std::ofstream(scratch("things/file")) << "x";
  const std::string things = scratch("things/f");
  EXPECT_EQ(offered("hearth submit --from " + things), (Words{"file", "folder"}));
  EXPECT_EQ(offered("hearth cert init --dir " + things), Words{"folder"});
  EXPECT_EQ(offered("hearth cert show " + things), (Words{"file", "folder"}));
  EXPECT_EQ(offered("hearth run --cpu 1 -- cat " + things), (Words{"file", "folder"}));
  EXPECT_TRUE(offered_by(shells().front(), "hearth run -- tru").contains("true"));
}

TEST_F(CompletionTest, IdsAreAskedFromTheControllerAndSilenceIsNoError) {
  start_up({"--id", "here"});
  const std::string first = submit({{"command", {"true"}}});
  const std::string second = submit({{"command", {"true"}}});
  EXPECT_EQ(offered("hearth logs "), Words{}) << "no controller is there";
  EXPECT_EQ(offered("hearth logs --url " + http() + " "), (Words{first, second}));
  controller_ = http();
  EXPECT_EQ(offered("hearth logs "), (Words{first, second}));
  EXPECT_EQ(offered("hearth cancel " + first + " " + second), Words{second});
  EXPECT_EQ(offered("hearth run --after " + first), Words{first});
  EXPECT_EQ(offered("hearth drain "), Words{"here"});
}

// Every word that is offered for a state is one that the server knows.
TEST_F(CompletionTest, TheServerKnowsTheStatesThatAreOffered) {
  start_up();
  const Words states = offered_by(shells().front(), "hearth jobs --state ");
  EXPECT_EQ(states.size(), 8U);
  for (const std::string& state : states) {
    EXPECT_EQ(hearth({"jobs", "--state", state}).code, 0) << state;
  }
  EXPECT_NE(hearth({"jobs", "--state", "SLEEPING"}).code, 0);
}

}  // namespace
}  // namespace hearth::e2e
