#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hearth {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warn:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
    case LogLevel::Off:
      break;
  }
  return spdlog::level::off;
}

void append_hex_escape(std::string& out, std::string_view prefix, unsigned char byte) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out += prefix;
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 0xfU];
}

bool is_control(unsigned char byte) {
  return byte < 0x20 || byte == 0x7f;
}

// Shared by both formats; only the spelling of control characters differs (\x1b, \u001b).
void append_escaped(std::string& out, char c, std::string_view control_prefix) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else if (is_control(byte)) {
    append_hex_escape(out, control_prefix, byte);
  } else {
    out += c;
  }
}

bool needs_quotes(std::string_view text) {
  for (const char c : text) {
    if (c == ' ' || c == '"' || c == '\\' || c == '=' ||
        is_control(static_cast<unsigned char>(c))) {
      return true;
    }
  }
  return text.empty();
}

// Length of the UTF-8 sequence at the start of `text`, 0 if there is none (overlong forms,
// surrogates and values past U+10FFFF are none).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (at(i) & 0xc0U) == 0x80U; };
  const unsigned char first = at(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return follows(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef && follows(1) && follows(2)) {
    const bool overlong = first == 0xe0 && at(1) < 0xa0;
    const bool surrogate = first == 0xed && at(1) >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && follows(1) && follows(2) && follows(3)) {
    const bool overlong = first == 0xf0 && at(1) < 0x90;
    const bool too_large = first == 0xf4 && at(1) >= 0x90;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else if (length == 1) {
      append_escaped(out, text.front(), "\\u00");
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  out += '"';
}

class StderrLog final : public Log {
 public:
  StderrLog(LogLevel lowest, LogFormat format)
      : Log(lowest),
        format_(format),
        logger_("hearth", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    const std::string pattern = format == LogFormat::Json
                                    ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                    : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
    logger_.set_level(to_spdlog(lowest));
    logger_.flush_on(spdlog::level::debug);
  }

 private:
  void write(LogLevel level, std::string_view message, LogFields fields) override {
    const std::string line = format_ == LogFormat::Json ? format_json_members(message, fields)
                                                        : format_text_line(message, fields);
    logger_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

  const LogFormat format_;
  spdlog::logger logger_;
};

class NullLog final : public Log {
 public:
  NullLog() : Log(LogLevel::Off) {}

 private:
  void write(LogLevel, std::string_view, LogFields) override {}
};

}  // namespace

void ContextLog::write(LogLevel level, std::string_view message, LogFields fields) {
  std::vector<LogField> all(fields.begin(), fields.end());
  for (const LogField& field : context_) {
    const bool is_said = std::ranges::any_of(
        fields, [&field](const LogField& said) { return said.name == field.name; });
    if (!is_said) {
      all.push_back(field);
    }
  }
  to_.log_fields(level, message, all);
}

std::string_view to_string(LogLevel level) {
  static constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warn", "error",
                                                             "off"};
  const auto index = static_cast<std::size_t>(level);
  return index < kNames.size() ? kNames.at(index) : "unknown";
}

std::unique_ptr<Log> make_stderr_log(LogLevel lowest, LogFormat format) {
  return std::make_unique<StderrLog>(lowest, format);
}

std::unique_ptr<Log> make_null_log() {
  return std::make_unique<NullLog>();
}

std::string format_text_line(std::string_view message, LogFields fields) {
  std::string line;
  for (const char c : message) {
    if (is_control(static_cast<unsigned char>(c))) {
      append_escaped(line, c, "\\x");
    } else {
      line += c;
    }
  }
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    if (!needs_quotes(field.value)) {
      line += field.value;
      continue;
    }
    line += '"';
    for (const char c : field.value) {
      append_escaped(line, c, "\\x");
    }
    line += '"';
  }
  return line;
}

std::string format_json_members(std::string_view message, LogFields fields) {
  std::string members = "\"message\":";
  append_json_string(members, message);
  for (const LogField& field : fields) {
    members += ',';
    append_json_string(members, field.name);
    members += ':';
    if (field.is_text) {
      append_json_string(members, field.value);
    } else {
      members += field.value;
    }
  }
  return members;
}

}  // namespace hearth
