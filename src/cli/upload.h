// What the flags of a job come to at the controller: --upload is sent before the job is submitted.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/options.h"
#include "cli/session.h"

namespace hearth::cli {

// Sends a folder, packed, or an archive, as it is, and returns the upload's id. What the controller
// would refuse is refused before a byte of it is sent.
Result<std::string> send_upload(Session& session, const std::string& path);

// The body of POST /v1/jobs, with what the files hold that flags name. Nothing is sent for a job
// that could not be submitted for its flags.
Result<std::string> prepare_job(Session& session, const JobOptions& options);

}  // namespace hearth::cli
