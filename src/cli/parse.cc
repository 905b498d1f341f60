#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "auth/token.h"
#include "cli/completion.h"
#include "cli/options.h"
#include "cli/shared_flags.h"
#include "config/settings.h"

namespace hearth::cli {

namespace {

constexpr const char* kOverview =
    "Hearth keeps workers hot: run commands on machines with limits, live output and a durable\n"
    "record.\n\n"
    "Start here:\n"
    "  hearth up                          controller and agent in one process\n"
    "  hearth run -- echo hello           run a command, see its output live\n"
    "  hearth jobs                        what ran and what runs\n";

constexpr const char* kExitCodes =
    "Exit codes: the job's own; 128+N ended by signal N; 127 command missing; 126 not executable;\n"
    "124 timed out; 137 killed by its memory limit; 130 cancelled; 125 Hearth itself failed;\n"
    "2 wrong usage. A job can exit with these too: the last line on stderr carries state and "
    "reason.\n"
    "Ctrl-C cancels the job, a second one leaves it.";

constexpr const char* kStates =
    "SUBMITTED|QUEUED|ASSIGNED|RUNNING|COMPLETED|FAILED|CANCELLED|TIMED_OUT";

// Command lines are seen by everybody on the machine. What a job is to run is its own affair.
bool shows_token(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") {
      return false;
    }
    if (argument == "--token" || argument.starts_with("--token=") || auth::holds_token(argument)) {
      return true;
    }
  }
  return false;
}

constexpr const char* kNoTokenHere =
    "hearth: a token must not stand in a command line, which everybody on this machine can read; "
    "put it\ninto the variable HEARTH_TOKEN or into a file named by --token-file, and revoke one "
    "that was shown\n";

// Without what CLI11 adds about its checks, "TEXT:{a,b}".
ValueName value_of(const CLI::Option& option) {
  const std::string name = option.get_type_name();
  return option.get_items_expected_max() == 0 ? "" : name.substr(0, name.find(":{"));
}

CommandSpec spec_of(const CLI::App& app) {
  CommandSpec spec{.name = app.get_name(), .help = app.get_description()};
  for (const CLI::Option* option : app.get_options()) {
    const bool repeats = option->get_expected_max() > 1;
    if (option->get_positional()) {
      spec.operand = value_of(*option);
      spec.operand_repeats = repeats;
      continue;
    }
    FlagSpec flag{.names = {},
                  .help = option->get_description(),
                  .value = value_of(*option),
                  .repeats = repeats};
    for (const std::string& name : option->get_snames()) {
      flag.names.push_back("-" + name);
    }
    for (const std::string& name : option->get_lnames()) {
      flag.names.push_back("--" + name);
    }
    spec.flags.push_back(std::move(flag));
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    spec.commands.push_back(spec_of(*sub));
  }
  return spec;
}

// CLI11 takes what follows a flag that there is not for the command, and names what is left of
// that. The first such flag and the words that lead to its command, as "hearth submit".
struct UnknownFlag {
  std::string command;
  std::string flag;
};
std::optional<UnknownFlag> find_unknown_flag(const CommandSpec& tree,
                                             const std::vector<std::string>& arguments) {
  const CommandSpec* at = &tree;
  std::string command = tree.name;
  for (const std::string& argument : arguments) {
    if (argument == "--") {
      break;
    }
    const std::string flag = argument.substr(0, argument.find('='));
    if (flag.starts_with("--")) {
      const bool known = std::ranges::any_of(at->flags, [&](const FlagSpec& known_flag) {
        return std::ranges::count(known_flag.names, flag) > 0;
      });
      if (!known) {
        return UnknownFlag{.command = command, .flag = flag};
      }
    }
    const auto sub = std::ranges::find(at->commands, argument, &CommandSpec::name);
    if (sub != at->commands.end()) {
      at = &*sub;
      command += " " + argument;
    }
  }
  return std::nullopt;
}

// Everything CLI11 writes into has to live until parse() is done.
class Parser {
 public:
  Parser() : app_(kOverview, "hearth") {
    app_.require_subcommand(1);
    app_.set_help_all_flag("--help-all", "Help of every command");
    app_.footer("`hearth COMMAND --help` tells more. Times: 500ms, 30s, 5m, 2h, 7d.");
    add_daemons();
    add_work();
    add_looks();
    add_actions();
    add_certificates();
    add_tokens();
  }

  Invocation parse(const std::vector<std::string>& arguments) {
    if (shows_token(arguments)) {
      return Message{kNoTokenHere, 2};
    }
    try {
      app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
      const auto unknown = find_unknown_flag(tree(), arguments);
      if (unknown && error.get_exit_code() != 0) {
        return Message{"hearth: " + unknown->command + " has no flag " + unknown->flag + "; `" +
                           unknown->command + " --help` lists those it has\n",
                       2};
      }
      std::ostringstream out;
      std::ostringstream err;
      const bool wrong = app_.exit(error, out, err) != 0;
      return Message{wrong ? err.str() : out.str(), wrong ? 2 : 0};
    }
    return result_();
  }

  [[nodiscard]] CommandSpec tree() const { return spec_of(app_); }

 private:
  template <class Command>
  CLI::App& command(const char* name, const char* help, Command& target) {
    CLI::App& sub = *app_.add_subcommand(name, help);
    sub.callback([this, &target] { result_ = [&target] { return Invocation(target); }; });
    return sub;
  }

  void add_daemons() {
    add_daemon(DaemonKind::Up, "up", "Controller and agent in one process",
               {"controller", "tls", "ca", "client_cert", "client_key", "heartbeat_interval",
                "token_file"});
    add_daemon(DaemonKind::Controller, "controller", "The controller alone",
               {"controller",
                "tls",
                "ca",
                "client_cert",
                "client_key",
                "id",
                "type",
                "labels",
                "cpu",
                "memory",
                "reserve_memory",
                "gpus",
                "resources",
                "max_parallel_jobs",
                "cgroup_root",
                "cgroup",
                "run_as",
                "sandbox",
                "sandbox_min",
                "sandbox_network",
                "sandbox_disk",
                "sandbox_processes",
                "sandbox_paths",
                "languages",
                "images",
                "warm_slots",
                "warm_always",
                "drain_deadline",
                "token_file",
                "telemetry_bytes_max"});
    add_daemon(DaemonKind::Agent, "agent", "An agent: offers this machine to a controller",
               {"http",
                "grpc",
                "auth",
                "insecure_listen_without_tls_and_tokens",
                "submit_rate_max",
                "tls_cert",
                "tls_key",
                "tls_client_ca",
                "allowed_hosts",
                "heartbeat_interval",
                "heartbeat_timeout",
                "heartbeats_per_second_max",
                "worker_timeout",
                "sweep_interval",
                "starvation_after",
                "queue_jobs_max",
                "retention_age",
                "retention_jobs",
                "retention_output",
                "retention_events_age",
                "retention_events"});
    add_daemon(DaemonKind::Config, "config", "Print what is in force and where it came from", {});
  }

  void add_daemon(DaemonKind kind, const char* name, const char* help,
                  const std::set<std::string_view>& without) {
    auto& daemon = daemons_[static_cast<std::size_t>(kind)];
    daemon.kind = kind;
    CLI::App& sub = command(name, help, daemon);
    sub.add_option("--config", daemon.config_file,
                   "Configuration (default ./hearth.toml, /etc/hearth/hearth.toml)")
        ->type_name("FILE");
    sub.add_flag("--json", daemon.json, "Machine-readable output");
    for (const config::Setting& setting : config::all_settings()) {
      // Where a controller is, it tells the figures of both.
      const bool told_elsewhere =
          setting.name == "metrics" && (kind == DaemonKind::Up || kind == DaemonKind::Controller);
      if (told_elsewhere || without.contains(setting.name)) {
        continue;
      }
      std::string help_text(setting.help);
      if (!setting.fallback.empty()) {
        help_text += " (default " + std::string(setting.fallback) + ")";
      }
      const std::string key(setting.name);
      const CLI::callback_t store = [&daemon, key](const std::vector<std::string>& values) {
        std::string& text = daemon.flags[key];
        text.clear();
        for (const std::string& value : values) {
          text += (text.empty() ? "" : ",") + value;
        }
        return true;
      };
      if (setting.type == config::SettingType::Boolean) {
        sub.add_flag_callback(
            config::flag_of(setting), [&daemon, key] { daemon.flags[key] = "true"; }, help_text);
        continue;
      }
      // --label k=v may be repeated; --labels k=v,k=v is the same.
      const bool labels = setting.type == config::SettingType::Labels;
      const std::string flag = config::flag_of(setting);
      const std::string names = labels ? flag.substr(0, flag.size() - 1) + "," + flag : flag;
      CLI::Option* option = sub.add_option(names, store, help_text);
      option->type_name(!setting.value_name.empty() ? std::string(setting.value_name)
                        : labels                    ? "k=v"
                                                    : "VALUE");
      if (labels) {
        option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
        option->take_all();
      }
    }
  }

  void add_work() {
    CLI::App& run =
        command("run", "Run a command or script as a job: live output, its exit code", run_);
    add_common(run, run_.common);
    add_job_options(run, run_.job);
    run.footer(kExitCodes);
    CLI::App& submit = command("submit", "Submit without waiting; prints the id", submit_);
    add_common(submit, submit_.common);
    add_job_options(submit, submit_.job);
    submit.add_option("--array", submit_.job.array,
                      "A-B: one job per index, HEARTH_ARRAY_INDEX in each");
    submit
        .add_option("--from", submit_.from,
                    "Many jobs: FILE or - with one JSON body per line (or one JSON array)")
        ->type_name("FILE");
    submit.add_flag("--wait", submit_.wait,
                    "Show progress until all have ended; exit 1 if any failed");
  }

  void add_looks() {
    CLI::App& jobs = command("jobs", "List jobs, or show one", jobs_);
    add_common(jobs, jobs_.common);
    jobs.add_option("id", jobs_.id, "Show this job")->type_name("JOB");
    jobs.add_option("--state", jobs_.states, "Only this state; repeatable")
        ->type_name(kStates)
        ->allow_extra_args(false);
    jobs.add_option("--label", jobs_.labels, "Only with this label k=v; repeatable")
        ->allow_extra_args(false);
    jobs.add_option("--queue", jobs_.queue, "Only of this queue");
    jobs.add_option("--name", jobs_.name, "Only with this name");
    jobs.add_option("--limit", jobs_.limit, "How many, newest first (default 50)");
    CLI::App& logs = command("logs", "A job's output", logs_);
    add_common(logs, logs_.common);
    logs.add_option("id", logs_.id, "Job")->required()->type_name("JOB");
    logs.add_flag("-f,--follow", logs_.follow, "Go on until the job ends");
    logs.add_option("--stream", logs_.stream, "Only stdout or stderr")
        ->type_name("stdout|stderr")
        ->check(CLI::IsMember({"stdout", "stderr"}));
    logs.add_option("--attempt", logs_.attempt, "Of this attempt (default: the latest)");
    CLI::App& results = command("results", "The files that a job left", results_);
    add_common(results, results_.common);
    results.add_option("id", results_.id, "Job")->required()->type_name("JOB");
    results.add_option("path", results_.path, "Print this file (default: list all)")
        ->type_name("PATH");
    results.add_option("--to", results_.to, "Put all of them into this directory")
        ->type_name("DIR");
    results.add_option("--attempt", results_.attempt, "Of this attempt (default: the latest)");
    CLI::App& explain = command("explain", "Why a job waits", explain_);
    add_common(explain, explain_.common);
    explain.add_option("id", explain_.id, "Job")->required()->type_name("JOB");
    add_common(command("agents", "Agents, what they offer and do", agents_), agents_.common);
    add_common(command("workers", "Processes that run now", workers_), workers_.common);
    CLI::App& top = command("top", "Machines, workers, jobs and the queue, live", top_);
    add_common(top, top_.common);
    top.add_flag("--once", top_.once,
                 "Print once, as text, and leave; also when not on a terminal");
    top.add_option("--sort", top_.sort, "cpu, memory, io, uptime or name (default cpu)")
        ->check(CLI::IsMember({"cpu", "memory", "io", "uptime", "name"}));
    top.add_option("--filter", top_.filter, "Only rows that hold this text");
    top.add_option("--interval", top_.interval, "Between two pictures, 200ms to 60s (default 1s)");
    top.footer(
        "Keys: c m i u n sort by CPU, memory, I/O, uptime, name; r reverses; / filters; tab "
        "and 1-5 show\none part; arrows scroll; space pauses; ? tells more; q leaves. With "
        "--json: one object, unfiltered.");
    command("version", "The version of this program", version_);
    CLI::App& completion = *app_.add_subcommand(
        "completion", "A script that completes commands, flags and ids in a shell");
    completion.add_option("shell", shell_, "The shell it is for")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}))
        ->type_name(std::string(kShells));
    completion.callback([this] {
      result_ = [this] { return Invocation(Message{completion_script(shell_, tree()), 0}); };
    });
  }

  void add_actions() {
    CLI::App& cancel = command("cancel", "Cancel jobs, wherever they are", cancel_);
    add_common(cancel, cancel_.common);
    cancel.add_option("ids", cancel_.ids, "Jobs")->required()->type_name("JOB");
    CLI::App& retry = command("retry", "A new job like one that has ended", retry_);
    add_common(retry, retry_.common);
    retry.add_option("id", retry_.id, "Job")->required()->type_name("JOB");
    CLI::App& drain = command("drain", "Place nothing more on an agent", drain_);
    add_common(drain, drain_.common);
    drain.add_option("agent", drain_.agent, "Agent id")->required()->type_name("AGENT");
    drain.add_flag("--undo", drain_.undo, "Place work on it again");
  }

  CLI::App& certificate_command(CLI::App& parent, CertCommand::Action action, const char* name,
                                const char* help) {
    CLI::App& sub = *parent.add_subcommand(name, help);
    sub.callback([this, action] {
      cert_.action = action;
      result_ = [this] { return Invocation(cert_); };
    });
    if (action != CertCommand::Action::Show) {
      sub.add_option("--dir", cert_.dir, "Directory of the authority (default ./hearth-tls)")
          ->type_name("DIR");
      sub.add_option("--days", cert_.days,
                     "How long the certificate is good (default 397; the authority 3650)");
    }
    return sub;
  }

  void add_certificates() {
    using Action = CertCommand::Action;
    CLI::App& cert = *app_.add_subcommand("cert", "Certificates of an authority of your own");
    cert.require_subcommand(1);
    const auto add_hosts = [this](CLI::App& sub) {
      sub.add_option("--host", cert_.hosts,
                     "Name or address the server is reached by; repeatable (this machine's names "
                     "are always among them)")
          ->allow_extra_args(false);
    };
    add_hosts(certificate_command(cert, Action::Init, "init",
                                  "Make an authority, and by it a server's certificate"));
    CLI::App& server =
        certificate_command(cert, Action::Server, "server", "Make or renew a server's certificate");
    add_hosts(server);
    server.add_option("--name", cert_.name, "Name of its files (default server)");
    CLI::App& client = certificate_command(cert, Action::Client, "client",
                                           "Make or renew a certificate for a client or agent");
    client.add_option("--name", cert_.name, "Who shows it; also the name of its files")->required();
    CLI::App& show =
        certificate_command(cert, Action::Show, "show", "What a certificate says: names, dates");
    show.add_option("file", cert_.file, "Certificate (PEM)")->required()->type_name("FILE");
  }

  void add_tokens() {
    CLI::App& tokens = *app_.add_subcommand("token", "Make, list and revoke tokens");
    tokens.require_subcommand(1);
    CLI::App& create = add_token_action(tokens, TokenAction::Create, "create",
                                        "Make a token; it is printed once and kept nowhere");
    create.add_option("--name", token_.name, "Name shown in lists");
    create
        .add_option("--scope", token_.scopes,
                    "Any of submit, read, agent, admin, with commas (default submit,read); admin "
                    "stands for all")
        ->type_name("submit|read|agent|admin,...");
    create.add_option("--expires", token_.expires,
                      "For how long it is good, e.g. 12h, 30d (default: for ever; --join: 24h)");
    create.add_flag("--join", token_.join,
                    "A join token: gives an agent that is started with it a credential of its own");
    create.add_option("--uses", token_.uses, "How many agents may join with it (default 1)");
    create.add_option("--agent", token_.agent, "The only agent id it is good for")
        ->type_name("AGENT");
    add_token_action(tokens, TokenAction::List, "list", "All tokens, without their secrets");
    CLI::App& revoke = add_token_action(tokens, TokenAction::Revoke, "revoke",
                                        "Revoke tokens, at once and for good");
    revoke.add_option("ids", token_.ids, "Token ids, as `hearth token list` shows them")
        ->required()
        ->type_name("TOKEN");
  }

  CLI::App& add_token_action(CLI::App& tokens, TokenAction action, const char* name,
                             const char* help) {
    CLI::App& sub = *tokens.add_subcommand(name, help);
    sub.callback([this, action] {
      token_.action = action;
      result_ = [this] { return Invocation(token_); };
    });
    add_common(sub, token_.common);
    sub.add_option("--data", token_.data,
                   "Straight in this data directory, while its controller does not run")
        ->type_name("DIR");
    return sub;
  }

  CLI::App app_;
  std::function<Invocation()> result_;
  DaemonCommand daemons_[4];
  RunCommand run_;
  SubmitCommand submit_;
  JobsCommand jobs_;
  LogsCommand logs_;
  ResultsCommand results_;
  CancelCommand cancel_;
  RetryCommand retry_;
  ExplainCommand explain_;
  AgentsCommand agents_;
  WorkersCommand workers_;
  TopCommand top_;
  DrainCommand drain_;
  CertCommand cert_;
  TokenCommand token_;
  VersionCommand version_;
  std::string shell_;
};

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& arguments) {
  return Parser().parse(arguments);
}

CommandSpec command_tree() {
  return Parser().tree();
}

}  // namespace hearth::cli
