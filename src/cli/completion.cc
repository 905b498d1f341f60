#include "cli/completion.h"

#include "cli/completion_parts.h"

namespace hearth::cli {

std::optional<Words> words_of(const ValueName& value) {
  constexpr std::string_view kMore = ",...";
  if (value.find('|') == std::string::npos) {
    return std::nullopt;
  }
  Words result;
  std::string_view rest = value;
  if (rest.ends_with(kMore)) {
    result.are_list = true;
    rest.remove_suffix(kMore.size());
  }
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    result.words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return result;
}

std::string_view asked_as(const ValueName& value) {
  if (value == "JOB") {
    return "jobs";
  }
  if (value == "AGENT") {
    return "agents";
  }
  return value == "TOKEN" ? "token list" : "";
}

std::vector<std::string> connection_flags() {
  return {"--url", "--ca", "--client-cert", "--client-key", "--token-file"};
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    text.append(text.empty() ? "" : between).append(word);
  }
  return text;
}

std::string quoted(std::string_view text) {
  return "'" + replaced(std::string(text), "'", "'\\''") + "'";
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
  return text;
}

std::string completion_script(std::string_view shell, const CommandSpec& tree) {
  if (shell == "zsh") {
    return zsh_script(tree);
  }
  return shell == "fish" ? fish_script(tree) : bash_script(tree);
}

}  // namespace hearth::cli
