// The flags that several commands share.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/options.h"

namespace hearth::cli {

// Of every command that asks a controller.
void add_common(CLI::App& app, Common& common);
// Of a job that is to run, and its command.
void add_job_options(CLI::App& app, JobOptions& job);

}  // namespace hearth::cli
