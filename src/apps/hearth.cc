// The program: reads the command line and the environment, and hands over.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apps/config_view.h"
#include "apps/daemon.h"
#include "apps/local_tokens.h"
#include "apps/signals.h"
#include "apps/version.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/options.h"

namespace hearth {
namespace {

std::map<std::string, std::string> environment_of_process() {
  std::map<std::string, std::string> variables;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

int print(const cli::Message& message) {
  std::fputs(message.text.c_str(), message.exit_code == 0 ? stdout : stderr);
  return message.exit_code;
}

int run_client(const cli::Invocation& invocation,
               const std::map<std::string, std::string>& environment) {
  auto interrupts = apps::SignalFd::block({SIGINT});
  if (!interrupts) {
    std::fprintf(stderr, "hearth: %s\n", interrupts.error().message.c_str());
    return cli::kExitHearthFailed;
  }
  return cli::run_client_command(invocation, environment, {.interrupt_fd = interrupts->get()});
}

int run(const std::vector<std::string>& arguments) {
  const auto environment = environment_of_process();
  const cli::Invocation invocation = cli::parse_command_line(arguments);
  if (const auto* message = std::get_if<cli::Message>(&invocation)) {
    return print(*message);
  }
  if (std::holds_alternative<cli::VersionCommand>(invocation)) {
    std::printf("hearth %s\n", apps::kVersion);
    return 0;
  }
  if (const auto* daemon = std::get_if<cli::DaemonCommand>(&invocation)) {
    const int exit_code = apps::run_daemon(*daemon, environment);
    std::fflush(nullptr);
    std::_Exit(exit_code);  // as keep_grpc_running asks for
  }
  if (const auto* cert = std::get_if<cli::CertCommand>(&invocation)) {
    SystemClock clock;
    return cli::run_cert_command(*cert, clock, apps::host_name(), {});
  }
  if (const auto* token = std::get_if<cli::TokenCommand>(&invocation);
      token != nullptr && !token->data.empty()) {
    return apps::manage_local_tokens(*token);
  }
  return run_client(invocation, environment);
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  // Every peer that fails a handshake would write to stderr past the log's level and form. What
  // this process itself meets comes back as a status and is logged. Set it to see more.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  try {
    return hearth::run({argv + 1, argv + argc});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "hearth: unexpected failure: %s\n", failure.what());
    return hearth::cli::kExitHearthFailed;
  }
}
