#include "cli/job_request.h"

#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "config/quantity.h"
#include "config/settings.h"
#include "net/json_writer.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr auto kExtensions = std::to_array<std::pair<std::string_view, std::string_view>>({
    {".js", "js"},
    {".mjs", "js"},
    {".cjs", "js"},
    {".py", "python"},
    {".sh", "sh"},
    {".bash", "sh"},
});

Error for_flag(const char* flag, const Error& error) {
  return invalid_argument(std::string(flag) + ": " + error.message);
}

Result<json::object> pairs(const char* flag, const std::vector<std::string>& items) {
  json::object object;
  for (const std::string& item : items) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      return invalid_argument(std::string(flag) + ": '" + item + "' is not NAME=VALUE");
    }
    object[item.substr(0, equals)] = item.substr(equals + 1);
  }
  return object;
}

Result<> set_pairs(json::object& body, const char* key, const char* flag,
                   const std::vector<std::string>& items) {
  if (!items.empty()) {
    HEARTH_ASSIGN(body[key], pairs(flag, items));
  }
  return {};
}

Result<> set_duration(json::object& body, const char* key, const char* flag,
                      const std::string& text) {
  if (!text.empty()) {
    const auto parsed = config::parse_duration(text);
    if (!parsed) {
      return for_flag(flag, parsed.error());
    }
    body[key] = parsed->count();
  }
  return {};
}

Result<> set_cpu(json::object& body, const char* key, const char* flag, const std::string& text) {
  if (!text.empty()) {
    const auto parsed = config::parse_cpu_milli(text);
    if (!parsed) {
      return for_flag(flag, parsed.error());
    }
    body[key] = static_cast<double>(*parsed) / 1000.0;
  }
  return {};
}

void set_text(json::object& body, const char* key, const std::string& text) {
  if (!text.empty()) {
    body[key] = text;
  }
}

Result<> set_limits(json::object& body, const JobOptions& options) {
  HEARTH_TRY(set_cpu(body, "requiredCpu", "--cpu", options.cpu));
  HEARTH_TRY(set_cpu(body, "cpuLimit", "--cpu-limit", options.cpu_limit));
  if (!options.memory.empty()) {
    const auto bytes = config::parse_memory_bytes(options.memory);
    if (!bytes) {
      return for_flag("--memory", bytes.error());
    }
    body["requiredRamMb"] = (*bytes + limits::kMiB - 1) / limits::kMiB;
  }
  if (options.gpus != 0) {
    body["gpus"] = options.gpus;
  }
  json::object resources;
  for (const std::string& item : options.resources) {
    HEARTH_ASSIGN(const auto one, pairs("--resource", {item}));
    const auto amount = config::parse_integer(std::string(one.begin()->value().as_string()));
    if (!amount) {
      return for_flag("--resource", amount.error());
    }
    resources[one.begin()->key()] = *amount;
  }
  if (!resources.empty()) {
    body["resources"] = std::move(resources);
  }
  HEARTH_TRY(set_duration(body, "timeoutMs", "--timeout", options.timeout));
  HEARTH_TRY(set_duration(body, "graceMs", "--grace", options.grace));
  set_text(body, "onOutputLimit", options.on_output_limit);
  return {};
}

Result<> set_after(json::object& body, const JobOptions& options) {
  json::array after;
  for (const std::string& item : options.after) {
    const std::size_t colon = item.find(':');
    if (colon == std::string::npos) {
      after.push_back(json::string(item));
    } else {
      after.push_back(json::object{{"id", item.substr(0, colon)}, {"on", item.substr(colon + 1)}});
    }
  }
  if (!after.empty()) {
    body["after"] = std::move(after);
  }
  return {};
}

Result<> set_array(json::object& body, const std::string& range) {
  if (range.empty()) {
    return {};
  }
  const std::size_t dash = range.find('-', 1);
  const auto from = config::parse_integer(range.substr(0, dash));
  const auto to = config::parse_integer(dash == std::string::npos ? "" : range.substr(dash + 1));
  if (!from || !to) {
    return invalid_argument("--array: '" + range + "' is not A-B; write for example 1-100");
  }
  body["array"] = json::object{{"from", *from}, {"to", *to}};
  return {};
}

Result<> set_placement(json::object& body, const JobOptions& options, TimePoint now) {
  HEARTH_TRY(set_pairs(body, "requires", "--require", options.requires_labels));
  set_text(body, "sandbox", options.sandbox);
  set_text(body, "image", options.image);
  set_text(body, "queue", options.queue);
  set_text(body, "group", options.group);
  if (options.group_limit != 0) {
    body["groupLimit"] = options.group_limit;
  }
  if (options.priority != 0) {
    body["priority"] = options.priority;
  }
  HEARTH_TRY(set_after(body, options));
  if (!options.delay.empty()) {
    const auto delay = config::parse_duration(options.delay);
    if (!delay) {
      return for_flag("--delay", delay.error());
    }
    body["notBefore"] = to_rfc3339(now + *delay);
  }
  HEARTH_TRY(set_duration(body, "maxQueueMs", "--max-queue", options.max_queue));
  set_text(body, "onInfeasible", options.on_infeasible);
  return set_array(body, options.array);
}

Result<> set_script(json::object& body, const JobOptions& options, const std::string& code) {
  if (code.empty()) {
    return invalid_argument("--script: " + options.script_from + " is empty");
  }
  if (!net::is_utf8(code)) {
    return invalid_argument("--script: " + options.script_from +
                            " is no UTF-8 text; send such a file with --stdin, or convert it");
  }
  std::string language = options.language;
  if (language.empty()) {
    HEARTH_ASSIGN(language, language_of_file(options.script_from));
  }
  json::object script{{"language", language}, {"code", code}};
  if (!options.command.empty()) {
    script["args"] = json::array(options.command.begin(), options.command.end());
  }
  body["script"] = std::move(script);
  return {};
}

Result<> set_command(json::object& body, const JobOptions& options) {
  if (!options.language.empty()) {
    return invalid_argument("--language has a meaning only with --script");
  }
  if (options.command.empty()) {
    return invalid_argument(
        "no command; write it after --, for example: hearth run -- echo hello, or name a script "
        "with --script");
  }
  body["command"] = json::array(options.command.begin(), options.command.end());
  return {};
}

}  // namespace

Result<std::string> language_of_file(const std::string& path) {
  for (const auto& [extension, language] : kExtensions) {
    if (path.ends_with(extension)) {
      return std::string(language);
    }
  }
  return invalid_argument("--script: which language " + (path == "-" ? "standard input" : path) +
                          " holds cannot be told by its name; add --language js, python, sh or "
                          "what else agents offer");
}

Result<std::string> job_request_body(const JobOptions& options, const JobInputs& inputs,
                                     TimePoint now) {
  json::object body;
  HEARTH_TRY(options.script_from.empty() ? set_command(body, options)
                                         : set_script(body, options, inputs.code));
  set_text(body, "name", options.name);
  set_text(body, "cwd", options.cwd);
  set_text(body, "upload", inputs.upload);
  if (!options.results.empty()) {
    body["results"] = json::array(options.results.begin(), options.results.end());
  }
  set_text(body, "stdin", inputs.stdin_bytes);
  set_text(body, "idempotencyKey", options.idempotency_key);
  HEARTH_TRY(set_pairs(body, "labels", "--label", options.labels));
  HEARTH_TRY(set_pairs(body, "env", "--env", options.env));
  if (options.retries != 0) {
    body["maxRetries"] = options.retries;
  }
  if (!options.retry_on_exit.empty()) {
    body["retryOn"] = json::object{
        {"exitCodes", json::array(options.retry_on_exit.begin(), options.retry_on_exit.end())}};
  }
  if (options.max_lost) {
    body["maxLost"] = *options.max_lost;
  }
  HEARTH_TRY(set_limits(body, options));
  HEARTH_TRY(set_placement(body, options, now));
  return json::serialize(body);
}

std::string_view batch_content_type(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '[' ? "application/json"
                                                               : "application/x-ndjson";
}

}  // namespace hearth::cli
