// The commands that talk to a controller. Each returns its exit code; an Error becomes one line on
// stderr.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "cli/options.h"
#include "cli/session.h"

namespace hearth::cli {

// Any Invocation but a DaemonCommand, and a TokenCommand with a data directory, which the program
// runs itself.
int run_client_command(const Invocation& invocation,
                       const std::map<std::string, std::string>& environment, Terminal terminal);

// `hearth cert`: works on files alone. `host_name` is this machine's.
int run_cert_command(const CertCommand& command, Clock& clock, const std::string& host_name,
                     Terminal terminal);

Result<int> run_job(Session& session, const RunCommand& command);
Result<int> submit_jobs(Session& session, const SubmitCommand& command);
Result<int> show_jobs(Session& session, const JobsCommand& command);
Result<int> show_logs(Session& session, const LogsCommand& command);
Result<int> show_results(Session& session, const ResultsCommand& command);
Result<int> show_explanation(Session& session, const ExplainCommand& command);
Result<int> show_agents(Session& session);
Result<int> show_workers(Session& session);
Result<int> show_top(Session& session, const TopCommand& command);
Result<int> cancel_jobs(Session& session, const CancelCommand& command);
Result<int> retry_job(Session& session, const RetryCommand& command);
Result<int> drain_agent(Session& session, const DrainCommand& command);
Result<int> manage_tokens(Session& session, const TokenCommand& command);

}  // namespace hearth::cli
