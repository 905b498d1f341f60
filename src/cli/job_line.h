// What a job runs, in one line.
#pragma once

#include <string>

#include <boost/json/fwd.hpp>

namespace hearth::cli {

// The words of its command, or "LANGUAGE: " and the first line of its script that is not blank; cut
// where it is longer than anybody is shown. As it was given: not yet safe for a terminal.
std::string job_line(const boost::json::value& job);

}  // namespace hearth::cli
