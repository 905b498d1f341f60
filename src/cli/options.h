// What the command line said, as values; parse.cc (the only user of CLI11) makes them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tls/context.h"

namespace hearth::cli {

// For every command that talks to a controller.
struct Common {
  std::string url;         // --url, else HEARTH_URL, else the default
  tls::ClientFiles tls;    // --ca …, else HEARTH_CA …
  std::string token_file;  // --token-file; else HEARTH_TOKEN, else none
  bool json = false;
};

// The flags of run and submit, as they were written; job_request.h checks them and makes the body.
struct JobOptions {
  std::string name;
  std::string queue;
  std::string cpu;
  std::string cpu_limit;
  std::string memory;
  std::int64_t gpus = 0;
  std::vector<std::string> resources;
  std::string timeout;
  std::string grace;
  std::int64_t retries = 0;
  std::vector<std::int32_t> retry_on_exit;
  std::optional<std::int64_t> max_lost;
  std::vector<std::string> env;
  std::string cwd;
  std::string stdin_from;
  std::string script_from;  // then `command` holds the script's arguments
  std::string language;
  std::string image;
  std::string upload_from;
  std::vector<std::string> results;
  std::string sandbox;
  std::vector<std::string> requires_labels;
  std::vector<std::string> labels;
  std::int64_t priority = 0;
  std::vector<std::string> after;
  std::string group;
  std::int64_t group_limit = 0;
  std::string delay;
  std::string max_queue;
  std::string on_infeasible;
  std::string on_output_limit;
  std::string idempotency_key;
  std::string array;
  std::vector<std::string> command;
};

struct RunCommand {
  Common common;
  JobOptions job;
};
struct SubmitCommand {
  Common common;
  JobOptions job;
  std::string from;  // NDJSON or JSON array of bodies: a file or "-"
  bool wait = false;
};
struct JobsCommand {
  Common common;
  std::string id;
  std::vector<std::string> states;
  std::vector<std::string> labels;
  std::string queue;
  std::string name;
  std::int64_t limit = 50;
};
struct LogsCommand {
  Common common;
  std::string id;
  bool follow = false;
  std::string stream;  // "", "stdout" or "stderr"
  std::optional<std::int64_t> attempt;
};
struct ResultsCommand {
  Common common;
  std::string id;
  std::string path;  // one file, to stdout
  std::string to;    // a folder for all of them
  std::optional<std::int64_t> attempt;
};
struct CancelCommand {
  Common common;
  std::vector<std::string> ids;
};
struct RetryCommand {
  Common common;
  std::string id;
};
struct ExplainCommand {
  Common common;
  std::string id;
};
struct AgentsCommand {
  Common common;
};
struct WorkersCommand {
  Common common;
};
struct TopCommand {
  Common common;
  bool once = false;
  std::string sort = "cpu";
  std::string filter;
  std::string interval = "1s";
};
struct DrainCommand {
  Common common;
  std::string agent;
  bool undo = false;
};
// Works on files of this machine; no controller is asked.
struct CertCommand {
  enum class Action { Init, Server, Client, Show };
  Action action = Action::Init;
  std::string dir = "hearth-tls";
  std::vector<std::string> hosts;
  std::string name = "server";
  std::int64_t days = 397;
  std::string file;
};
enum class TokenAction { Create, List, Revoke };
struct TokenCommand {
  Common common;
  TokenAction action = TokenAction::List;
  std::string data;  // the data directory of a controller that does not run; empty: over REST
  std::string name;
  std::string scopes;
  std::string expires;
  std::string agent;
  bool join = false;
  std::int64_t uses = 1;
  std::vector<std::string> ids;
};
struct VersionCommand {};

// up, controller, agent, config: run by the program itself. `flags` by setting name.
enum class DaemonKind { Up, Controller, Agent, Config };
struct DaemonCommand {
  DaemonKind kind = DaemonKind::Up;
  std::map<std::string, std::string> flags;
  std::string config_file;
  bool json = false;
};

// Help or version text was asked for, or the usage was wrong: print and leave.
struct Message {
  std::string text;
  int exit_code = 0;  // 0: to stdout, 2: to stderr
};

using Invocation =
    std::variant<RunCommand, SubmitCommand, JobsCommand, LogsCommand, ResultsCommand, CancelCommand,
                 RetryCommand, ExplainCommand, AgentsCommand, WorkersCommand, TopCommand,
                 DrainCommand, TokenCommand, CertCommand, VersionCommand, DaemonCommand, Message>;

// `arguments` without the program's name.
Invocation parse_command_line(const std::vector<std::string>& arguments);

}  // namespace hearth::cli
