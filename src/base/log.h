// Structured log lines: a sentence and named values, so that a job's whole story is one grep.
//
// A Log is made in main and handed down by reference; there is no global one. An error is either
// logged or returned, never both. Thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

enum class LogLevel : std::uint8_t { Debug, Info, Warn, Error, Off };
std::string_view to_string(LogLevel level);

// One named value, e.g. {"job", id} or {"bytes", 17}.
struct LogField {
  std::string name;
  std::string value;
  bool is_text = true;

  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, std::integral auto number)
      : name(field_name), value(std::to_string(number)), is_text(false) {}
};

using LogFields = std::span<const LogField>;
using LogFieldList = std::initializer_list<LogField>;

class Log {
 public:
  virtual ~Log() = default;

  void debug(std::string_view message, LogFieldList fields = {}) {
    log(LogLevel::Debug, message, fields);
  }
  void info(std::string_view message, LogFieldList fields = {}) {
    log(LogLevel::Info, message, fields);
  }
  void warn(std::string_view message, LogFieldList fields = {}) {
    log(LogLevel::Warn, message, fields);
  }
  void error(std::string_view message, LogFieldList fields = {}) {
    log(LogLevel::Error, message, fields);
  }
  void log(LogLevel level, std::string_view message, LogFieldList fields) {
    log_fields(level, message, {fields.begin(), fields.size()});
  }
  void log_fields(LogLevel level, std::string_view message, LogFields fields) {
    if (level >= lowest_) {
      write(level, message, fields);
    }
  }
  // For fields that are dear to make.
  [[nodiscard]] bool is_on(LogLevel level) const { return level >= lowest_; }
  [[nodiscard]] LogLevel lowest() const { return lowest_; }

 protected:
  explicit Log(LogLevel lowest) : lowest_(lowest) {}

 private:
  virtual void write(LogLevel level, std::string_view message, LogFields fields) = 0;

  const LogLevel lowest_;
};

// Passes lines on with more fields, for a part whose every line is about the same thing: an agent's
// name its agent, whoever writes them.
class ContextLog final : public Log {
 public:
  // `to` outlives it.
  ContextLog(Log& to, std::vector<LogField> context)
      : Log(to.lowest()), to_(to), context_(std::move(context)) {}

 private:
  void write(LogLevel level, std::string_view message, LogFields fields) override;

  Log& to_;
  const std::vector<LogField> context_;
};

enum class LogFormat : std::uint8_t { Text, Json };

// One line each on stderr: `2026-01-31T12:00:00.123Z info  message job=17 reason="two words"`, or
// one JSON object with time, level, message and the fields.
std::unique_ptr<Log> make_stderr_log(LogLevel lowest, LogFormat format);
// Drops everything.
std::unique_ptr<Log> make_null_log();

// `message job=17 reason="two words"`: control characters and quotes are escaped, so that hostile
// text never forges a line.
std::string format_text_line(std::string_view message, LogFields fields);
inline std::string format_text_line(std::string_view message, LogFieldList fields) {
  return format_text_line(message, LogFields(fields.begin(), fields.size()));
}
// `"message":"...","job":17`, without braces; bytes that are no UTF-8 become U+FFFD.
std::string format_json_members(std::string_view message, LogFields fields);
inline std::string format_json_members(std::string_view message, LogFieldList fields) {
  return format_json_members(message, LogFields(fields.begin(), fields.size()));
}

}  // namespace hearth
