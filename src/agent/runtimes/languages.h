// The interpreters an agent has for scripts, from its settings.
//
// A setting is a name and a command line with the script's file in braces, "node {main.js}": the
// file's name decides what the interpreter makes of it and what stands in error messages. The
// interpreter is found once, at the agent's start, as the program itself: a shim that looks for the
// real one each time costs more than most scripts and depends on an environment that scripts do not
// have.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::agent {

// How an interpreter of the language can be started ahead of its script, if at all.
enum class WarmKind : std::uint8_t { None, Node, Python };

struct Language {
  std::string name;
  std::string program;               // absolute, no link
  std::vector<std::string> options;  // between the program and the file
  std::string file;                  // in the working directory
  std::vector<std::string> after;    // between the file and the script's own arguments
  std::string folder;                // to be shown in a sandbox beside the system's; "" for none
  WarmKind warm = WarmKind::None;
};

// By the name of the language.
using LanguageSettings = std::map<std::string, std::string>;

// What is offered where nothing is configured and the interpreter is there.
const LanguageSettings& default_languages();

// Pure: everything but where the program is; `program` is then the word that was given.
Result<Language> parse_language(const std::string& name, std::string_view setting);

struct FoundLanguages {
  std::map<std::string, Language> languages;
  std::vector<std::string> missing;  // a sentence for each of the defaults that is not there
};

// The defaults with `settings` over them; an empty setting takes a default away. Looks for programs
// in `path`. InvalidArgument for a setting that makes no sense, NotFound for one whose program is
// not there.
Result<FoundLanguages> find_languages(const LanguageSettings& settings, std::string_view path);

}  // namespace hearth::agent
