#include "cli/job_line.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/json_text.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kLineBytesMax = 1024;
constexpr std::string_view kBlank = " \t\r\n\v\f";

std::string words_of(const json::array& command) {
  std::string line;
  for (const json::value& word : command) {
    if (word.is_string() && line.size() < kLineBytesMax) {
      line += (line.empty() ? "" : " ") + std::string(word.get_string());
    }
  }
  return line;
}

std::string first_line_of(std::string_view code) {
  code.remove_prefix(std::min(code.size(), code.find_first_not_of(kBlank)));
  code = code.substr(0, code.find_first_of("\r\n"));
  return std::string(code.substr(0, code.find_last_not_of(kBlank) + 1));
}

}  // namespace

std::string job_line(const json::value& job) {
  const json::object* object = job.if_object();
  if (object == nullptr) {
    return "";
  }
  if (const auto* command = object->if_contains("command");
      command != nullptr && command->is_array()) {
    return cut_text(words_of(command->get_array()), kLineBytesMax);
  }
  if (const auto* script = object->if_contains("script");
      script != nullptr && script->is_object()) {
    return cut_text(text_of(*script, "language") + ": " + first_line_of(text_of(*script, "code")),
                    kLineBytesMax);
  }
  return "";
}

}  // namespace hearth::cli
