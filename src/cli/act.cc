#include <unistd.h>

#include <cerrno>

#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/json_text.h"

namespace hearth::cli {

namespace {

Result<> report(const Session& session, const boost::json::value& answer, const std::string& line) {
  return session.out((session.json() ? boost::json::serialize(answer) : line) + "\n");
}

struct Runner {
  Session& session;

  Result<int> operator()(const RunCommand& command) { return run_job(session, command); }
  Result<int> operator()(const SubmitCommand& command) { return submit_jobs(session, command); }
  Result<int> operator()(const JobsCommand& command) { return show_jobs(session, command); }
  Result<int> operator()(const LogsCommand& command) { return show_logs(session, command); }
  Result<int> operator()(const ResultsCommand& command) { return show_results(session, command); }
  Result<int> operator()(const CancelCommand& command) { return cancel_jobs(session, command); }
  Result<int> operator()(const RetryCommand& command) { return retry_job(session, command); }
  Result<int> operator()(const ExplainCommand& command) {
    return show_explanation(session, command);
  }
  Result<int> operator()(const AgentsCommand&) { return show_agents(session); }
  Result<int> operator()(const WorkersCommand&) { return show_workers(session); }
  Result<int> operator()(const TopCommand& command) { return show_top(session, command); }
  Result<int> operator()(const DrainCommand& command) { return drain_agent(session, command); }
  Result<int> operator()(const TokenCommand& command) { return manage_tokens(session, command); }
  Result<int> operator()(const CertCommand&) { return internal_error("not a client command"); }
  Result<int> operator()(const VersionCommand&) { return internal_error("not a client command"); }
  Result<int> operator()(const DaemonCommand&) { return internal_error("not a client command"); }
  Result<int> operator()(const Message&) { return internal_error("not a client command"); }
};

const Common* common_of(const Invocation& invocation) {
  return std::visit(
      [](const auto& command) -> const Common* {
        if constexpr (requires { command.common; }) {
          return &command.common;
        } else {
          return nullptr;
        }
      },
      invocation);
}

// run says 125, since 1 is an exit code that jobs have; usage errors are 2 everywhere.
int exit_code_for(const Error& error, bool is_run) {
  if (error.code == ErrorCode::InvalidArgument && error.kind.empty()) {
    return kExitUsage;
  }
  return is_run ? kExitHearthFailed : kExitBadNews;
}

std::string error_text(const Error& error, bool json) {
  if (!json) {
    return "hearth: " + error.message + "\n";
  }
  boost::json::object object{{"error", error.message}};
  if (!error.kind.empty()) {
    object["code"] = error.kind;
  }
  if (!error.field.empty()) {
    object["field"] = error.field;
  }
  return boost::json::serialize(object) + "\n";
}

}  // namespace

int run_client_command(const Invocation& invocation,
                       const std::map<std::string, std::string>& environment, Terminal terminal) {
  const Common none;
  const Common* common = common_of(invocation);
  auto session = Session::open(common == nullptr ? none : *common, environment, terminal);
  const bool is_run = std::holds_alternative<RunCommand>(invocation);
  if (!session) {
    const std::string text = error_text(session.error(), common != nullptr && common->json);
    const Terminal& out = terminal;
    [[maybe_unused]] const auto written = ::write(out.err_fd, text.data(), text.size());
    return kExitUsage;
  }
  const Result<int> ended = std::visit(Runner{*session}, invocation);
  if (ended) {
    return *ended;
  }
  if (ended.error().sys_errno == EPIPE) {
    return kExitFine;
  }
  [[maybe_unused]] const auto said = session->err(error_text(ended.error(), session->json()));
  return exit_code_for(ended.error(), is_run);
}

Result<int> cancel_jobs(Session& session, const CancelCommand& command) {
  int exit_code = kExitFine;
  for (const std::string& id : command.ids) {
    const auto answer = session.post("/v1/jobs/" + url_encode(id) + "/cancel", "{}");
    if (!answer) {
      HEARTH_TRY(session.err("hearth: " + id + ": " + answer.error().message + "\n"));
      exit_code = kExitBadNews;
      continue;
    }
    HEARTH_TRY(report(session, *answer,
                      id + " " + text_of(*answer, "state") +
                          (has_value(*answer, "completedAt") ? "" : ", being cancelled")));
  }
  return exit_code;
}

Result<int> retry_job(Session& session, const RetryCommand& command) {
  HEARTH_ASSIGN(const auto answer,
                session.post("/v1/jobs/" + url_encode(command.id) + "/retry", "{}"));
  HEARTH_TRY(report(session, answer, text_of(answer, "id")));
  return kExitFine;
}

Result<int> drain_agent(Session& session, const DrainCommand& command) {
  HEARTH_ASSIGN(const auto answer,
                session.post("/v1/agents/" + url_encode(command.agent) + "/drain",
                             command.undo ? R"({"enable":false})" : R"({"enable":true})"));
  HEARTH_TRY(report(
      session, answer,
      command.agent +
          (command.undo ? " takes work again" : " gets no more work; what runs there goes on")));
  return kExitFine;
}

}  // namespace hearth::cli
