// What the three scripts share. Private to them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/completion.h"

namespace hearth::cli {

std::string bash_script(const CommandSpec& tree);
std::string zsh_script(const CommandSpec& tree);
std::string fish_script(const CommandSpec& tree);

// The words of "a|b" and "a|b,..."; nullopt for every other value.
struct Words {
  std::vector<std::string> words;
  bool are_list = false;
};
std::optional<Words> words_of(const ValueName& value);

// JOB -> "jobs": what `hearth WORD` lists with the ids first; "" for what is not asked for.
std::string_view asked_as(const ValueName& value);

// Flags that say where the controller is and who asks; they are passed on when it is asked.
std::vector<std::string> connection_flags();

std::string join(const std::vector<std::string>& words, std::string_view between);
// 'text' for any shell.
std::string quoted(std::string_view text);
// `text` with each `@NAME@` of `name` replaced.
std::string replaced(std::string text, std::string_view mark, std::string_view by);

}  // namespace hearth::cli
