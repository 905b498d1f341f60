#include "agent/runtimes/languages.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <memory>

#include "base/unique_fd.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kNameBytesMax = 32;
constexpr std::array<std::string_view, 5> kSystemFolders = {"/usr/", "/bin/", "/sbin/", "/lib/",
                                                            "/lib64/"};
// Too much of the machine to be shown to a stranger's script.
constexpr std::array<std::string_view, 8> kNeverShown = {"",     "/home", "/root", "/opt",
                                                         "/etc", "/var",  "/srv",  "/tmp"};

Error bad_setting(const std::string& name, const std::string& why) {
  return invalid_field("languages", "the language \"" + name + "\" " + why +
                                        "; write NAME = \"PROGRAM [OPTION…] {FILE}\", as in "
                                        "js = \"node {main.js}\"");
}

bool is_language_name(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789+#_.-";
  return !name.empty() && static_cast<std::int64_t>(name.size()) <= kNameBytesMax &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (text.empty()) {
      return words;
    }
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

bool is_in_braces(const std::string& word) {
  return word.size() >= 2 && word.front() == '{' && word.back() == '}';
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name.front() != '.' &&
         name.front() != '-';
}

WarmKind warm_kind_of(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  if (name == "node" || name == "nodejs") {
    return WarmKind::Node;
  }
  return name.starts_with("python3") ? WarmKind::Python : WarmKind::None;
}

// Absolute and without links, or why it will not do.
Result<std::string> look_at(const std::string& file) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(file.c_str(), nullptr),
                                                         &std::free);
  struct stat info {};
  if (!real || stat(real.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      access(real.get(), X_OK) != 0) {
    return not_found("there is no program " + file);
  }
  const UniqueFd fd(open(real.get(), O_RDONLY | O_CLOEXEC));
  std::array<char, 2> start{};
  if (fd.valid() && read(fd.get(), start.data(), start.size()) == 2 && start[0] == '#' &&
      start[1] == '!') {
    return not_found(file + " is a script that starts something else; name the program itself");
  }
  return std::string(real.get());
}

Result<std::string> find_program(const std::string& word, std::string_view path) {
  if (word.find('/') != std::string::npos) {
    return look_at(word);
  }
  Error last = not_found("there is no " + word + " in " + std::string(path));
  while (!path.empty()) {
    const std::size_t end = std::min(path.find(':'), path.size());
    const std::string file = std::string(path.substr(0, end)) + "/" + word;
    path.remove_prefix(std::min(end + 1, path.size()));
    auto found = look_at(file);
    if (found) {
      return found;
    }
    if (access(file.c_str(), F_OK) == 0) {
      last = found.error();  // a shim: the real one may come later
    }
  }
  return last;
}

// Where an interpreter outside the system's folders has its library: beside the bin/ it is in.
Result<std::string> folder_of(const std::string& program) {
  for (const std::string_view system : kSystemFolders) {
    if (program.starts_with(system)) {
      return std::string();
    }
  }
  std::string folder = program.substr(0, program.rfind('/'));
  if (folder.ends_with("/bin")) {
    folder.resize(folder.size() - 4);
  }
  if (std::ranges::find(kNeverShown, folder) != kNeverShown.end()) {
    return invalid_field("languages", "to run " + program + " scripts would have to see all of \"" +
                                          (folder.empty() ? "/" : folder) +
                                          "\"; install it in a folder of its own");
  }
  return folder;
}

}  // namespace

const LanguageSettings& default_languages() {
  static const LanguageSettings defaults = {
      {"js", "node {main.js}"},
      {"python", "python3 -u {main.py}"},  // -u: what it prints is seen when it prints it
      {"sh", "bash {main.sh}"},
  };
  return defaults;
}

Result<Language> parse_language(const std::string& name, std::string_view setting) {
  if (!is_language_name(name)) {
    return bad_setting(name, "has a name that is not 1 to " + std::to_string(kNameBytesMax) +
                                 " of a-z 0-9 + # _ . -");
  }
  std::vector<std::string> words = words_of(setting);
  const auto file = std::ranges::find_if(words, is_in_braces);
  if (file == words.end() || file == words.begin() ||
      std::find_if(file + 1, words.end(), is_in_braces) != words.end()) {
    return bad_setting(name, "must name a program and, once and in braces, the script's file");
  }
  const std::string file_name = file->substr(1, file->size() - 2);
  if (!is_file_name(file_name)) {
    return bad_setting(name, "has a file {" + file_name + "} that is no plain name");
  }
  return Language{.name = name,
                  .program = words.front(),
                  .options = {words.begin() + 1, file},
                  .file = file_name,
                  .after = {file + 1, words.end()},
                  .folder = {},
                  .warm = warm_kind_of(words.front())};
}

Result<FoundLanguages> find_languages(const LanguageSettings& settings, std::string_view path) {
  FoundLanguages found;
  LanguageSettings all = settings;
  all.insert(default_languages().begin(), default_languages().end());
  for (const auto& [name, setting] : all) {
    if (setting.empty()) {
      continue;
    }
    HEARTH_ASSIGN(Language language, parse_language(name, setting));
    auto program = find_program(language.program, path);
    if (!program && !settings.contains(name)) {
      found.missing.push_back("scripts in \"" + name +
                              "\" are not offered: " + program.error().message);
      continue;
    }
    if (!program) {
      return program.error().with_context("setting languages, \"" + name + "\"");
    }
    language.program = std::move(*program);
    HEARTH_ASSIGN(language.folder, folder_of(language.program));
    found.languages.emplace(name, std::move(language));
  }
  return found;
}

}  // namespace hearth::agent
